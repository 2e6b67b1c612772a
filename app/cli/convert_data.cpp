// syolo convert-data: a dataset in another format. The source is only read.

#include <memory>

#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/json.h"
#include "app/cli/options.h"

namespace syolo::cli {
namespace {

struct ConvertDataArgs {
  std::string data, out;
  int to = 0, pictures = 0;
};

std::vector<std::string_view> written_formats() {
  std::vector<std::string_view> names;
  for (const DatasetFormat& row : dataset_formats()) {
    if (row.write != nullptr) names.push_back(row.name);
  }
  return names;
}

Exit run(const ConvertDataArgs& args, Console& out) {
  refuse_inside(args.out, args.data);
  const DatasetFormat& from = dataset_format(args.data);
  const DatasetFormat& to = *find_format(written_formats()[static_cast<std::size_t>(args.to)]);
  const std::vector<Part> parts = load_parts_for(args.data, out);
  if (pictures_in(parts) == 0) {
    throw Error(ErrorKind::input, "expected pictures, found none that can be read",
                {.file = args.data});
  }
  WriteOptions options;
  options.pictures = static_cast<Pictures>(args.pictures);
  options.progress = [&out](std::int64_t done, std::int64_t total) {
    out.progress(done, total, "pictures");
  };
  const Findings lost = to.write(parts, args.out, options);
  out.end_progress();
  report(lost, out);
  if (out.globals.json) {
    Json not_kept = Json::array();
    for (const Finding& finding : lost) not_kept.push_back(finding.text);
    out.print(document({{"from", from.name},
                        {"to", to.name},
                        {"out", args.out},
                        {"parts", parts_json(parts)},
                        {"not_kept", not_kept}}));
  } else {
    out.print(format("{}: {} -> {}: {}\n", printable(args.out, 4000), from.name, to.name,
                     parts_text(parts)));
  }
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<ConvertDataArgs>();
  add_text(cli, "data,--data", args->data, "DATASET",
           "YAML, .data, list, COCO JSON, VOC or picture folder")
      ->required();
  add_choice(cli, "--to", args->to, written_formats(), "F",
             "coco, darknet, yolo, voc, classes (required)")
      ->required();
  add_text(cli, "--out", args->out, "DIR", "a new or empty folder (required)")->required();
  add_choice(cli, "--pictures", args->pictures, {"copy", "link", "none"}, "HOW",
             "copy, link (symbolic links) or none (default: copy)");
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command convert_data_command() {
  return {"convert-data",
          "",
          "a dataset in another format: YOLO, Darknet, COCO, VOC, class folders",
          "DATASET --to FORMAT --out DIR [options]",
          "syolo convert-data my/dataset.yaml --to coco --out converted",
          bind};
}

}  // namespace syolo::cli

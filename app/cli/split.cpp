// syolo split: a dataset's parts, by lists; pictures and labels stay where they are.

#include "syolo/data/split.h"

#include <filesystem>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/json.h"
#include "app/cli/options.h"
#include "syolo/data/coco.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

struct SplitArgs {
  std::string data, out, shares = "80,20,0";
  int grouping = 0;
};

std::array<double, 3> read_shares(const std::string& text) {
  std::array<double, 3> shares{};
  const std::vector<std::string_view> words = split(text, ',');
  double sum = 0;
  bool good = words.size() == 2 || words.size() == 3;
  for (std::size_t i = 0; good && i < words.size(); ++i) {
    const std::optional<double> value = parse_real(trim(words[i]));
    good = value && *value >= 0;
    shares[i] = good ? *value : 0;
    sum += shares[i];
  }
  if (!good || sum <= 0) {
    throw Error(ErrorKind::usage,
                format("expected two or three shares as 80,20 or 0.7,0.2,0.1, found \"{}\"",
                       printable(text)),
                {.file = {}, .item = "--shares"});
  }
  return shares;
}

/// Pictures with YOLO labels are found again from lists; other formats get COCO files.
void write_parts(const std::vector<Part>& parts, const fs::path& folder, bool yolo) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    throw Error(ErrorKind::usage, "expected a new or empty folder, found one with files in it",
                {.file = folder.string(), .item = "--out"});
  }
  fs::create_directories(yolo ? folder : folder / "annotations", error);
  std::string yaml = "path: .\n";
  for (const Part& part : parts) {
    const std::string name(word(part.split));
    std::string list;
    Dataset copy = part.data;
    for (Item& item : copy.items) {
      item.image = fs::absolute(item.image).lexically_normal();
      list += item.image.string() + "\n";
    }
    write_file_atomic(folder / (name + ".txt"), list);
    if (!yolo) write_coco(copy, folder / "annotations" / ("instances_" + name + ".json"));
    yaml += format("{0}: {0}.txt\n", name);
  }
  if (!yolo) return;
  yaml += "names:\n";
  for (const std::string& name : parts.front().data.names) {
    yaml += "  - " + Json(printable(name, 1000)).dump() + "\n";
  }
  write_file_atomic(folder / "dataset.yaml", yaml);
}

void print_table(const std::vector<Part>& parts, Console& out) {
  const std::vector<std::string>& names = parts.front().data.names;
  std::string head = format("{:<20}", "");
  for (const Part& part : parts) head += format("{:>10}", word(part.split));
  out.print(head + "\n");
  std::string row = format("{:<20}", "pictures");
  for (const Part& part : parts) row += format("{:>10}", part.data.items.size());
  out.print(row + "\n");
  for (std::size_t c = 0; c < names.size(); ++c) {
    row = format("{:<20}", printable(names[c], 20));
    for (const Part& part : parts) {
      std::int64_t count = 0;
      for (const Item& item : part.data.items) {
        for (const Truth& truth : item.truths) count += truth.cls == static_cast<int>(c) ? 1 : 0;
        count += item.cls == static_cast<int>(c) ? 1 : 0;
      }
      row += format("{:>10}", count);
    }
    out.print(row + "\n");
  }
}

Exit run(const SplitArgs& args, Console& out) {
  refuse_inside(args.out, args.data);
  SplitOptions options;
  options.shares = read_shares(args.shares);
  options.grouping = static_cast<Grouping>(args.grouping);
  options.seed = out.globals.seed;
  const std::string_view form = dataset_format(args.data).name;
  const bool yolo = form != "coco" && form != "voc";
  const std::vector<Part> parts = split_dataset(joined(load_parts_for(args.data, out)), options);
  if (form == "classes") {  // folders of links
    find_format(form)->write(parts, args.out, {.pictures = Pictures::link, .progress = {}});
  } else {
    write_parts(parts, args.out, yolo);
  }
  if (!out.globals.json) {
    print_table(parts, out);
    return Exit::done;
  }
  out.print(document({{"out", args.out}, {"seed", options.seed}, {"parts", parts_json(parts)}}));
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<SplitArgs>();
  add_text(cli, "data,--data", args->data, "DATASET", "a dataset in any format")->required();
  add_text(cli, "--out", args->out, "DIR", "a new or empty folder for lists (required)")
      ->required();
  add_text(cli, "--shares", args->shares, "A,B,C", "train,val,test (default: 80,20,0)");
  add_choice(cli, "--group", args->grouping, {"none", "prefix", "folder"}, "G",
             "keep together: none, prefix (frames of a series), folder");
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command split_command() {
  return {"split",
          "",
          "a dataset's parts: every class in its share, groups kept together",
          "DATASET --out DIR [options]",
          "syolo split my/pictures --shares 80,10,10 --group prefix --out parts",
          bind};
}

}  // namespace syolo::cli

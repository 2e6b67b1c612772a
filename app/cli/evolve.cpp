// syolo train evolve: one training after another, each with hyper-parameters that the ones before
// suggest. A search is its folder: evolve.json says what is searched, evolve.csv what is done, and
// both together what comes next, so that it can be stopped at any moment.

#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/hyperparameters.h"
#include "app/cli/interrupt.h"
#include "app/cli/results.h"
#include "app/cli/run_pictures.h"
#include "app/cli/train.h"
#include "syolo/base/file.h"
#include "syolo/eval/evolution.h"
#include "syolo/image/codec.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kNever = 100'000;  // epochs: the last one alone is measured
constexpr int kMostGenerations = 100'000;

struct EvolveArgs {
  EvolveArgs() { train.evaluate_every = kNever; }
  TrainArgs train;
  int generations = 100;
};

// -- evolve.json: what is searched ------------------------------------------------------------

struct Settings {
  int generations = 0;
  std::map<std::string, std::string> options;  // of the command line, by name
  std::vector<double> values;                  // hyper-parameters to start from
};

std::vector<std::string> names() {
  const Json json = hyperparameters({});
  std::vector<std::string> all;
  for (const auto& [name, value] : json.items()) all.push_back(name);
  return all;
}
std::vector<double> values_of(const TrainOptions& options) {
  const Json json = hyperparameters(options);
  std::vector<double> values;
  for (const auto& [name, value] : json.items()) values.push_back(value);
  return values;
}
Json named(const std::vector<double>& values) {
  Json json = Json::object();
  std::size_t i = 0;
  for (const std::string& name : names()) json[name] = values[i++];
  return json;
}

/// What a search is about, of what was typed; hyper-parameters are kept as values.
std::map<std::string, std::string> options_of(const CLI::App& cli, const TrainArgs& args) {
  constexpr std::array<std::string_view, 7> kOthers = {"out",   "resume", "generations", "hyp",
                                                       "quiet", "json",   "help"};
  std::map<std::string, std::string> options;
  for (const CLI::Option* option : cli.get_options()) {
    const std::string& name = option->get_lnames().front();
    const auto is_number = [&](const TrainArgs::Number& number) { return number.option == option; };
    if (option->count() == 0 || std::ranges::count(kOthers, name) > 0 ||
        std::ranges::any_of(args.numbers, is_number)) {
      continue;
    }
    options[name] = option->results().front();
  }
  // Wherever the search goes on, it means the same files.
  for (const char* name : {"data", "weights"}) {
    if (options.contains(name)) options[name] = fs::absolute(options[name]).string();
  }
  const FoundModel model = find_model(args.model.model);
  options["model"] = model.zoo != nullptr ? model.path : fs::absolute(model.path).string();
  return options;
}

void write_settings(const Path& file, const Settings& settings) {
  write_file_atomic(file, document({{"generations", settings.generations},
                                    {"options", settings.options},
                                    {"hyp", named(settings.values)}}));
}

Settings read_settings(const Path& file) {
  const Json json = Json::parse(read_text(file, Limits{}.text_bytes), nullptr, false);
  return with_where({.file = file.string(), .item = {}}, [&] {
    require(json.is_object() && json.contains("generations") && json.contains("options") &&
                json.contains("hyp") && json["generations"].is_number_unsigned() &&
                json["generations"] <= kMostGenerations && json["options"].is_object(),
            "expected what syolo train evolve wrote, found another");
    Settings settings;
    settings.generations = json["generations"].get<int>();
    for (const auto& [name, value] : json["options"].items()) {
      require(value.is_string(), "expected an option's value as text, found another");
      settings.options[name] = value.get<std::string>();
    }
    TrainOptions checked;
    set_hyperparameters(json["hyp"], {.file = file.string(), .item = "hyp"}, checked);
    settings.values = values_of(checked);
    return settings;
  });
}

/// As if the options had been typed.
void set_options(const Settings& settings, const Path& file, CLI::App& cli) {
  for (const auto& option : settings.options) {
    with_where({.file = file.string(), .item = option.first}, [&] {
      CLI::Option* target = cli.get_option_no_throw("--" + option.first);
      require(
          target != nullptr && (target->get_items_expected_max() > 0 || option.second == "true"),
          "expected an option of syolo train evolve and its value, found \"{}\"",
          printable(option.second, 80));
      target->add_result(option.second);
      target->run_callback();
    });
  }
}

// -- the search -------------------------------------------------------------------------------

class Search {
 public:
  Search(Path folder, Settings settings, const TrainArgs& args, Console& out) :
      folder_(std::move(folder)), settings_(std::move(settings)), args_(args), out_(out) {
    evolution_.names = names();
    read();
    std::error_code failed;
    if (fs::exists(settings_file(), failed)) write_settings(settings_file(), settings_);
    if (!evolution_.done.empty()) publish();
  }

  bool done() const { return std::ssize(evolution_.done) >= settings_.generations; }

  /// Trains the next generation. False when it was stopped.
  bool train_next() {
    const std::size_t number = evolution_.done.size() + 1;
    Generation next;
    next.values = number == 1 ? settings_.values : next_generation(evolution_, out_.globals.seed);
    out_.note(format("generation {} of {}", number, settings_.generations));
    if (!train(run_args(number, next.values), number, next)) return false;
    evolution_.done.push_back(std::move(next));
    publish();
    say(number - 1);
    return true;
  }

  void print_result(bool stopped) const {
    const std::vector<Generation>& rows = evolution_.done;
    Json json = {{"out", folder_.string()}, {"generations", rows.size()}, {"stopped", stopped}};
    if (!rows.empty()) {
      const std::size_t best = evolution_.best();
      const Generation& row = rows[best];
      json["best"] = {{"generation", best + 1},
                      {"P", row.precision},
                      {"R", row.recall},
                      {"AP50", row.ap50},
                      {"AP", row.ap},
                      {"fitness", rounded(row.fitness(), 5)},
                      {"hyp", (folder_ / "best.yaml").string()},
                      {"model", (run_folder(best + 1) / "weights/best.safetensors").string()}};
      if (!out_.globals.json) {
        out_.print(format("best: generation {} of {}, AP50 {:.3f}, AP {:.3f}: {}\n", best + 1,
                          rows.size(), row.ap50, row.ap, (folder_ / "best.yaml").string()));
      }
    }
    if (out_.globals.json) out_.print(document(json));
  }

 private:
  Path settings_file() const { return folder_ / "evolve.json"; }
  Path run_folder(std::size_t number) const { return folder_ / format("gen-{:03}", number); }

  void read() {
    const Path file = folder_ / "evolve.csv";
    std::error_code failed;
    if (!fs::exists(file, failed)) return;
    evolution_ =
        read_evolution(read_text(file, 64 * Limits{}.text_bytes), file.string(), evolution_.names);
    TrainOptions checked;
    for (std::size_t i = 0; i < evolution_.done.size(); ++i) {
      set_hyperparameters(named(evolution_.done[i].values),
                          {.file = file.string(), .line = static_cast<int>(i) + 2, .item = {}},
                          checked);
    }
  }

  /// The run anew, or on from where it was stopped.
  TrainArgs run_args(std::size_t number, const std::vector<double>& values) const {
    const Path run = run_folder(number);
    std::error_code failed;
    bool has_state = false;
    for (const fs::directory_entry& entry : fs::directory_iterator(run / "state", failed)) {
      has_state = has_state || entry.path().extension() == ".state";
    }
    TrainArgs args = args_;
    if (has_state) {
      args.resume = run.string();
    } else {
      fs::remove_all(run, failed);  // begun, but not so far that there is something to go on from
      args.out = run.string();
      args.began = [this] { write_settings(settings_file(), settings_); };
    }
    args.values = named(values), args.in_search = true;
    return args;
  }

  /// False when it was stopped.
  bool train(const TrainArgs& args, std::size_t number, Generation& row) {
    try {
      if (run_training(args, out_).result.stopped) return false;
    } catch (const Error& error) {
      // A child that diverges is one that is not fit; the values to start from must not.
      if (error.kind() != ErrorKind::diverged || number == 1) throw;
      out_.end_progress();
      out_.warn(format("generation {} counts as 0: {}", number, error.what()));
      return true;
    }
    const Path file = run_folder(number) / "results.csv";
    const History history = read_history(read_text(file, 64 * Limits{}.text_bytes));
    const auto last = [&](std::string_view column) {
      const double value = history.rows.empty() ? NAN : history.at(history.rows.size() - 1, column);
      with_where({.file = file.string(), .item = std::string(column)},
                 [&] { require(value <= 1, "expected a number up to 1, found another"); });
      return std::max(value, 0.0);
    };
    row.precision = last("precision"), row.recall = last("recall");
    row.ap50 = last("AP50"), row.ap = last("AP");
    return true;
  }

  /// Everything but the runs; of those only the best stays.
  void publish() const {
    const std::size_t best = evolution_.best();
    const Generation& row = evolution_.done[best];
    write_file_atomic(folder_ / "evolve.csv", evolution_csv(evolution_));
    std::string yaml = format("# generation {}: AP50 {}, AP {}\n", best + 1, row.ap50, row.ap);
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      yaml += format("{}: {}\n", evolution_.names[i], row.values[i]);
    }
    write_file_atomic(folder_ / "best.yaml", yaml);
    save_image(folder_ / "evolve.png", image_of(sheet_of(evolution_)).view());
    for (std::size_t i = 0; i < evolution_.done.size(); ++i) {
      std::error_code left_there;
      if (i != best) fs::remove_all(run_folder(i + 1), left_there);
    }
  }

  void say(std::size_t i) const {
    const std::size_t best = evolution_.best();
    const auto text = [&](std::size_t at) {
      const Generation& row = evolution_.done[at];
      return format("fitness {:.4f}, AP50 {:.3f}, AP {:.3f}", row.fitness(), row.ap50, row.ap);
    };
    out_.note(format("generation {}: {}; {}", i + 1, text(i),
                     best == i ? std::string("the best so far")
                               : format("the best is {}: {}", best + 1, text(best))));
  }

  Path folder_;
  Settings settings_;
  const TrainArgs& args_;
  Console& out_;
  Evolution evolution_;
};

// -- the command ------------------------------------------------------------------------------

bool says_generations(const CLI::App& cli) {
  return cli.get_option("--generations")->count() > 0;
}

/// The folder of a new search, or of the same one, begun before.
Settings settings_in(const CLI::App& cli, const Path& folder, Settings asked) {
  const Path file = folder / "evolve.json";
  std::error_code failed;
  if (!fs::exists(file, failed)) {
    if (!fs::exists(folder, failed) || fs::is_empty(folder, failed)) return asked;
    throw Error(ErrorKind::usage, "expected a new folder or one of a search, found another",
                {.file = folder.string(), .item = "--out"}, "choose another name");
  }
  const Settings there = read_settings(file);
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorKind::usage,
                format("expected the options of the search that is there, found another {}", what),
                {.file = folder.string(), .item = "--out"},
                format("syolo train evolve --resume {} goes on with it", folder.string()));
  };
  const auto value = [](const Settings& settings, const std::string& name) {
    const auto found = settings.options.find(name);
    return found == settings.options.end() ? std::string() : found->second;
  };
  for (const CLI::Option* option : cli.get_options()) {
    const std::string& name = option->get_lnames().front();
    if (value(asked, name) != value(there, name)) refuse("--" + name);
  }
  for (std::size_t i = 0; i < asked.values.size(); ++i) {
    if (asked.values[i] != there.values[i]) refuse(names()[i]);
  }
  if (!says_generations(cli)) asked.generations = there.generations;
  return asked;
}

void check(const TrainArgs& args) {
  const std::string usage = "syolo train evolve MODEL --data DATASET";
  if (args.model.model.empty() || args.data.empty()) {
    contradiction(args.data.empty() ? "--data" : "MODEL", "expected a model and a dataset", usage);
  }
  if (static_cast<TrainRecipe>(args.recipe) == TrainRecipe::darknet) {
    contradiction("--recipe", "expected scaled-yolov4, found darknet",
                  "there the cfg says what would be searched");
  }
}

/// --resume DIR: what was typed when the search began, and DIR.
Settings resumed(CLI::App& cli, const EvolveArgs& args) {
  for (const CLI::Option* option : cli.get_options()) {
    const std::string& name = option->get_lnames().front();
    constexpr std::array<std::string_view, 4> kAllowed = {"resume", "generations", "quiet", "json"};
    if (option->count() == 0 || std::ranges::count(kAllowed, name) > 0) continue;
    contradiction("--resume", format("expected no other options, found --{}", name),
                  "but --generations: the search keeps what it began with");
  }
  const Path file = Path(args.train.resume) / "evolve.json";
  Settings settings = read_settings(file);
  set_options(settings, file, cli);
  check(args.train);
  if (says_generations(cli)) settings.generations = args.generations;
  return settings;
}

Settings begun(const CLI::App& cli, const EvolveArgs& args, const Path& folder) {
  check(args.train);
  TrainOptions start;
  set_given(args.train, start);
  return settings_in(cli, folder,
                     {args.generations, options_of(cli, args.train), values_of(start)});
}

Exit run(CLI::App& cli, EvolveArgs& args, Console& out) {
  TrainArgs& train = args.train;
  Path folder = train.resume;
  Settings settings;
  if (!train.resume.empty()) {
    settings = resumed(cli, args);
  } else {
    folder = train.out.empty() ? new_folder("runs/evolve/", train.model.model) : train.out;
    settings = begun(cli, args, folder);
  }
  train.resume.clear(), train.out.clear();
  Search search(folder, std::move(settings), train, out);
  bool stopped = false;
  while (!stopped && !search.done()) stopped = !search.train_next() || interrupted();
  stopped = stopped && !search.done();
  search.print_result(stopped);
  if (!stopped) return Exit::done;
  out.warn(format("stopped; go on with: syolo train evolve --resume {}", folder.string()));
  return Exit::stopped;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<EvolveArgs>();
  add_int(cli, "--generations", args->generations, 1, kMostGenerations, "N",
          "trainings in all (default 100)");
  add_training(cli, &args->train);
  for (const char* name : {"--overfit", "--profile", "--ranks"})
    cli.remove_option(cli.get_option(name));
  const auto says = [&](const char* name, const char* help) {
    cli.get_option(name)->description(help);
  };
  says("--recipe", "scaled-yolov4 (default) alone can be searched");
  says("--epochs", "of each training (default 300)");
  says("--batch", "pictures at a time (default 16)");
  says("--out", "folder of the search (default runs/evolve/MODEL); a stopped one goes on");
  says("--resume", "go on with a search that was stopped");
  says("--hyp", "hyper-parameters to start from, lines of \"name: value\"");
  says("--eval-every", "measure AP after every N epochs (default: after the last)");
  return [args, &cli](Console& out) { return run(cli, *args, out); };
}

}  // namespace

Command train_evolve_command() {
  return {"train evolve",
          "",
          "search hyper-parameters: train, change the best a little, train again",
          "MODEL --data DATASET [options]",
          "syolo train evolve yolov4-tiny --data my/dataset.yaml --epochs 30 --generations 50",
          bind};
}

}  // namespace syolo::cli

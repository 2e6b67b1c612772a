#include "app/cli/options.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "syolo/base/text.h"

namespace syolo::cli {
namespace {

[[noreturn]] void bad_value(const std::string& name, const std::string& expected,
                            const std::string& found, std::string hint = {}) {
  throw Error(ErrorKind::usage, format("expected {}, found \"{}\"", expected, printable(found)),
              {.file = {}, .item = name}, std::move(hint));
}

std::optional<int> side(std::string_view text) {
  const std::optional<std::int64_t> value = parse_int(text);
  if (!value || *value < 1 || *value > Limits{}.side) return std::nullopt;
  return static_cast<int>(*value);
}

std::optional<Size> parse_size(std::string_view text) {
  std::size_t x = text.find_first_of("xX*,");
  const std::optional<int> width = side(text.substr(0, x));
  const std::optional<int> height = x == std::string_view::npos ? width : side(text.substr(x + 1));
  if (!width || !height) return std::nullopt;
  return Size{*width, *height};
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  int shift = 0;
  for (const std::string_view tail : {"iB", "B", "b"}) {
    if (text.size() > tail.size() && text.ends_with(tail)) {
      text.remove_suffix(tail.size());
      break;
    }
  }
  constexpr std::string_view kUnits = "KMGT";
  if (!text.empty()) {
    const char unit = text.back() >= 'a' ? static_cast<char>(text.back() - 'a' + 'A') : text.back();
    const std::size_t at = kUnits.find(unit);
    if (at != std::string_view::npos) {
      shift = 10 * (static_cast<int>(at) + 1);
      text.remove_suffix(1);
    }
  }
  const std::optional<std::int64_t> value = parse_int(text);
  if (!value || *value < 1 || *value > (std::numeric_limits<std::int64_t>::max() >> shift)) {
    return std::nullopt;
  }
  return *value << shift;
}

CLI::Option* add(CLI::App& cli, const std::string& name, const std::string& value,
                 const std::string& help, const std::function<void(const std::string&)>& set) {
  return cli.add_option_function<std::string>(name, set, help)->type_name(value);
}

}  // namespace

CLI::Option* add_int(CLI::App& cli, const std::string& name, int& target, int low, int high,
                     const std::string& value, const std::string& help) {
  return add(cli, name, value, help, [=, &target](const std::string& text) {
    const std::optional<std::int64_t> number = parse_int(text);
    if (!number || *number < low || *number > high) {
      bad_value(name, format("a whole number in {}..{}", low, high), text);
    }
    target = static_cast<int>(*number);
  });
}

CLI::Option* add_real(CLI::App& cli, const std::string& name, double& target, double low,
                      double high, const std::string& value, const std::string& help) {
  return add(cli, name, value, help, [=, &target](const std::string& text) {
    const std::optional<double> number = parse_real(text);
    if (!number || *number < low || *number > high) {
      bad_value(name, format("a number in {}..{}", low, high), text);
    }
    target = *number;
  });
}

CLI::Option* add_text(CLI::App& cli, const std::string& name, std::string& target,
                      const std::string& value, const std::string& help) {
  return add(cli, name, value, help, [=, &target](const std::string& text) {
    if (text.empty()) bad_value(name, value == "DIR" ? "a folder" : "a name", text);
    target = text;
  });
}

CLI::Option* add_choice(CLI::App& cli, const std::string& name, int& target,
                        const std::vector<std::string_view>& words, const std::string& value,
                        const std::string& help) {
  return add(cli, name, value, help, [=, &target](const std::string& text) {
    const auto found = std::find(words.begin(), words.end(), text);
    if (found == words.end()) {
      std::string list;
      for (const std::string_view word : words)
        list += (list.empty() ? "" : ", ") + std::string(word);
      const std::string_view near = nearest(text, words);
      bad_value(name, "one of " + list, text,
                near.empty() ? "" : format("did you mean \"{}\"?", near));
    }
    target = static_cast<int>(found - words.begin());
  });
}

CLI::Option* add_size(CLI::App& cli, const std::string& name, std::optional<Size>& target,
                      const std::string& help) {
  return add(cli, name, "WxH", help, [=, &target](const std::string& text) {
    target = parse_size(text);
    if (!target) {
      bad_value(name, format("a size such as 416 or 640x480 (sides in 1..{})", Limits{}.side),
                text);
    }
  });
}

CLI::Option* add_size_or_auto(CLI::App& cli, const std::string& name, std::optional<Size>& target,
                              const std::string& help) {
  return add(cli, name, "WxH", help, [=, &target](const std::string& text) {
    target = text == "auto" ? Size{} : parse_size(text);
    if (!target) {
      bad_value(name,
                format("auto or a size such as 416 or 640x480 (sides in 1..{})", Limits{}.side),
                text);
    }
  });
}

CLI::Option* add_bytes(CLI::App& cli, const std::string& name, std::int64_t& target,
                       const std::string& help) {
  return add(cli, name, "BYTES", help, [=, &target](const std::string& text) {
    const std::optional<std::int64_t> bytes = parse_bytes(text);
    if (!bytes) bad_value(name, "a size such as 512M or 4G", text);
    target = *bytes;
  });
}

void add_globals(CLI::App& cli, Globals& globals) {
  add_int(cli, "--threads", globals.threads, 1, 1024, "N", "");
  cli.add_option_function<std::string>("--seed", [&globals](const std::string& text) {
    const std::optional<std::int64_t> number = parse_int(text);
    if (!number || *number < 0) bad_value("--seed", "a whole number from 0", text);
    globals.seed = static_cast<std::uint64_t>(*number);
  });
  cli.add_flag("--quiet", globals.quiet);
  cli.add_flag("--json", globals.json);
  cli.add_flag("--help");
  cli.add_flag("--version");
  for (const char* name : {"--threads", "--seed", "--quiet", "--json", "--help", "--version"}) {
    cli.get_option(name)->group("");  // the help text names them in one line
  }
}

void add_model(CLI::App& cli, ModelArgs& args) {
  cli.add_option("model,--model", args.model, "a cfg, a model file, or a name (syolo list models)")
      ->type_name("MODEL")
      ->required();
  cli.add_flag("--allow-unknown-keys", args.allow_unknown_keys,
               "unknown cfg keys are reported, not errors");
}

void add_weights(CLI::App& cli, ModelArgs& args) {
  add_text(cli, "--weights", args.weights, "FILE", "weights (default: beside the cfg, same name)");
}

void add_names(CLI::App& cli, ModelArgs& args) {
  add_text(cli, "--names", args.names, "FILE", "class names, one a line (default: beside the cfg)");
  add_choice(cli, "--names-mismatch", args.names_mismatch, {"error", "number"}, "HOW",
             "names that do not fit the classes: error, number (default error)");
}

void add_input(CLI::App& cli, ModelArgs& args) {
  add_size(cli, "--input", args.input,
           "network input, pixels: 416 or 640x480 (default: the model's)");
  cli.add_flag("--round-input", args.round_input, "round the input up to a size the network takes");
}

namespace {

/// Where measured choices are kept: $XDG_CACHE_HOME/syolo or ~/.cache/syolo; empty = nowhere.
Path cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache) return Path(cache) / "syolo";
  const char* home = std::getenv("HOME");
  return home && *home ? Path(home) / ".cache" / "syolo" : Path();
}

}  // namespace

PlanOptions PlanArgs::options(const Globals& globals) const {
  PlanOptions plan;
  plan.cache = cache_folder();
  plan.precision = static_cast<Precision>(precision);
  plan.threads = globals.threads;
  if (tune) plan.tune = Tune::measure;
  plan.max_memory = max_memory;
  return plan;
}

void add_plan(CLI::App& cli, PlanArgs& args) {
  add_choice(cli, "--precision", args.precision, {"f32", "bf16", "auto"}, "P",
             "f32, bf16, auto: bf16 where the processor has it (default f32)");
  cli.add_flag("--tune", args.tune,
               "time the ways to compute each layer; later runs keep the fastest");
  add_bytes(cli, "--max-memory", args.max_memory, "refuse plans that need more (default 4G)");
}

std::vector<int> class_numbers(const std::string& list, const std::vector<std::string>& names) {
  std::vector<int> numbers;
  for (const std::string_view raw : split(list, ',')) {
    const std::string_view word = trim(raw);
    if (word.empty()) continue;
    const auto named = std::find(names.begin(), names.end(), word);
    const std::optional<std::int64_t> number = parse_int(word);
    if (named != names.end()) {
      numbers.push_back(static_cast<int>(named - names.begin()));
    } else if (number && *number >= 0 && *number < static_cast<std::int64_t>(names.size())) {
      numbers.push_back(static_cast<int>(*number));
    } else {
      const std::vector<std::string_view> views(names.begin(), names.end());
      const std::string_view near = nearest(word, views);
      bad_value("--classes", format("class names or numbers in 0..{}", names.size() - 1),
                std::string(word), near.empty() ? "" : format("did you mean \"{}\"?", near));
    }
  }
  if (numbers.empty()) bad_value("--classes", "at least one class", list);
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

}  // namespace syolo::cli

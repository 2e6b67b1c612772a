#include "app/cli/arguments.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <set>
#include <utility>

#include "syolo/base/error.h"

namespace syolo::cli {
namespace {

// Spellings that people bring from other detectors. The second may be no option of the command.
constexpr std::array<std::pair<std::string_view, std::string_view>, 27> kAliases = {{
    {"imgsz", "input"},
    {"img-size", "input"},
    {"img", "input"},
    {"size", "input"},
    {"conf-thres", "conf"},
    {"conf-thresh", "conf"},
    {"confidence", "conf"},
    {"thresh", "conf"},
    {"threshold", "conf"},
    {"iou", "nms"},
    {"iou-thres", "nms"},
    {"iou-thresh", "nms"},
    {"nms-thres", "nms"},
    {"nms-thresh", "nms"},
    {"batch-size", "batch"},
    {"source", "inputs"},
    {"weight", "weights"},
    {"class-names", "names"},
    {"letter-box", "letterbox"},
    {"agnostic-nms", "agnostic"},
    {"max-dets", "max-det"},
    {"max-detections", "max-det"},
    {"output", "out"},
    {"project", "out"},
    {"output-dir", "out"},
    {"num-threads", "threads"},
    {"cfg", "model"},
}};

// Options of other programs that have no counterpart here, with what to do instead.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kForeign = {{
    {"dont-show", "nothing opens a window here: leave it out"},
    {"ext-output", "boxes are always printed: leave it out"},
    {"save-labels", "YOLO txt files: --format yolo --out DIR"},
    {"save-txt", "YOLO txt files: --format yolo --out DIR"},
    {"save-json", "a result file: --format coco --save FILE"},
    {"out-filename", "an annotated video: --video-out FILE"},
    {"device", "syolo runs on the processor: leave it out (--threads N limits it)"},
    {"gpus", "syolo runs on the processor: leave it out (--threads N limits it)"},
    {"data", "class names: --names FILE"},
    {"show", "nothing opens a window here: annotated pictures go to --out DIR"},
}};

[[noreturn]] void usage(std::string text, std::string hint, std::string item = {}) {
  throw Error(ErrorKind::usage, std::move(text), {.file = {}, .item = std::move(item)},
              std::move(hint));
}

std::string lower_dashed(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

// A key of key=value: so that "rtsp://x?a=b" and "./a=b.jpg" are no options.
bool is_key(std::string_view text) {
  return !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) != 0 &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

bool exists(const std::string& name) {
  std::error_code error;
  return std::filesystem::symlink_status(name, error).type() !=
         std::filesystem::file_type::not_found;
}

class Canonical {
 public:
  Canonical(const CLI::App& cli, const Command& command) : cli_(cli), command_(command) {}

  std::vector<std::string> run(std::span<const std::string> args) {
    for (std::size_t i = 0; i < args.size(); ++i) {
      const std::string& arg = args[i];
      if (arg == "--") {
        plain_.insert(plain_.end(), args.begin() + static_cast<std::ptrdiff_t>(i) + 1, args.end());
        break;
      }
      if (arg.size() > 1 && arg[0] == '-') {
        i += option(arg, i + 1 < args.size() ? &args[i + 1] : nullptr);
      } else if (!key_value(arg)) {
        plain_.push_back(arg);
      }
    }
    options_.emplace_back("--");
    options_.insert(options_.end(), plain_.begin(), plain_.end());
    return std::move(options_);
  }

 private:
  // The option's own name, or empty.
  std::string resolve(std::string_view typed) const {
    std::string name = lower_dashed(typed);
    if (name == "h") return "help";
    if (name == "q") return "quiet";
    if (cli_.get_option_no_throw("--" + name) != nullptr) return name;
    for (const auto& [alias, target] : kAliases) {
      if (alias == name && cli_.get_option_no_throw("--" + std::string(target)) != nullptr) {
        return std::string(target);
      }
    }
    return {};
  }

  [[noreturn]] void unknown(std::string_view shown, std::string_view typed) const {
    const std::string name = lower_dashed(typed);
    for (const auto& [foreign, advice] : kForeign) {
      if (foreign == name)
        usage(format("unknown option {}", printable(shown)), std::string(advice));
    }
    const std::string near = suggestion(name);
    std::string hint = format("all options: syolo {} --help", command_.name);
    if (!near.empty()) hint = format("did you mean --{}? ({})", near, hint);
    usage(format("unknown option {}", printable(shown)), std::move(hint));
  }

  // Options of the help text before other spellings.
  std::string suggestion(const std::string& name) const {
    std::vector<std::string> names, others;
    for (const CLI::Option* option : cli_.get_options()) {
      auto& list = option->get_positional() ? others : names;
      for (const std::string& known : option->get_lnames()) list.push_back(known);
    }
    for (const auto& [alias, target] : kAliases) {
      if (!resolve(alias).empty()) others.emplace_back(alias);
    }
    for (const std::vector<std::string>& list : {names, others}) {
      const std::vector<std::string_view> views(list.begin(), list.end());
      const std::string_view near = nearest(name, views);
      if (!near.empty()) return std::string(near);
    }
    return {};
  }

  bool takes_value(const std::string& name) const {
    return cli_.get_option_no_throw("--" + name)->get_items_expected_max() > 0;
  }

  // Returns how many of the following arguments were its value.
  std::size_t option(const std::string& arg, const std::string* next) {
    const std::size_t dashes = arg.compare(0, 2, "--") == 0 ? 2 : 1;
    const std::size_t equals = arg.find('=');
    const std::string typed =
        arg.substr(dashes, equals == std::string::npos ? std::string::npos : equals - dashes);
    const std::string name = resolve(typed);
    if (name.empty()) unknown(arg.substr(0, equals), typed);
    if (equals != std::string::npos) {
      set(name, arg.substr(0, equals), arg.substr(equals + 1));
      return 0;
    }
    if (!takes_value(name)) {
      set(name, arg, {});
      return 0;
    }
    const bool next_is_option = next != nullptr && next->size() > 2 && (*next)[0] == '-' &&
                                !resolve(next->substr(next->find_first_not_of('-'))).empty();
    if (next == nullptr || next_is_option) {
      usage(format("expected a value, found {}",
                   next == nullptr ? std::string("the end of the command") : printable(*next)),
            format("see syolo {} --help", command_.name), "--" + name);
    }
    set(name, arg, *next);
    return 1;
  }

  bool key_value(const std::string& arg) {
    const std::size_t equals = arg.find('=');
    if (equals == std::string::npos || !is_key(arg.substr(0, equals)) || exists(arg)) return false;
    const std::string typed = arg.substr(0, equals);
    const std::string name = resolve(typed);
    if (name.empty()) unknown(typed + " (and there is no file " + arg + ")", typed);
    set(name, typed, arg.substr(equals + 1));
    return true;
  }

  void set(const std::string& name, const std::string& shown, const std::string& value) {
    if (name == "model" && cli_.get_option("--model")->get_positional()) {
      plain_.insert(plain_.begin(), value);
    } else if (name == "inputs") {
      plain_.push_back(value);
    } else if (!seen_.insert(name).second) {
      usage("expected once, found twice", "leave one of them out", "--" + name);
    } else if (takes_value(name)) {
      // CLI11 would take the argument behind an empty value for the value.
      if (value.empty()) {
        usage("expected a value, found \"\"", format("see syolo {} --help", command_.name),
              "--" + name);
      }
      options_.push_back("--" + name + "=" + value);
    } else if (flag_value(name, shown, value)) {
      options_.push_back("--" + name);
    }
  }

  // --quiet, quiet=true, quiet=0.
  static bool flag_value(const std::string& name, const std::string& shown,
                         const std::string& value) {
    const std::string word = lower_dashed(value);
    if (value.empty() && shown.find('=') == std::string::npos) return true;
    if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
    if (word == "false" || word == "0" || word == "no" || word == "off") return false;
    usage(format("expected true or false, found \"{}\"", printable(value)),
          format("--{} takes no value", name), "--" + name);
  }

  const CLI::App& cli_;
  const Command& command_;
  std::vector<std::string> options_, plain_;
  std::set<std::string> seen_;
};

/// The first word, or the first two where they are a command: "train evolve".
std::string command_words(std::span<const std::string> words) {
  if (words.empty()) return {};
  if (words.size() == 1) return words[0];
  std::string both = words[0] + " " + words[1];
  return find_command(both) != nullptr ? both : words[0];
}

}  // namespace

Request find_request(std::span<const std::string> args) {
  Request request;
  std::string word;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (!word.empty() || (arg.size() > 1 && arg[0] == '-') || arg.find('=') != std::string::npos) {
      const bool leading = word.empty();
      if (leading && (arg == "--help" || arg == "-h")) request.help = true;
      if (leading && (arg == "--version" || arg == "-V")) request.version = true;
      request.args.push_back(arg);
      const bool valued = arg == "--threads" || arg == "--seed";
      if (leading && valued && i + 1 < args.size()) request.args.push_back(args[++i]);
    } else {
      word = command_words(args.subspan(i));
      if (word != arg) ++i;
    }
  }
  request.version = request.version || word == "version";
  if (request.version) return request;
  if (word == "help") {
    word = command_words(request.args);
    request.help = true;
  }
  if (word.empty()) {
    request.help = request.help || args.empty();
    if (request.help) return request;
    usage(format("expected a command, found only {}", printable(args[0])),
          "for example: syolo detect MODEL IMAGE (all commands: syolo --help)");
  }
  request.command = find_command(word);
  if (request.command != nullptr) return request;
  std::vector<std::string_view> names;
  for (const Command& row : commands()) {
    names.push_back(row.name);
    if (!row.alias.empty()) names.push_back(row.alias);
  }
  const std::string_view near = nearest(word, names);
  usage(format("unknown command \"{}\"", printable(word)),
        near.empty() ? "all commands: syolo --help"
                     : format("did you mean \"{}\"? (all commands: syolo --help)", near));
}

std::vector<std::string> canonical(const CLI::App& cli, const Command& command,
                                   std::span<const std::string> args) {
  return Canonical(cli, command).run(args);
}

}  // namespace syolo::cli

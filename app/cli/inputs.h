// What to look at: files, folders, globs, lists of paths, stdin (paths, or one picture), video
// files, camera numbers, stream addresses. Told apart by content. Nothing is decoded here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "syolo/base/error.h"

namespace syolo::cli {

struct Input {
  enum class Kind { file, bytes, video, camera, stream, failed };
  Kind kind = Kind::file;
  std::string name;                          // as results show it
  std::string path;                          // of file, video and stream; the number of a camera
  std::shared_ptr<const std::string> bytes;  // a picture from stdin
  std::shared_ptr<const Error> error;        // failed: why
  bool live() const { return kind == Kind::camera || kind == Kind::stream; }
  bool moving() const { return kind == Kind::video || live(); }
};

/// Lines of a list: a path from the first to the last non-blank byte, in quotes or not.
std::string_view list_entry(std::string_view line);

class Inputs {
 public:
  /// Expands everything except the lines of stdin.
  /// @throws Error(usage) for what can be no input (a cfg, an empty folder), Error(io) for lists
  Inputs(std::span<const std::string> args, bool recursive);
  ~Inputs();
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  /// The next one; waits for stdin. Nothing at the end, or once `stop` has been called.
  /// One thread at a time.
  std::optional<Input> next();
  void stop();

  /// Number of pictures, or 0 when it cannot be known beforehand.
  std::int64_t total() const;
  bool reads_stdin() const { return stdin_ != nullptr; }
  std::span<const Input> listed() const { return list_; }

  /// Files whose overwriting would destroy an input, by device and number.
  bool is_input(const std::string& path) const;

 private:
  class Stdin;
  void add(const std::string& arg);
  void add_file(const std::string& path);
  void add_folder(const std::string& path);
  void add_glob(const std::string& pattern);
  void add_list(const std::string& path);
  std::optional<Input> next_of_stdin();

  std::vector<Input> list_;
  std::size_t at_ = 0;
  std::size_t stdin_at_ = 0;  // stdin's lines come before list_[stdin_at_]
  std::unique_ptr<Stdin> stdin_;
  bool recursive_;
  mutable std::optional<std::set<std::pair<std::uint64_t, std::uint64_t>>> numbers_;
};

}  // namespace syolo::cli

#include "app/cli/inputs.h"

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "app/cli/interrupt.h"
#include "syolo/base/file.h"
#include "syolo/base/limits.h"
#include "syolo/image/codec.h"
#include "syolo/weights/model.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWanted = "a picture, a video, a folder or a list of paths";
constexpr std::size_t kHeadBytes = 1 << 16;

std::int64_t list_bytes() {
  return Limits{}.text_bytes * 64;
}

Input failed(std::string name, Error error) {
  Input input;
  input.kind = Input::Kind::failed;
  input.name = std::move(name);
  input.error = std::make_shared<const Error>(std::move(error));
  return input;
}

Input file(std::string name, std::string path, bool video = false) {
  Input input;
  input.kind = video ? Input::Kind::video : Input::Kind::file;
  input.name = std::move(name);
  input.path = std::move(path);
  return input;
}

/// The first bytes of a regular file; empty when it cannot be read (opening it again says why).
std::string head_of(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return {};
  std::string head(kHeadBytes, '\0');
  const ssize_t got = ::read(fd, head.data(), head.size());
  ::close(fd);
  head.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return head;
}

FileKind kind_of(std::string_view head) {
  return sniff(std::as_bytes(std::span(head)));
}

/// Containers of moving pictures: MP4/MOV, AVI, Matroska/WebM, MPEG, FLV, Ogg.
bool looks_like_video(std::string_view head) {
  const auto at = [&](std::size_t offset, std::string_view text) {
    return head.size() >= offset + text.size() && head.substr(offset, text.size()) == text;
  };
  if (at(4, "ftyp")) return !at(8, "avif") && !at(8, "avis") && !at(8, "heic") && !at(8, "mif1");
  return (at(0, "RIFF") && at(8, "AVI ")) || at(0, "\x1A\x45\xDF\xA3") || at(0, "FLV\x01") ||
         at(0, "OggS") || at(0, std::string_view("\0\0\1\xBA", 4)) ||
         at(0, std::string_view("\0\0\1\xB3", 4)) || (at(0, "G") && at(188, "G") && at(376, "G"));
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool is_there(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

Error missing(const std::string& name, std::string hint = {}) {
  const int reason = errno == 0 ? ENOENT : errno;
  return Error(ErrorKind::io, format("cannot open: {}", std::generic_category().message(reason)),
               {.file = name}, std::move(hint));
}

bool has_image_suffix(const fs::path& path) {
  std::string suffix = path.extension().string();
  for (char& c : suffix) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  const auto known = image_suffixes();
  return std::find(known.begin(), known.end(), suffix) != known.end();
}

std::string suffix_list() {
  std::string out;
  for (const std::string_view suffix : image_suffixes()) {
    out += (out.empty() ? "" : " ") + std::string(suffix);
  }
  return out;
}

[[noreturn]] void wrong_kind(const std::string& path, std::string_view found, std::string hint) {
  throw Error(ErrorKind::usage, format("expected {}, found {}", kWanted, found), {.file = path},
              std::move(hint));
}

/// A line of a list as a path: as written, or relative to the list's folder.
std::string resolved(std::string_view entry, const fs::path& folder) {
  std::string path(entry);
  if (is_there(path) || fs::path(path).is_absolute()) return path;
  std::string beside = (folder / path).string();
  return is_there(beside) ? beside : path;
}

bool looks_like_list(std::string_view text, const fs::path& folder) {
  int seen = 0;
  for (const std::string_view line : lines(text)) {
    const std::string_view entry = list_entry(line);
    if (entry.empty()) continue;
    if (has_image_suffix(fs::path(entry)) || is_there(resolved(entry, folder))) return true;
    if (++seen == 100) break;
  }
  return false;
}

Input entry_input(std::string_view entry, const fs::path& folder) {
  if (entry.find('\0') != std::string_view::npos) {
    return failed(std::string(entry),
                  Error(ErrorKind::input, "expected a path, found a zero byte in it",
                        {.file = printable(entry)}));
  }
  std::string path = resolved(entry, folder);
  errno = 0;
  if (is_there(path)) {
    if (is_folder(path)) {
      return failed(path, Error(ErrorKind::input, "expected a file, found a folder", {.file = path},
                                "lists name files one by one"));
    }
    const bool video = looks_like_video(head_of(path));
    return file(path, path, video);
  }
  const int reason = errno;
  const std::string also = folder.empty() || fs::path(path).is_absolute()
                               ? std::string()
                               : format("also tried {}", (folder / path).string());
  errno = reason;
  return failed(path, missing(path, also));
}

}  // namespace

std::string_view list_entry(std::string_view line) {
  line = trim(line);
  if (line.size() >= 2 && (line.front() == '"' || line.front() == '\'') &&
      line.back() == line.front()) {
    line = line.substr(1, line.size() - 2);
  }
  return line;
}

/// Standard input, read without blocking what must stop.
class Inputs::Stdin {
 public:
  bool first = true;

  /// What the first bytes are; a line of text is not made to wait for more.
  FileKind peek() {
    while (buffer_.size() < 64 && fill()) {
      const FileKind kind = kind_of(buffer_);
      const bool text = kind == FileKind::text || kind == FileKind::names;
      if (text && buffer_.find('\n') != std::string::npos) return kind;
    }
    return kind_of(buffer_);
  }

  std::optional<std::string> line() {
    for (;;) {
      const std::size_t end = buffer_.find('\n', begin_);
      if (end != std::string::npos) {
        std::string out = buffer_.substr(begin_, end - begin_);
        begin_ = end + 1;
        return out;
      }
      buffer_.erase(0, begin_);
      begin_ = 0;
      if (static_cast<std::int64_t>(buffer_.size()) > Limits{}.text_bytes) {
        throw Error(ErrorKind::limit, "expected paths, found a line of more than 1 MiB",
                    {.file = "standard input"});
      }
      if (!fill()) break;
    }
    if (buffer_.empty() || stopped_) return std::nullopt;
    return std::exchange(buffer_, {});
  }

  std::string all(std::int64_t limit) {
    while (fill()) {
      if (static_cast<std::int64_t>(buffer_.size()) > limit) {
        throw Error(ErrorKind::limit, format("expected at most {} bytes", grouped(limit)),
                    {.file = "standard input"});
      }
    }
    return std::move(buffer_);
  }

  void stop() { stopped_ = true; }

 private:
  bool fill() {
    while (!stopped_ && !interrupted()) {
      pollfd wait{STDIN_FILENO, POLLIN, 0};
      const int ready = ::poll(&wait, 1, 100);
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
      std::array<char, 65536> chunk{};
      const ssize_t got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) {
        throw Error(ErrorKind::io,
                    format("cannot read: {}", std::generic_category().message(errno)),
                    {.file = "standard input"});
      }
      buffer_.append(chunk.data(), static_cast<std::size_t>(got));
      return got > 0;
    }
    return false;
  }

  std::string buffer_;
  std::size_t begin_ = 0;
  std::atomic<bool> stopped_ = false;
};

Inputs::Inputs(std::span<const std::string> args, bool recursive) : recursive_(recursive) {
  for (const std::string& arg : args) add(arg);
}

Inputs::~Inputs() = default;

void Inputs::add(const std::string& arg) {
  if (arg == "-") {
    if (stdin_ != nullptr) throw Error(ErrorKind::usage, "expected - once, found it twice");
    stdin_ = std::make_unique<Stdin>();
    stdin_at_ = list_.size();
    return;
  }
  if (arg.empty()) wrong_kind("\"\"", "an empty name", "check the quotes and variables around it");
  errno = 0;
  if (is_there(arg)) return is_folder(arg) ? add_folder(arg) : add_file(arg);
  const int reason = errno;
  if (arg.size() > 1 && arg[0] == '@') return add_list(arg.substr(1));
  const bool number = arg.size() <= 3 && std::all_of(arg.begin(), arg.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
  if (number || arg.find("://") != std::string::npos) {
    Input input = file(arg, arg);
    input.kind = number ? Input::Kind::camera : Input::Kind::stream;
    list_.push_back(std::move(input));
  } else if (arg.find_first_of("*?[") != std::string::npos) {
    add_glob(arg);
  } else {
    errno = reason;
    list_.push_back(failed(arg, missing(arg, "relative paths start at the current folder")));
  }
}

void Inputs::add_file(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    list_.push_back(file(path, path));  // a pipe: its bytes can be read only once
    return;
  }
  const std::string head = head_of(path);
  if (has_image_suffix(path)) {  // if it is none, it fails alone
    list_.push_back(file(path, path));
    return;
  }
  const FileKind kind = kind_of(head);
  const std::string found(name_of(kind));
  switch (kind) {
    case FileKind::cfg:
    case FileKind::safetensors:
    case FileKind::torch_pt:
    case FileKind::onnx:
      wrong_kind(path, found, "the model comes first: syolo detect MODEL INPUT...");
    case FileKind::data:
      wrong_kind(path, found, "class names are given by --names FILE, pictures by a list of paths");
    case FileKind::names:
    case FileKind::text:
      if (looks_like_list(head, fs::path(path).parent_path())) return add_list(path);
      wrong_kind(path, "text of which no line names a picture",
                 "class names are given by --names FILE");
    case FileKind::darknet_weights:
      wrong_kind(path, found, "weights are given by --weights FILE, or lie beside the cfg");
    case FileKind::binary:
    case FileKind::image:
    case FileKind::empty:  // decoding it says what is wrong
      list_.push_back(file(path, path, looks_like_video(head)));
      return;
  }
}

void Inputs::add_folder(const std::string& path) {
  std::vector<std::string> found;
  const auto visit = [&](const fs::directory_entry& entry) {
    std::error_code ignored;
    const std::string name = entry.path().filename().string();
    if (name[0] != '.' && has_image_suffix(entry.path()) && !entry.is_directory(ignored)) {
      found.push_back(entry.path().string());
    }
  };
  const auto skip = fs::directory_options::skip_permission_denied;
  if (recursive_) {
    for (const auto& entry : fs::recursive_directory_iterator(path, skip)) visit(entry);
  } else {
    for (const auto& entry : fs::directory_iterator(path)) visit(entry);
  }
  if (found.empty()) {
    throw Error(ErrorKind::usage, "expected pictures in this folder, found none", {.file = path},
                format("{}: {}", recursive_ ? "looked for" : "--recursive looks deeper; looked for",
                       suffix_list()));
  }
  std::sort(found.begin(), found.end());
  for (const std::string& name : found) list_.push_back(file(name, name));
}

void Inputs::add_glob(const std::string& pattern) {
  glob_t matches{};
  const int result = ::glob(pattern.c_str(), 0, nullptr, &matches);
  std::vector<std::string> found;
  if (result == 0) found.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  ::globfree(&matches);
  if (result == GLOB_NOSPACE) throw std::bad_alloc();
  if (found.empty()) {
    throw Error(ErrorKind::usage, "expected files that match this pattern, found none",
                {.file = pattern});
  }
  for (const std::string& path : found) is_folder(path) ? add_folder(path) : add_file(path);
}

void Inputs::add_list(const std::string& path) {
  const std::string text = read_text(path, list_bytes());
  const fs::path folder = fs::path(path).parent_path();
  const std::size_t before = list_.size();
  for (const std::string_view line : lines(text)) {
    const std::string_view entry = list_entry(line);
    if (!entry.empty()) list_.push_back(entry_input(entry, folder));
  }
  if (list_.size() == before) {
    throw Error(ErrorKind::usage, "expected a list of paths, found no line in it", {.file = path});
  }
}

std::optional<Input> Inputs::next_of_stdin() {
  if (std::exchange(stdin_->first, false)) {
    const FileKind kind = stdin_->peek();
    if (kind == FileKind::image) {
      Input input = file("-", "-");
      input.kind = Input::Kind::bytes;
      input.bytes = std::make_shared<const std::string>(stdin_->all(std::int64_t{1} << 30));
      return input;
    }
    if (kind != FileKind::text && kind != FileKind::names && kind != FileKind::empty) {
      throw Error(ErrorKind::usage, format("expected paths or a picture, found {}", name_of(kind)),
                  {.file = "standard input"}, "for example: ls *.jpg | syolo detect MODEL -");
    }
  }
  while (const std::optional<std::string> line = stdin_->line()) {
    const std::string_view entry = list_entry(*line);
    if (!entry.empty()) return entry_input(entry, {});
  }
  return std::nullopt;
}

std::optional<Input> Inputs::next() {
  if (stdin_ != nullptr && at_ == stdin_at_) {
    if (std::optional<Input> input = next_of_stdin()) return input;
    stdin_at_ = list_.size() + 1;
  }
  if (at_ >= list_.size()) return std::nullopt;
  return list_[at_++];
}

void Inputs::stop() {
  if (stdin_ != nullptr) stdin_->stop();
}

std::int64_t Inputs::total() const {
  const bool moving =
      std::any_of(list_.begin(), list_.end(), [](const Input& input) { return input.moving(); });
  return reads_stdin() || moving ? 0 : static_cast<std::int64_t>(list_.size());
}

bool Inputs::is_input(const std::string& path) const {
  struct stat info {};
  if (!numbers_) {
    numbers_.emplace();
    for (const Input& input : list_) {
      if (!input.path.empty() && ::stat(input.path.c_str(), &info) == 0) {
        numbers_->emplace(info.st_dev, info.st_ino);
      }
    }
  }
  return ::stat(path.c_str(), &info) == 0 && numbers_->count({info.st_dev, info.st_ino}) != 0;
}

}  // namespace syolo::cli

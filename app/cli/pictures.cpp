#include "app/cli/pictures.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "syolo/image/draw.h"
#include "syolo/image/video.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kStemBytes = 100;

Error wrong_folder(const std::string& folder, const std::string& found, std::string hint = {}) {
  return Error(ErrorKind::usage, "expected a folder, found " + found,
               {.file = folder, .item = "--out"}, std::move(hint));
}

}  // namespace

std::string safe_stem(const std::string& input_name) {
  std::string name = input_name.substr(input_name.find_last_of("/\\") + 1);
  const std::size_t dot = name.rfind('.');
  if (dot != std::string::npos && dot > 0) name.resize(dot);
  std::string stem = printable(name, kStemBytes);
  for (char& c : stem) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F ||
        std::string_view("/\\:*?\"<>|").find(c) != std::string_view::npos) {
      c = '_';
    }
  }
  if (stem.empty() || stem == "-") return "stdin";
  if (stem[0] == '.' || stem[0] == '-') stem[0] = '_';
  return stem;
}

OutputFolder::OutputFolder(std::string folder, const Inputs& inputs) :
    folder_(std::move(folder)), inputs_(inputs) {
  std::error_code error;
  const fs::file_status status = fs::status(folder_, error);
  if (fs::exists(status) && !fs::is_directory(status)) {
    throw wrong_folder(folder_, "a file", "results go to a file by --save FILE");
  }
  if (!fs::exists(status)) {
    const std::string suffix = fs::path(folder_).extension().string();
    for (const char* known :
         {".json", ".ndjson", ".csv", ".txt", ".jpg", ".jpeg", ".png", ".mp4"}) {
      if (suffix == known) {
        throw wrong_folder(
            folder_, format("a name ending in {}", suffix),
            "results go to a file by --save FILE, pictures to a folder by --out DIR");
      }
    }
    fs::create_directories(folder_, error);
    if (error)
      throw Error(ErrorKind::io, format("cannot create: {}", error.message()),
                  {.file = folder_, .item = "--out"});
  }
  if (::access(folder_.c_str(), W_OK | X_OK) != 0) {
    throw Error(ErrorKind::io,
                format("cannot write here: {}", std::generic_category().message(errno)),
                {.file = folder_, .item = "--out"});
  }
}

bool OutputFolder::taken(const std::string& path) const {
  struct stat info {};
  if (used_.count(path) != 0) return true;
  if (::lstat(path.c_str(), &info) != 0) return false;
  // A later line of stdin may name what lies here: then nothing that exists is replaced.
  return !S_ISREG(info.st_mode) || inputs_.reads_stdin() || inputs_.is_input(path);
}

std::string OutputFolder::claim(const std::string& stem, std::string_view suffix) {
  std::string path;
  for (int copy = 1;; ++copy) {
    const std::string name =
        copy == 1 ? format("{}{}", stem, suffix) : format("{}-{}{}", stem, copy, suffix);
    path = (fs::path(folder_) / name).string();
    if (!taken(path)) break;
  }
  used_.insert(path);
  return path;
}

Film::Film(const Frame& first, const std::string& path, OutputFolder* folder) :
    name_(first.input.name),
    path_(path.empty() ? folder->claim(safe_stem(first.input.name), ".mp4") : path),
    live_(first.input.live()) {
  constexpr double kUsualRate = 25;  // cameras do not say how fast they are
  writer_ = create_video(path_, first.image.size(), first.fps > 0 ? first.fps : kUsualRate);
}
Film::~Film() = default;
Film::Film(Film&&) noexcept = default;
Film& Film::operator=(Film&&) noexcept = default;

void Film::add(const Image& picture) {
  writer_->write(picture.view());
}
void Film::finish() {
  writer_->finish();
}

void draw(Image& picture, std::span<const Detection> detections,
          const std::vector<std::string>& names) {
  for (auto it = detections.rbegin(); it != detections.rend(); ++it) {
    const std::string label =
        format("{} {:.2f}", printable(class_name(names, it->cls), 60), it->score);
    draw_detection(picture, it->box, it->cls, label);
  }
}

}  // namespace syolo::cli

#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>

#include "syolo/base/error.h"
#include "syolo/base/rng.h"
#include "syolo/data/picture_cache_impl.h"

namespace syolo::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".pixels";

struct Head {
  std::array<char, 8> magic = {'S', 'Y', 'P', 'I', 'X', '1', '\n', 0};
  std::int32_t width = 0, height = 0, channels = 0, reserved = 0;
  std::uint64_t sum = 0;  // of the pixels
};
static_assert(sizeof(Head) == 32);

/// Eight bytes at a time; finds damage, not malice.
std::uint64_t sum_of(std::span<const std::byte> bytes) {
  std::uint64_t sum = bytes.size();
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    sum = (sum ^ word) * 0x9E3779B97F4A7C15ULL;
    sum ^= sum >> 29;
  }
  for (; i < bytes.size(); ++i) sum = mix64(sum ^ std::to_integer<std::uint64_t>(bytes[i]));
  return mix64(sum);
}

}  // namespace

std::shared_ptr<const Image> MemoryCache::find(std::size_t item) {
  const std::scoped_lock lock(mutex_);
  const auto at = images_.find(item);
  return at == images_.end() ? nullptr : at->second;
}

void MemoryCache::keep(std::size_t item, const std::shared_ptr<const Image>& image) {
  const auto bytes = static_cast<std::int64_t>(image->pixels.size());
  const std::scoped_lock lock(mutex_);
  if (bytes > left_ || !images_.emplace(item, image).second) return;
  left_ -= bytes;
}

FileCache::FileCache(Path folder, std::int64_t bytes) : folder_(std::move(folder)), left_(bytes) {
  if (folder_.empty()) return;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (!fs::is_directory(folder_, error)) {
    throw Error(ErrorKind::io,
                "expected a folder for decoded pictures, found none that can be made",
                {.file = folder_.string()});
  }
  fs::directory_iterator it(folder_, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code ignored;  // a file that vanishes meanwhile takes no room
    const std::uintmax_t size = it->file_size(ignored);
    if (!ignored && it->path().extension() == kSuffix) left_ -= static_cast<std::int64_t>(size);
  }
}

Path FileCache::file_of(const Path& picture) const {
  if (folder_.empty()) return {};
  std::error_code error;
  const Path path = fs::absolute(picture, error);
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) return {};
  const auto time = fs::last_write_time(path, error).time_since_epoch().count();
  if (error) return {};
  const std::string name = path.string();
  const std::uint64_t first = sum_of(std::as_bytes(std::span(name)));
  const std::uint64_t second = mix64(first ^ mix64(size) ^ mix64(static_cast<std::uint64_t>(time)));
  return folder_ / format("{:016x}{:016x}{}", first, second, kSuffix);
}

std::shared_ptr<const Image> FileCache::find(const Path& picture, const Limits& limits) const {
  const Path file = file_of(picture);
  std::error_code error;
  if (file.empty() || !fs::exists(file, error)) return nullptr;
  try {
    const auto map = MappedFile::open(file, limits.file_bytes);
    const std::span<const std::byte> bytes = map->bytes();
    Head head, expected;
    if (bytes.size() < sizeof(Head)) return nullptr;
    std::memcpy(&head, bytes.data(), sizeof(Head));
    const auto pixels = bytes.subspan(sizeof(Head));
    const bool sound = head.magic == expected.magic && head.width > 0 && head.height > 0 &&
                       head.channels == 3 &&
                       std::int64_t{head.width} * head.height <= limits.pixels &&
                       std::int64_t{head.width} * head.height * 3 == std::ssize(pixels) &&
                       head.sum == sum_of(pixels);
    if (!sound) return nullptr;
    auto image = std::make_shared<Image>(head.width, head.height, head.channels);
    std::memcpy(image->pixels.data(), pixels.data(), pixels.size());
    return image;
  } catch (const Error&) {
    return nullptr;  // the picture itself is still there
  }
}

void FileCache::keep(const Path& picture, const Image& image) {
  const Path file = file_of(picture);
  if (file.empty() || image.channels != 3) return;
  const auto bytes = static_cast<std::int64_t>(sizeof(Head) + image.pixels.size());
  std::error_code error;
  const bool there = fs::exists(file, error);  // damaged: its room is already counted
  if (!there && left_.fetch_sub(bytes) < bytes) {
    left_ += bytes;
    return;
  }
  Head head;
  head.width = image.width, head.height = image.height, head.channels = image.channels;
  head.sum = sum_of(image.pixels);
  const Path temporary = file.string() + format(".{}-{}.tmp", ::getpid(), ++number_);
  std::ofstream out(temporary, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&head), sizeof(Head));
  out.write(reinterpret_cast<const char*>(image.pixels.data()),
            static_cast<std::streamsize>(image.pixels.size()));
  out.close();
  // No sync: what a power failure tears is found by its sum.
  if (out) fs::rename(temporary, file, error);
  if (!out || error) {
    fs::remove(temporary, error);
    if (!there) left_ += bytes;
  }
}

}  // namespace syolo::data

// Decoded pictures in memory and in files. What is found never influences results: a picture that
// is not there, or not sound, is decoded again.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "syolo/base/file.h"
#include "syolo/base/limits.h"
#include "syolo/image/image.h"

namespace syolo::data {

/// What has no room is not kept.
class MemoryCache {
 public:
  explicit MemoryCache(std::int64_t bytes) : left_(bytes) {}
  std::shared_ptr<const Image> find(std::size_t item);
  void keep(std::size_t item, const std::shared_ptr<const Image>& image);

 private:
  std::mutex mutex_;
  std::int64_t left_;
  std::unordered_map<std::size_t, std::shared_ptr<const Image>> images_;
};

/// One file per picture, named after its path, size and time, so that a changed picture is another
/// one. Files appear complete or not at all; several processes may share a folder.
class FileCache {
 public:
  /// @param bytes  of all files together, those that are there counted
  /// @throws Error(io) when the folder cannot be made
  FileCache(Path folder, std::int64_t bytes);
  /// Null when it is absent or damaged.
  std::shared_ptr<const Image> find(const Path& picture, const Limits& limits) const;
  /// Nothing when there is no room, or the folder cannot be written any more.
  void keep(const Path& picture, const Image& image);

 private:
  Path file_of(const Path& picture) const;  // empty when the picture cannot be looked at
  Path folder_;
  std::atomic<std::int64_t> left_;
  std::atomic<std::uint64_t> number_{0};  // of temporary files
};

}  // namespace syolo::data

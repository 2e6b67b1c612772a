// Files: read by memory map, written completely or not at all. Tests make the k-th
// operation fail through FaultPlan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace syolo {

using Path = std::filesystem::path;

/// A whole regular file, mapped read-only; shared by whoever keeps a view of its bytes.
/// @throws Error(io) when it cannot be opened or is no regular file, Error(limit) when too large
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const Path& path, std::int64_t max_bytes);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  const Path& path() const { return path_; }
  /// Tells the system that these pages may leave memory; reading them again is legal.
  void forget(const void* begin, std::size_t bytes) const;

 private:
  MappedFile(Path path, const std::byte* data, std::size_t size);
  Path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The whole file as text; also reads pipes and devices up to the limit.
std::string read_text(const Path& path, std::int64_t max_bytes);

/// Writes beside the target, syncs, renames: readers see the old file or the new one.
/// @throws Error(io) naming the path and the system's reason; the old file is untouched
void write_file_atomic(const Path& path, std::span<const std::byte> bytes);
void write_file_atomic(const Path& path, std::string_view text);

/// Test hook: operation number `fail_at` (1, 2, ...) of open, write, sync, rename and close
/// made through this file fails with `error`; 0 = none. Thread-local.
struct FaultPlan {
  int fail_at = 0;
  int error = 0;
  int count = 0;  // operations seen
};
FaultPlan& fault_plan();

}  // namespace syolo

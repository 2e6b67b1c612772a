#include "syolo/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "syolo/base/error.h"

namespace syolo {

FaultPlan& fault_plan() {
  static thread_local FaultPlan plan;
  return plan;
}

namespace {

/// True when the test's plan makes this operation fail; errno is then set.
bool fails() {
  FaultPlan& plan = fault_plan();
  if (++plan.count != plan.fail_at) return false;
  errno = plan.error;
  return true;
}

[[noreturn]] void throw_io(const Path& path, std::string_view what, int error) {
  throw Error(ErrorKind::io, format("cannot {}: {}", what, std::generic_category().message(error)),
              {.file = path.string()});
}

class Descriptor {
 public:
  Descriptor(const Path& path, int flags, mode_t mode = 0666) :
      fd_(fails() ? -1 : ::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  /// Closes now; false with errno when the system reports a late write error.
  bool close() {
    const int fd = std::exchange(fd_, -1);
    const bool failed = fails();
    return ::close(fd) == 0 && !failed;
  }

 private:
  int fd_;
};

}  // namespace

MappedFile::MappedFile(Path path, const std::byte* data, std::size_t size) :
    path_(std::move(path)), data_(data), size_(size) {}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

std::shared_ptr<const MappedFile> MappedFile::open(const Path& path, std::int64_t max_bytes) {
  // O_NONBLOCK: opening a pipe without a writer must not hang.
  const Descriptor file(path, O_RDONLY | O_NONBLOCK);
  if (!file.ok()) throw_io(path, "open", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw_io(path, "inspect", errno);
  if (!S_ISREG(info.st_mode)) {
    throw Error(ErrorKind::io,
                format("expected a regular file, found {}",
                       S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe"),
                {.file = path.string()});
  }
  if (info.st_size > max_bytes) {
    throw Error(
        ErrorKind::limit,
        format("expected at most {} bytes, found {}", grouped(max_bytes), grouped(info.st_size)),
        {.file = path.string()});
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  const std::byte* data = nullptr;
  if (size > 0) {
    void* map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (map == MAP_FAILED) throw_io(path, "map", errno);
    data = static_cast<const std::byte*>(map);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, data, size));
}

void MappedFile::forget(const void* begin, std::size_t bytes) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto from = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) / page * page;
  const auto to = (reinterpret_cast<std::uintptr_t>(begin) + bytes) / page * page;
  // Advice only: what the system makes of it changes no result.
  if (to > from) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

std::string read_text(const Path& path, std::int64_t max_bytes) {
  const Descriptor file(path, O_RDONLY);
  if (!file.ok()) throw_io(path, "open", errno);
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_io(path, "read", errno);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (static_cast<std::int64_t>(text.size()) > max_bytes) {
      throw Error(ErrorKind::limit, format("expected at most {} bytes of text", grouped(max_bytes)),
                  {.file = path.string()});
    }
  }
}

namespace {

void write_all(const Descriptor& file, std::span<const std::byte> bytes, const Path& path) {
  while (!bytes.empty()) {
    const ssize_t put = fails() ? -1 : ::write(file.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw_io(path, "write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void sync_folder(const Path& folder) {
  const Descriptor handle(folder, O_RDONLY | O_DIRECTORY);
  if (!handle.ok()) throw_io(folder, "open", errno);
  // Some file systems cannot sync a folder; the rename itself has succeeded by then.
  if ((fails() || ::fsync(handle.get()) != 0) && errno != EINVAL) throw_io(folder, "sync", errno);
}

}  // namespace

void write_file_atomic(const Path& path, std::span<const std::byte> bytes) {
  const Path folder = path.has_parent_path() ? path.parent_path() : Path(".");
  const Path temporary =
      folder / format(".{}.{}.tmp", path.filename().string().substr(0, 200), ::getpid());
  try {
    Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    if (!file.ok()) throw_io(path, "write", errno);
    write_all(file, bytes, path);
    if (fails() || ::fsync(file.get()) != 0) throw_io(path, "sync", errno);
    if (!file.close()) throw_io(path, "close", errno);
    if (fails() || ::rename(temporary.c_str(), path.c_str()) != 0) throw_io(path, "write", errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_folder(folder);
}

void write_file_atomic(const Path& path, std::string_view text) {
  write_file_atomic(path, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace syolo

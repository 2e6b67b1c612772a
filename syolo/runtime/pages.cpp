#include "syolo/runtime/pages_impl.h"

#include <sys/mman.h>

#include <algorithm>

#include "syolo/base/error.h"

namespace syolo::runtime {

Pages::Pages(std::int64_t bytes) :
    bytes_(static_cast<std::size_t>(std::max<std::int64_t>(bytes, 64))) {
  data_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data_ == MAP_FAILED) {
    throw Error(ErrorKind::limit,
                format("expected {} bytes of memory, found less", grouped(bytes)));
  }
}

Pages::~Pages() {
  ::munmap(data_, bytes_);
}

}  // namespace syolo::runtime

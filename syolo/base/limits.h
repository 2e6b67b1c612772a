// Limits that every reader obeys: nothing from a file is a size before it is checked here.
#pragma once

#include <cstdint>

namespace syolo {

struct Limits {
  std::int64_t text_bytes = std::int64_t{1} << 20;    // a cfg; other text files: 64 times this
  std::int64_t file_bytes = std::int64_t{8} << 30;    // any file
  std::int64_t tensor_bytes = std::int64_t{8} << 30;  // one tensor, < 2^31 elements
  std::int64_t memory_bytes = std::int64_t{4} << 30;  // planned activations (--max-memory)
  std::int64_t pixels = 256'000'000;                  // one image
  int side = 65'535;                                  // one side of an image
  int jpeg_scans = 100;
  int layers = 10'000;
  int boxes = 1'000'000;  // in one file
};

}  // namespace syolo

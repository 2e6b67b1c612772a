// NumPy's .npy files, as far as tensors need them: float32, C order, versions 1 and 2.
#pragma once

#include "syolo/base/file.h"
#include "syolo/base/tensor.h"

namespace syolo::cli {

/// @throws Error(input) with the byte for anything but a little-endian float32 array in C order
/// of two to four dimensions whose size agrees with the file's
Tensor read_npy(const Path& path);
/// Dimensions C,H,W (N is not written); atomic.
void write_npy(const Path& path, const Tensor& tensor);
bool looks_like_npy(std::string_view head);

}  // namespace syolo::cli

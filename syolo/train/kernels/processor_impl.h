// What the processor computes with.
#pragma once

namespace syolo::train {

/// AVX2 without AVX-512.
bool has_avx2_alone();

}  // namespace syolo::train

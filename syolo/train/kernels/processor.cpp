#include "syolo/train/kernels/processor_impl.h"

#include <hwy/targets.h>

namespace syolo::train {

bool has_avx2_alone() {
  return (hwy::SupportedTargets() & HWY_AVX2) != 0 && (hwy::SupportedTargets() & HWY_AVX3) == 0;
}

}  // namespace syolo::train

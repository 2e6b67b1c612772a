#include "syolo/data/dataset.h"

namespace syolo {

Box to_box(const BoxXywh& box) {
  return {static_cast<float>(box.x), static_cast<float>(box.y), static_cast<float>(box.x + box.w),
          static_cast<float>(box.y + box.h)};
}

}  // namespace syolo

#include "syolo/graph/head.h"

#include <algorithm>
#include <cmath>

#include "syolo/base/error.h"

namespace syolo {
namespace {

double logistic(double x) {
  return 1 / (1 + std::exp(-x));
}

/// Which planes of an anchor hold x and y.
bool is_point(const HeadSpec& spec, int entry) {
  return spec.form == DecodeForm::gaussian ? entry == 0 || entry == 2 : entry < 2;
}

/// Which planes of an anchor hold w and h (means of them).
bool is_size(const HeadSpec& spec, int entry) {
  return spec.form == DecodeForm::gaussian ? entry == 4 || entry == 6 : entry == 2 || entry == 3;
}

void activate_planes(const HeadSpec& spec, std::int64_t plane, const double* src, double* dst) {
  const bool squash = spec.form != DecodeForm::new_coords;
  const double shift = (spec.scale_xy - 1) / 2;
  for (int channel = 0; channel < spec.channels(); ++channel) {
    const int entry = channel % spec.entries();
    for (std::int64_t i = channel * plane; i < (channel + 1) * plane; ++i) {
      const double value = squash && !is_size(spec, entry) ? logistic(src[i]) : src[i];
      dst[i] = is_point(spec, entry) ? spec.scale_xy * value - shift : value;
    }
  }
}

void softmax(double* values, int count) {
  const double top = *std::max_element(values, values + count);
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += values[i] = std::exp(values[i] - top);
  for (int i = 0; i < count; ++i) values[i] /= sum;
}

void activate_region(const HeadSpec& spec, std::int64_t plane, const double* src, double* dst) {
  const int channels = spec.channels();
  for (std::int64_t cell = 0; cell < plane; ++cell) {
    double* out = dst + cell * channels;
    for (int channel = 0; channel < channels; ++channel) out[channel] = src[channel * plane + cell];
    for (int first = 0; first < channels; first += spec.entries()) {
      double& objectness = out[first + spec.objectness()];
      objectness = logistic(objectness);
      if (spec.softmax) softmax(out + first + spec.coordinates(), spec.classes);
    }
  }
}

}  // namespace

void activate_head(const HeadSpec& spec, const Shape& shape, const double* src, double* dst) {
  SYOLO_ASSERT(shape.c == spec.channels(), "a head's tensor and its spec differ in channels");
  if (spec.form == DecodeForm::region) {
    activate_region(spec, shape.plane(), src, dst);
  } else {
    activate_planes(spec, shape.plane(), src, dst);
  }
}

}  // namespace syolo

// Batch normalisation with the activation behind it over dense rows of channels: the four passes
// over memory that training needs. Sums do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <vector>

#include "syolo/graph/activation.h"

namespace syolo::train::norm {

/// How values lie in memory. bf16 is computed in f32.
enum class Element { f32, f64, bf16 };

/// A tensor in channels-last order: `rows` pixels of `channels` values.
struct Rows {
  Element element = Element::f32;
  std::int64_t rows = 0, channels = 0;
};

/// One value for each channel. Normalised: z = (x - mean) scale / deviation + bias.
struct Channels {
  std::vector<double> mean, deviation, scale, bias;  // deviation: sqrt(variance + epsilon)
};

/// Sums over all rows for each channel.
struct Sums {
  std::vector<double> first, second;
};

/// Whether the passes below know the activation.
bool knows(const Act& act);

/// Of x - origin and (x - origin)^2. @param origin  where the values lie, roughly
Sums sums(const Rows& rows, const void* x, const std::vector<double>& origin);
/// y = act(z). y may be x.
void normalize(const Rows& rows, const void* x, const Channels& channels, const Act& act, void* y);
/// Of dz and dz (x - mean), where dz = dy act'(z).
/// @param dz  null, or where it goes, so that gradient() gets it instead of dy, without activation
Sums gradient_sums(const Rows& rows, const void* x, const void* dy, const Channels& channels,
                   const Act& act, void* dz = nullptr);
/// dx = dz scale / deviation + slope (x - mean) + shift. dx may be dy.
void gradient(const Rows& rows, const void* x, const void* dy, const Channels& channels,
              const Act& act, const std::vector<double>& slope, const std::vector<double>& shift,
              void* dx);

}  // namespace syolo::train::norm

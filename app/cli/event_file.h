// Scalars over steps in the form that TensorBoard reads: records with a masked CRC-32C, each a
// protocol buffer of type Event.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace syolo::cli {

struct Scalar {
  std::string tag;
  double value = 0;  // stored as f32
};

/// The first record of a file.
std::string event_file_head(double wall_seconds);
/// A record with the values of one step.
std::string event_record(double wall_seconds, std::int64_t step, std::span<const Scalar> values);

/// Castagnoli's polynomial, reflected. Source: RFC 3720, appendix B.4.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace syolo::cli

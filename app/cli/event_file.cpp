#include "app/cli/event_file.h"

#include <array>
#include <bit>

namespace syolo::cli {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (0x82F63B78U & (0U - (value & 1U)));
    table[i] = value;
  }
  return table;
}

template <class Number>
void append_little(std::string& out, Number value) {
  for (std::size_t i = 0; i < sizeof value; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  }
}

// Fields of a protocol buffer: number and wire type, then the value.
enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}
void append_key(std::string& out, std::uint32_t field, Wire wire) {
  append_varint(out, field << 3 | static_cast<std::uint32_t>(wire));
}
void append_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  append_key(out, field, Wire::bytes);
  append_varint(out, bytes.size());
  out += bytes;
}
void append_real(std::string& out, std::uint32_t field, double value) {
  append_key(out, field, Wire::fixed64);
  append_little(out, std::bit_cast<std::uint64_t>(value));
}
void append_real(std::string& out, std::uint32_t field, float value) {
  append_key(out, field, Wire::fixed32);
  append_little(out, std::bit_cast<std::uint32_t>(value));
}

std::uint32_t masked(std::uint32_t crc) {
  return std::rotr(crc, 15) + 0xA282EAD8U;
}

std::string record(std::string_view event) {
  std::string out;
  append_little(out, static_cast<std::uint64_t>(event.size()));
  append_little(out, masked(crc32c(out)));
  out += event;
  append_little(out, masked(crc32c(event)));
  return out;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = crc_table();
  std::uint32_t crc = ~0U;
  for (const char c : bytes)
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~crc;
}

std::string event_file_head(double wall_seconds) {
  std::string event;
  append_real(event, 1, wall_seconds);
  append_bytes(event, 3, "brain.Event:2");
  return record(event);
}

std::string event_record(double wall_seconds, std::int64_t step, std::span<const Scalar> values) {
  std::string summary;
  for (const Scalar& scalar : values) {
    std::string value;
    append_bytes(value, 1, scalar.tag);
    append_real(value, 2, static_cast<float>(scalar.value));
    append_bytes(summary, 1, value);
  }
  std::string event;
  append_real(event, 1, wall_seconds);
  append_key(event, 2, Wire::varint);
  append_varint(event, static_cast<std::uint64_t>(step));
  append_bytes(event, 5, summary);
  return record(event);
}

}  // namespace syolo::cli

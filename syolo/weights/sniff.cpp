// What a file is, by its first bytes.

#include <algorithm>
#include <array>
#include <cstring>

#include "syolo/base/text.h"
#include "syolo/graph/cfg.h"
#include "syolo/weights/model.h"

namespace syolo {
namespace {

constexpr std::size_t kHead = 4096;

bool is_image(std::string_view head) {
  using namespace std::string_view_literals;
  const bool riff = head.starts_with("RIFF") && head.size() >= 12 && head.substr(8, 4) == "WEBP";
  const bool bmp = head.starts_with("BM") && head.size() >= 14 && head.substr(6, 4) == "\0\0\0\0"sv;
  return riff || bmp || head.starts_with("\xFF\xD8\xFF") || head.starts_with("\x89PNG\r\n") ||
         head.starts_with("GIF87a") || head.starts_with("GIF89a") || head.starts_with("II*\0"sv) ||
         head.starts_with("MM\0*"sv);
}

/// A zip container (torch.save since 1.6), or the magic number of the pickles before it.
bool is_torch(std::string_view head) {
  const bool pickle = head.size() >= 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5;
  return head.starts_with("PK\x03\x04") || pickle;
}

/// ir_version (field 1), then producer_name or opset_import or the graph.
bool is_onnx(std::string_view head) {
  return head.size() >= 3 && head[0] == '\x08' && head[1] >= 1 && head[1] <= 20 &&
         (head[2] == '\x12' || head[2] == '\x3A' || head[2] == '\x42');
}

bool is_safetensors(std::string_view head) {
  if (head.size() < 9 || head[8] != '{') return false;
  std::uint64_t length = 0;
  std::memcpy(&length, head.data(), sizeof length);
  return length >= 2 && length <= std::uint64_t{1} << 40;
}

/// Version 0.1.0 to 0.2.5 in practice; other small numbers are at least as likely this as text.
bool is_darknet(std::string_view head) {
  if (head.size() < 16) return false;
  std::array<std::int32_t, 3> version{};
  std::memcpy(version.data(), head.data(), sizeof version);
  return std::all_of(version.begin(), version.end(),
                     [](std::int32_t part) { return part >= 0 && part < 100; });
}

bool is_text(std::string_view head) {
  return std::none_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x7F || (byte < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f');
  });
}

FileKind kind_of_text(std::string_view head) {
  if (looks_like_cfg(head)) return FileKind::cfg;
  constexpr std::array<std::string_view, 5> data_keys = {"train", "valid", "names", "labels",
                                                         "backup"};
  bool assigns = false, sections = false;
  for (const std::string_view raw : lines(head)) {
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const auto equals = line.find('=');
    assigns = assigns || equals != std::string_view::npos;
    sections = sections || line.front() == '[';
    if (sections || equals == std::string_view::npos) continue;
    const std::string_view key = trim(line.substr(0, equals));
    if (std::count(data_keys.begin(), data_keys.end(), key) != 0) return FileKind::data;
  }
  const bool structured = assigns || sections || head.find_first_of("{}<>") != head.npos;
  return structured || trim(head).empty() ? FileKind::text : FileKind::names;
}

}  // namespace

FileKind sniff(std::span<const std::byte> bytes) {
  if (bytes.empty()) return FileKind::empty;
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min(bytes.size(), kHead));
  if (is_image(head)) return FileKind::image;
  if (is_torch(head)) return FileKind::torch_pt;
  if (is_safetensors(head)) return FileKind::safetensors;
  if (is_darknet(head)) return FileKind::darknet_weights;
  if (is_onnx(head)) return FileKind::onnx;
  return is_text(head) ? kind_of_text(head) : FileKind::binary;
}

std::string_view name_of(FileKind kind) {
  switch (kind) {
    case FileKind::cfg:
      return "a cfg";
    case FileKind::safetensors:
      return "a model file (safetensors)";
    case FileKind::darknet_weights:
      return "a Darknet weights file";
    case FileKind::torch_pt:
      return "a PyTorch checkpoint";
    case FileKind::onnx:
      return "an ONNX model";
    case FileKind::image:
      return "an image";
    case FileKind::data:
      return "a data file";
    case FileKind::names:
      return "a list of names";
    case FileKind::text:
      return "text";
    case FileKind::binary:
      return "binary data of no known kind";
    case FileKind::empty:
      return "an empty file";
  }
  SYOLO_ASSERT(false, "unknown file kind");
}

}  // namespace syolo

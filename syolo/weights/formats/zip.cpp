// Source: PKWARE's APPNOTE, sections 4.3.7 (entries), 4.3.12 (directory), 4.3.16 (its end).
#include "syolo/weights/formats/zip_impl.h"

#include <array>

#include "syolo/base/error.h"
#include "syolo/base/text.h"

namespace syolo::weights {
namespace {

constexpr std::uint64_t kEnd = 0x06054B50, kDirectory = 0x02014B50, kEntry = 0x04034B50;
constexpr std::size_t kEndBytes = 22, kDirectoryBytes = 46, kEntryBytes = 30;
constexpr std::size_t kMostEntries = 40'000;

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0xEDB88320U : 0);
    table[i] = value;
  }
  return table;
}

std::uint32_t crc32(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = crc_table();
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  }
  return ~crc;
}

class Zip {
 public:
  explicit Zip(std::string_view bytes) : bytes_(bytes) {}

  std::map<std::string, std::string_view, std::less<>> entries() {
    const std::size_t end = find_end();
    const std::size_t count = number(end + 10, 2);
    std::size_t at = number(end + 16, 4);
    if (count == 0xFFFF || at == 0xFFFFFFFF) {
      throw Error(ErrorKind::unsupported, "expected a zip file below 4 GiB, found a larger one",
                  at_byte(end),
                  "save the model alone, without the optimiser, or in half precision");
    }
    require(count <= kMostEntries, "expected at most {} entries, found {}", kMostEntries, count);
    directory_ = at;
    std::map<std::string, std::string_view, std::less<>> found;
    for (std::size_t i = 0; i < count; ++i) at = entry(at, end, found);
    return found;
  }

 private:
  static Where at_byte(std::size_t at) {
    return {.file = {}, .byte = static_cast<std::int64_t>(at), .item = {}};
  }
  static void expect(bool condition, std::size_t at, const char* text) {
    if (!condition)
      throw Error(ErrorKind::input, text, at_byte(at), "was the file saved to its end?");
  }

  std::size_t number(std::size_t at, std::size_t width) const {
    expect(at <= bytes_.size() && width <= bytes_.size() - at, at,
           "expected more bytes: the zip file is cut off");
    std::size_t value = 0;
    for (std::size_t i = width; i-- > 0;) {
      value = value << 8 | static_cast<unsigned char>(bytes_[at + i]);
    }
    return value;
  }

  /// The record at the end, before a comment of at most 64 KiB.
  std::size_t find_end() const {
    expect(bytes_.size() >= kEndBytes, 0, "expected a zip file, found too few bytes");
    std::size_t at = bytes_.size() - kEndBytes;
    for (std::size_t back = 0; back <= 0xFFFF; ++back, --at) {
      if (number(at, 4) == kEnd && number(at + 20, 2) == back) return at;
      if (at == 0) break;
    }
    expect(false, bytes_.size(), "expected the end of a zip file: it is cut off");
    return 0;
  }

  /// Reads a row of the directory; returns where the next begins.
  std::size_t entry(std::size_t at, std::size_t end,
                    std::map<std::string, std::string_view, std::less<>>& found) const {
    expect(number(at, 4) == kDirectory, at, "expected an entry of the zip file's directory");
    const std::size_t flags = number(at + 8, 2), method = number(at + 10, 2);
    const std::size_t crc = number(at + 16, 4), size = number(at + 24, 4);
    const std::size_t name_bytes = number(at + 28, 2);
    const std::size_t next =
        at + kDirectoryBytes + name_bytes + number(at + 30, 2) + number(at + 32, 2);
    expect(next <= end, at, "expected a directory before its end");
    std::string name(bytes_.substr(at + kDirectoryBytes, name_bytes));
    if (method != 0 || (flags & 1) != 0) {
      throw Error(ErrorKind::unsupported,
                  format("expected \"{}\" stored as it is, found it {}", printable(name, 80),
                         method != 0 ? "compressed" : "encrypted"),
                  at_byte(at), "PyTorch stores its files so; was this one packed again?");
    }
    expect(number(at + 20, 4) == size, at, "expected one size of a stored entry, found two");
    const std::string_view data = data_of(number(at + 42, 4), size);
    require(crc32(data) == crc,
            "\"{}\": expected checksum {:08x}, found {:08x}: the file is damaged",
            printable(name, 80), crc, crc32(data));
    const auto [place, fresh] = found.emplace(std::move(name), data);
    require(fresh, "expected each name once, found \"{}\" twice", printable(place->first, 80));
    return next;
  }

  std::string_view data_of(std::size_t at, std::size_t size) const {
    expect(number(at, 4) == kEntry, at, "expected an entry of the zip file");
    const std::size_t begin = at + kEntryBytes + number(at + 26, 2) + number(at + 28, 2);
    expect(begin <= directory_ && size <= directory_ - begin, at,
           "expected an entry before the directory");
    return bytes_.substr(begin, size);
  }

  std::string_view bytes_;
  std::size_t directory_ = 0;
};

}  // namespace

std::map<std::string, std::string_view, std::less<>> read_zip(const FileBytes& file) {
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size());
  return Zip(bytes).entries();
}

}  // namespace syolo::weights

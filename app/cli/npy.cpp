// Source of the format: NumPy enhancement proposal 1 (numpy.lib.format).
#include "app/cli/npy.h"

#include <bit>
#include <cstring>
#include <vector>

#include "syolo/base/error.h"
#include "syolo/base/limits.h"

namespace syolo::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are written as they lie");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = 65536;

[[noreturn]] void fail(const Path& path, std::int64_t byte, std::string text) {
  throw Error(ErrorKind::input, std::move(text), {.file = path.string(), .byte = byte, .item = {}},
              "numpy.save writes such files: numpy.save(name, array.astype('<f4'))");
}

/// The header, a Python dictionary of three keys in any order.
class Header {
 public:
  Header(const Path& path, std::string_view text, std::int64_t begin) :
      path_(path), text_(text), begin_(begin) {}

  std::vector<int> read() {
    expect('{');
    while (!skip('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        const std::string_view type = quoted();
        if (type != "<f4") wrong(format("expected type <f4, found {}", printable(type, 40)));
        has_type_ = true;
      } else if (key == "fortran_order") {
        if (!word("False")) wrong("expected fortran_order False");
        has_order_ = true;
      } else if (key == "shape") {
        shape();
        has_shape_ = true;
      } else {
        wrong(format("expected descr, fortran_order or shape, found {}", printable(key, 40)));
      }
      if (!skip(',')) {
        expect('}');
        break;
      }
    }
    if (!trim(text_.substr(at_)).empty()) wrong("expected the end of the header, found more");
    if (!has_type_ || !has_order_ || !has_shape_) wrong("expected descr, fortran_order and shape");
    return shape_;
  }

 private:
  [[noreturn]] void wrong(std::string text) const {
    fail(path_, begin_ + static_cast<std::int64_t>(at_), std::move(text));
  }
  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool skip(char c) {
    blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!skip(c)) wrong(format("expected \"{}\" in the header", std::string(1, c)));
  }
  bool word(std::string_view expected) {
    blanks();
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }
  std::string_view quoted() {
    blanks();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) wrong("expected a quote");
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) wrong("expected a closing quote");
    const std::string_view out = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return out;
  }
  void shape() {
    expect('(');
    while (!skip(')')) {
      blanks();
      const std::size_t end = std::min(text_.find_first_not_of("0123456789", at_), text_.size());
      const std::optional<std::int64_t> side = parse_int(text_.substr(at_, end - at_));
      if (!side || *side < 1 || *side > 0x7FFFFFFF || shape_.size() == 4) {
        wrong("expected two to four sides in 1..2147483647");
      }
      shape_.push_back(static_cast<int>(*side));
      at_ = end;
      if (!skip(',')) {
        expect(')');
        break;
      }
    }
    if (shape_.size() < 2) wrong("expected two to four sides");
  }

  const Path& path_;
  std::string_view text_;
  std::int64_t begin_;
  std::size_t at_ = 0;
  std::vector<int> shape_;
  bool has_type_ = false, has_order_ = false, has_shape_ = false;
};

Shape as_shape(const std::vector<int>& sides) {
  Shape shape{1, 1, 1, 1};
  int* const target[] = {&shape.n, &shape.c, &shape.h, &shape.w};
  for (std::size_t i = 0; i < sides.size(); ++i) *target[4 - sides.size() + i] = sides[i];
  return shape;
}

}  // namespace

bool looks_like_npy(std::string_view head) {
  return head.starts_with(kMagic);
}

Tensor read_npy(const Path& path) {
  const auto file = MappedFile::open(path, Limits{}.tensor_bytes);
  const std::string_view text = file->text();
  if (!looks_like_npy(text) || text.size() < 12) fail(path, 0, "expected a .npy file");
  const int version = text[6];
  if (version != 1 && version != 2) {
    fail(path, 6, format("expected version 1 or 2, found {}", version));
  }
  const std::size_t start = version == 1 ? 10 : 12;
  std::uint32_t length = 0;
  std::memcpy(&length, text.data() + 8, version == 1 ? 2 : 4);
  if (length > kMaxHeader || start + length > text.size()) {
    fail(path, 8, format("expected a header inside the file, found a length of {}", length));
  }
  const std::vector<int> sides =
      Header(path, text.substr(start, length), static_cast<std::int64_t>(start)).read();
  const std::size_t body = start + length;
  const auto found = static_cast<std::int64_t>(text.size() - body);
  std::int64_t wanted = 4;
  for (const int side : sides) {
    // Each step is checked, so that no product overflows.
    if (wanted > found / side) {
      wanted = -1;
      break;
    }
    wanted *= side;
  }
  if (wanted != found) {
    fail(path, static_cast<std::int64_t>(body),
         format("expected as many values as the shape says, found {} bytes", grouped(found)));
  }
  std::vector<float> values(static_cast<std::size_t>(found / 4));
  std::memcpy(values.data(), text.data() + body, static_cast<std::size_t>(found));
  return Tensor(as_shape(sides), std::move(values));
}

void write_npy(const Path& path, const Tensor& tensor) {
  const Shape& shape = tensor.shape();
  std::string header = format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}, {}), }}",
                              shape.c, shape.h, shape.w);
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes(kMagic);
  bytes += std::string_view("\x01\x00", 2);
  bytes += static_cast<char>(header.size() & 0xFF);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  const auto values = std::as_bytes(tensor.values());
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size());
  write_file_atomic(path, bytes);
}

}  // namespace syolo::cli

// Shapes and dense float tensors. A tensor may own its values or view a mapped file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace syolo {

/// Logical order whatever the memory layout: batch, channels, rows, columns. A kernel is
/// out, in/groups, kh, kw; a vector of n values is {1, n, 1, 1}.
struct Shape {
  int n = 1, c = 0, h = 0, w = 0;
  std::int64_t elements() const { return std::int64_t{n} * c * h * w; }
  std::int64_t plane() const { return std::int64_t{h} * w; }
  bool operator==(const Shape&) const = default;
};
std::string to_text(const Shape& shape);  // "64x19x19" (without n when it is 1)

enum class DType { f32, bf16 };
constexpr int bytes_of(DType type) {
  return type == DType::f32 ? 4 : 2;
}

/// Dense f32 values in the order of Shape, immutable once shared.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Shape shape);                    // zeros
  Tensor(Shape shape, std::vector<float> values);  // sizes must agree
  /// Views `values`, kept alive by `owner` (a mapped file).
  Tensor(Shape shape, std::span<const float> values, std::shared_ptr<const void> owner);

  const Shape& shape() const { return shape_; }
  std::span<const float> values() const { return values_; }
  std::span<float> mutable_values();  // only while this tensor owns its values alone
  bool empty() const { return values_.empty(); }

 private:
  Shape shape_;
  std::span<const float> values_;
  std::shared_ptr<const void> owner_;
  bool view_ = false;  // of memory that someone else may read or map
};

}  // namespace syolo

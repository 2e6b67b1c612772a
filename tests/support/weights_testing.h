// What the tests of the weights formats share: small graphs, byte strings, errors as text.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "syolo/graph/cfg.h"
#include "syolo/weights/weights.h"

namespace syolo::test {

inline Graph graph_of(std::string_view text) {
  Findings findings;
  return read_cfg(text, "test.cfg", findings);
}

constexpr std::string_view kTwoLayers =
    "[net]\nwidth=32\nheight=32\nchannels=3\n"
    "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=1\npad=1\nactivation=leaky\n"
    "[convolutional]\nfilters=5\nsize=1\nactivation=linear\n";

/// One head of one anchor: 5 + classes filters in the convolution before it.
inline std::string head_cfg(int classes) {
  return "[net]\nwidth=32\nheight=32\nchannels=3\n"
         "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=1\npad=1\nactivation="
         "leaky\n"
         "[convolutional]\nfilters=" +
         std::to_string(5 + classes) +
         "\nsize=1\nactivation=linear\n[yolo]\nmask=0\nanchors=10,14\nnum=1\nclasses=" +
         std::to_string(classes) + "\n";
}

/// Bytes written one value after the other.
class Bytes {
 public:
  template <class T>
  requires std::is_arithmetic_v<T> Bytes& add(T value) {
    const auto* begin = reinterpret_cast<const char*>(&value);
    text_.append(begin, sizeof value);
    return *this;
  }
  Bytes& add(std::string_view text) {
    text_.append(text);
    return *this;
  }
  /// A Darknet header; the counter takes as many bytes as its type.
  template <class Counter>
  Bytes& header(int major, int minor, int revision, Counter seen) {
    return add(major).add(minor).add(revision).add(seen);
  }
  /// n floats 0.5, 0.75, 1, ...: positive, so legal variances.
  Bytes& floats(int n, int first = 2) {
    for (int i = 0; i < n; ++i) add(static_cast<float>(first + i) * 0.25F);
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

inline FileBytes in_memory(std::string_view bytes, std::string name = "memory") {
  auto copy = std::make_shared<std::vector<std::byte>>(bytes.size());
  if (!bytes.empty()) std::memcpy(copy->data(), bytes.data(), bytes.size());
  return {*copy, copy, std::move(name)};
}
inline FileBytes in_memory(const std::vector<std::byte>& bytes) {
  return in_memory({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}
inline std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline bool same_values(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.values().data(), b.values().data(), a.values().size_bytes()) == 0;
}
inline bool same_weights(const Weights& a, const Weights& b) {
  return std::equal(a.all().begin(), a.all().end(), b.all().begin(), b.all().end(),
                    [](const auto& x, const auto& y) {
                      return x.first == y.first && same_values(x.second, y.second);
                    });
}

/// The error that `body` throws; a test failure and an internal error when it throws none.
template <class Body>
Error error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "expected an error";
  return Error(ErrorKind::internal, "no error");
}

#define EXPECT_SAYS(error, words)                                                              \
  EXPECT_NE(std::string((error).what()).find(words), std::string::npos) << "the message is:\n" \
                                                                        << (error).what()

}  // namespace syolo::test

// Heads and candidates for tests of syolo/boxes: made by hand, at random, and the plain
// definitions to compare with.
#pragma once

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "syolo/base/rng.h"
#include "syolo/boxes/decode.h"
#include "syolo/boxes/iou.h"
#include "syolo/boxes/nms.h"

namespace syolo::test {

/// Path relative to tests/data.
inline nlohmann::json boxes_json(const std::string& path) {
  std::ifstream in(std::string(SYOLO_TEST_DATA) + "/" + path);
  if (!in) throw std::runtime_error("cannot read " + path);
  return nlohmann::json::parse(in);
}

inline std::vector<float> boxes_floats(const std::string& path) {
  std::ifstream in(std::string(SYOLO_TEST_DATA) + "/" + path, std::ios::binary | std::ios::ate);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::vector<float> values(static_cast<std::size_t>(in.tellg()) / sizeof(float));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(values.data()),
          static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

/// A head tensor that owns its values, given as planes, stored in any layout.
struct HeadValues {
  Shape shape;
  int block = 1;
  std::vector<float> data;

  HeadValues(Shape of, const std::vector<float>& planes, int block_of = 1) :
      shape(of), block(block_of) {
    const auto plane = static_cast<std::size_t>(shape.plane());
    const auto side = static_cast<std::size_t>(block);
    const std::size_t blocks = (static_cast<std::size_t>(shape.c) + side - 1) / side;
    // Padding channels of the last block hold what must never be read as a value.
    data.assign(blocks * side * plane, std::numeric_limits<float>::infinity());
    for (std::size_t c = 0; c < static_cast<std::size_t>(shape.c); ++c) {
      for (std::size_t i = 0; i < plane; ++i) {
        data[(c / side * plane + i) * side + c % side] = planes[c * plane + i];
      }
    }
  }
  HeadView view() const { return {data.data(), shape, block}; }
};

inline Rng test_rng(std::uint64_t sample) {
  return Rng(20'26, Stream::test, 0, sample);
}

inline float between(Rng& rng, double low, double high) {
  return static_cast<float>(rng.uniform(low, high));
}

inline HeadSpec random_spec(Rng& rng) {
  HeadSpec spec;
  spec.form = static_cast<DecodeForm>(rng.below(4));
  spec.classes = 1 + rng.below(9);
  const int anchors = 1 + rng.below(4);
  for (int i = 0; i < anchors; ++i) {
    const bool cells = spec.form == DecodeForm::region;
    spec.anchors.push_back({between(rng, 1, cells ? 8 : 200), between(rng, 1, cells ? 8 : 200)});
    spec.mask.push_back(i);
  }
  spec.all_anchors = spec.anchors;
  if (spec.form != DecodeForm::region) spec.scale_xy = rng.uniform(1, 2);
  if (spec.form == DecodeForm::gaussian) spec.point = static_cast<BoxPoint>(rng.below(3));
  if (spec.form == DecodeForm::region) {
    spec.softmax = rng.chance(0.5);
    spec.zero_low_objectness = rng.chance(0.3);
  }
  return spec;
}

/// Values as a head of this form has them; a share of `odd` is NaN, infinite or huge.
inline std::vector<float> random_planes(Rng& rng, const HeadSpec& spec, Shape shape, double odd) {
  constexpr float kOdd[] = {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(),
                            3e38F,
                            -3e38F,
                            100,
                            -100,
                            0};
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (float& v : values) {
    v = spec.form == DecodeForm::new_coords ? between(rng, 0, 1) : between(rng, -6, 6);
    if (rng.chance(odd)) v = -v;
    if (rng.chance(0.2)) v = std::round(v * 4) / 4;  // equal values
    if (rng.chance(odd)) v = kOdd[rng.below(8)];
  }
  return values;
}

/// The definition of decoding, one value after the other, nothing left out early.
inline std::vector<Candidate> plain_decode(const HeadView& view, const HeadSpec& spec, Size input,
                                           int head, float threshold) {
  std::vector<Candidate> all;
  const auto sigma = [](auto x) { return 1 / (1 + std::exp(-x)); };
  const bool done = spec.form == DecodeForm::new_coords;
  const bool gaussian = spec.form == DecodeForm::gaussian;
  const double gw = view.shape.w, gh = view.shape.h, s = spec.scale_xy;
  for (int cell = 0; cell < view.shape.h * view.shape.w; ++cell) {
    for (int a = 0; a < static_cast<int>(spec.anchors.size()); ++a) {
      const int x = cell % view.shape.w, y = cell / view.shape.w;
      const auto raw = [&](int entry) { return view.at(a * spec.entries() + entry, y, x); };
      float objectness = raw(spec.objectness());
      if (!done) objectness = sigma(objectness);
      if (spec.zero_low_objectness && objectness < 0.5F) objectness = 0;
      if (!(objectness > threshold)) continue;

      const double px = raw(0), py = raw(gaussian ? 2 : 1);
      const double pw = raw(gaussian ? 4 : 2), ph = raw(gaussian ? 6 : 3);
      double cx = (x + s * (done ? px : sigma(px)) - (s - 1) / 2) / gw * input.width;
      double cy = (y + s * (done ? py : sigma(py)) - (s - 1) / 2) / gh * input.height;
      double w = (done ? 4 * pw * pw : std::exp(pw)) * spec.anchors[a].w;
      double h = (done ? 4 * ph * ph : std::exp(ph)) * spec.anchors[a].h;
      if (spec.form == DecodeForm::region) w *= input.width / gw, h *= input.height / gh;
      if (spec.point == BoxPoint::left_top) cx += w / 2, cy += h / 2;
      if (spec.point == BoxPoint::right_bottom) cx -= w / 2, cy -= h / 2;
      const Box box = {float(cx - w / 2), float(cy - h / 2), float(cx + w / 2), float(cy + h / 2)};
      const float corners[] = {box.x1, box.y1, box.x2, box.y2};
      if (!std::all_of(corners, corners + 4, [](float v) { return std::isfinite(v); })) continue;

      float certainty = 1;
      if (gaussian) {
        certainty = 1 - (sigma(raw(1)) + sigma(raw(3)) + sigma(raw(5)) + sigma(raw(7))) / 4;
      }
      double top = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int c = 0; c < spec.classes; ++c)
        top = std::max(top, double{raw(spec.coordinates() + c)});
      for (int c = 0; c < spec.classes; ++c)
        sum += std::exp(double{raw(spec.coordinates() + c)} - top);
      for (int c = 0; c < spec.classes; ++c) {
        const float value = raw(spec.coordinates() + c);
        float probability = value;
        if (spec.softmax) {
          probability = static_cast<float>(std::exp(double{value} - top) / sum);
        } else if (!done && spec.form != DecodeForm::region) {
          probability = sigma(value);
        }
        const float score = objectness * probability * certainty;
        if (!(score > threshold) || !std::isfinite(score)) continue;
        all.push_back({box, c, score, objectness, head, cell, a});
      }
    }
  }
  return all;
}

/// Boxes and scores from small pools, so that equal scores and equal boxes are frequent.
inline std::vector<Candidate> random_candidates(Rng& rng, int count, int classes) {
  std::vector<Candidate> all;
  for (int i = 0; i < count; ++i) {
    Candidate c;
    const float x = between(rng, 0, 100), y = between(rng, 0, 100);
    c.box = {x, y, x + between(rng, 5, 60), y + between(rng, 5, 60)};
    if (i > 0 && rng.chance(0.3)) c.box = all[static_cast<std::size_t>(rng.below(i))].box;
    if (rng.chance(0.05)) c.box.x2 = c.box.x1;  // without area
    c.score = rng.chance(0.5) ? static_cast<float>(1 + rng.below(8)) / 8 : between(rng, 0, 1);
    c.objectness = c.score;
    c.cls = rng.below(classes);
    c.head = rng.below(3);
    c.cell = i;
    c.anchor = rng.below(3);
    all.push_back(c);
  }
  return all;
}

template <class T>
void shuffle(std::vector<T>& values, Rng& rng) {
  for (int i = static_cast<int>(values.size()); i > 1; --i) {
    std::swap(values[static_cast<std::size_t>(i) - 1],
              values[static_cast<std::size_t>(rng.below(i))]);
  }
}

}  // namespace syolo::test

#include <algorithm>
#include <cmath>

#include "syolo/zoo/anchors_impl.h"

namespace syolo::zoo {

std::vector<Anchor> anchors_v3() {
  return {{10, 13},  {16, 30},  {33, 23},   {30, 61},  {62, 45},
          {59, 119}, {116, 90}, {156, 198}, {373, 326}};
}
std::vector<Anchor> anchors_v4() {
  return {{12, 16},  {19, 36},   {40, 28},   {36, 75},  {76, 55},
          {72, 146}, {142, 110}, {192, 243}, {459, 401}};
}
std::vector<Anchor> anchors_tiny() {
  return {{10, 14}, {23, 27}, {37, 58}, {81, 82}, {135, 169}, {344, 319}};
}
std::vector<Anchor> anchors_p5() {
  return {{13, 17},  {31, 25},   {24, 51},   {61, 45},   {48, 102},  {119, 96},
          {97, 189}, {217, 184}, {171, 384}, {324, 451}, {616, 618}, {800, 800}};
}
std::vector<Anchor> anchors_p6() {
  return {{13, 17},   {31, 25},   {24, 51},   {61, 45},    {61, 45},   {48, 102},
          {119, 96},  {97, 189},  {97, 189},  {217, 184},  {171, 384}, {324, 451},
          {324, 451}, {545, 357}, {616, 618}, {1024, 1024}};
}
std::vector<Anchor> anchors_p7() {
  return {{13, 17},   {22, 25},   {27, 66},   {55, 41},   {57, 88},    {112, 69},   {69, 177},
          {136, 138}, {136, 138}, {287, 114}, {134, 275}, {268, 248},  {268, 248},  {232, 504},
          {445, 416}, {640, 640}, {812, 393}, {477, 808}, {1070, 908}, {1408, 1408}};
}

namespace {

/// The value at `at` (0..1) along the logarithms of a sorted list.
float along(const std::vector<float>& sorted, double at) {
  const double place = at * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  const double share = place - static_cast<double>(low);
  return std::round(static_cast<float>(std::exp((1 - share) * std::log(double{sorted[low]}) +
                                                share * std::log(double{sorted[high]}))));
}

std::vector<float> sides(const std::vector<Anchor>& anchors, float Anchor::*side, float growth) {
  std::vector<float> out;
  out.reserve(anchors.size());
  for (const Anchor& a : anchors) out.push_back(a.*side);
  std::sort(out.begin(), out.end());
  out.back() *= growth;
  return out;
}

}  // namespace

std::vector<Anchor> anchors_for(const std::vector<Anchor>& own, int lowest, int top,
                                int per_level) {
  if (lowest == 3 && per_level == 4 && top >= 5) {
    return top == 5 ? anchors_p5() : top == 6 ? anchors_p6() : anchors_p7();
  }
  if (lowest == 3 && per_level == 3 && top == 5) return anchors_v4();
  const int count = (top - lowest + 1) * per_level;
  if (own.empty() || static_cast<std::size_t>(count) == own.size()) return own;
  const float growth = std::exp2(static_cast<float>(std::max(0, top - 5)));
  const std::vector<float> w = sides(own, &Anchor::w, growth), h = sides(own, &Anchor::h, growth);
  std::vector<Anchor> spread;
  for (int i = 0; i < count; ++i) {
    const double at = count == 1 ? 0.5 : static_cast<double>(i) / (count - 1);
    spread.push_back({along(w, at), along(h, at)});
  }
  return spread;
}

}  // namespace syolo::zoo

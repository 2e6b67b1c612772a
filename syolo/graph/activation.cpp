#include "syolo/graph/activation.h"

namespace syolo {
namespace {

template <std::size_t... I>
constexpr auto formula_names(std::index_sequence<I...>) {
  return std::array<std::string_view, sizeof...(I)>{std::tuple_element_t<I, Activations>::name...};
}
constexpr auto kNames = formula_names(std::make_index_sequence<std::tuple_size_v<Activations>>{});

struct AcrossName {
  Across across;
  std::string_view name;
};
constexpr std::array kAcross = {
    AcrossName{Across::relu_sum, "normalize_channels"},
    AcrossName{Across::exp_sum, "normalize_channels_softmax"},
    AcrossName{Across::exp_sum_shifted, "normalize_channels_softmax_maxval"}};

}  // namespace

std::optional<Act> Act::find(std::string_view name) {
  if (name == "silu") name = "swish";
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] != name) continue;
    Act act;
    act.index_ = static_cast<int>(i);
    return act;
  }
  for (const AcrossName& row : kAcross) {
    if (row.name == name) return Act(row.across);
  }
  return std::nullopt;
}

std::vector<std::string_view> Act::names() {
  std::vector<std::string_view> all(kNames.begin(), kNames.end());
  for (const AcrossName& row : kAcross) all.push_back(row.name);
  return all;
}

std::string_view Act::name() const {
  for (const AcrossName& row : kAcross) {
    if (row.across == across_) return row.name;
  }
  return across_ == Across::softmax ? "softmax" : kNames[static_cast<std::size_t>(index_)];
}

}  // namespace syolo

// Reads the files of tests/data/oracles/darknet and pairs them with their networks.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "syolo/graph/cfg.h"
#include "tests/support/counter_weights.h"

namespace syolo::test {

inline std::filesystem::path test_data() {
  return SYOLO_TEST_DATA;
}
/// The models that the product ships.
inline std::filesystem::path bundled_models() {
  return test_data().parent_path().parent_path() / "models";
}
inline std::filesystem::path darknet_oracles() {
  return test_data() / "oracles" / "darknet";
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// A JSON file; Darknet's "-nan" reads as null.
inline nlohmann::json read_json(const std::filesystem::path& path) {
  std::string text = read_file(path);
  for (const std::string_view nan : {":-nan", ":nan"}) {
    for (auto at = text.find(nan); at != std::string::npos; at = text.find(nan, at)) {
      text.replace(at, nan.size(), ":null");
    }
  }
  return nlohmann::json::parse(text);
}

struct OracleLayer {
  std::string type;
  Shape shape;  // c = 0: not said
  double mean = 0, std = 0;
  std::vector<std::pair<std::size_t, double>> samples;
  std::vector<double> output;  // all values, layers/ only
};

struct Oracle {
  std::uint64_t seed = 0;
  double gain = 0;
  Shape input;
  std::int64_t weight_floats = 0;
  std::vector<OracleLayer> layers;
};

inline OracleLayer read_oracle_layer(const nlohmann::json& row) {
  OracleLayer layer;
  layer.type = row.at("type");
  layer.shape = {1, row.at("c"), row.at("h"), row.at("w")};
  const auto real = [&](const char* key) {
    return row.at(key).is_null() ? std::numeric_limits<double>::quiet_NaN()
                                 : row.at(key).get<double>();
  };
  layer.mean = real("mean");
  layer.std = real("std");
  for (const auto& sample : row.at("samples")) layer.samples.emplace_back(sample[0], sample[1]);
  if (row.contains("output")) layer.output = row.at("output").get<std::vector<double>>();
  return layer;
}

inline Oracle read_oracle(const std::filesystem::path& path) {
  const nlohmann::json json = read_json(path);
  Oracle oracle;
  oracle.seed = json.at("seed");
  oracle.gain = json.at("gain");
  const auto& input = json.at("input");
  oracle.input = {1, input.at("c"), input.at("h"), input.at("w")};
  oracle.weight_floats = json.at("weight_floats");
  for (const auto& row : json.at("layers")) oracle.layers.push_back(read_oracle_layer(row));
  return oracle;
}

/// Darknet's vector path cuts the windows of these pools in the first eight columns (see
/// tests/data/oracles/README.md). The concatenation holds four channels each of the pools of
/// sizes 13, 9 and 5 and of their source.
inline bool darknet_is_wrong(const std::string& name, std::size_t layer, const OracleLayer& want,
                             std::size_t at) {
  if (name != "pool-spp") return false;
  const auto channel = static_cast<int>(at) / (want.shape.h * want.shape.w);
  const bool cut = layer == 1 || layer == 3 || (layer == 6 && channel >= 4 && channel < 12);
  return cut && static_cast<int>(at) % want.shape.w < 8;
}

/// Names of the cases of a folder ("layers", "family"), sorted.
inline std::vector<std::string> oracle_names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(darknet_oracles() / folder)) {
    if (entry.path().extension() == ".cfg") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// "layer 5: cfg:line" for failure messages.
inline std::string layer_text(const Graph& graph, std::size_t layer) {
  return to_text(graph.nodes()[layer].where) + " (layer " + std::to_string(layer) + ")";
}

/// As a name of a test: letters, digits and underscores.
inline std::string test_name(std::string text) {
  for (char& c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return text;
}

/// A network of the oracles with its weights and input, as Darknet ran it.
struct OracleCase {
  Oracle oracle;
  Graph graph;
  CounterWeights made;
  Tensor input;
  Findings findings;
};

inline OracleCase load_oracle_case(const std::string& folder, const std::string& name) {
  const auto stem = darknet_oracles() / folder / name;
  Oracle oracle = read_oracle(stem.string() + ".json");
  Findings findings;
  Graph graph = load_cfg(stem.string() + ".cfg", findings);
  CounterWeights made = counter_weights(graph, oracle.seed, oracle.gain);
  Tensor input = counter_input(oracle.input, oracle.seed);
  return {std::move(oracle), std::move(graph), std::move(made), std::move(input),
          std::move(findings)};
}

}  // namespace syolo::test

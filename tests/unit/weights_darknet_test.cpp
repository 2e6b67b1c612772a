// Darknet .weights files: header versions, order of parameters, byte-exact accounting.
#include "syolo/weights/formats/darknet.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "syolo/base/rng.h"
#include "tests/support/temp_dir.h"
#include "tests/support/weights_testing.h"

namespace syolo {
namespace {

using namespace test;

// kTwoLayers: 4 biases, scales, means, variances, 4*3*9 kernel values; 5 biases, 5*4 kernel values.
constexpr int kFirst = 4 * 4 + 108, kSecond = 5 + 20, kAll = kFirst + kSecond;

DarknetWeights read(const std::string& bytes, const Graph& graph, Findings* findings = nullptr,
                    const Limits& limits = {}) {
  Findings own;
  return read_darknet(in_memory(bytes), graph, findings != nullptr ? *findings : own, limits);
}

float value(const DarknetWeights& loaded, NodeId node, Role role, std::size_t index) {
  return loaded.weights.at({node, role}).values()[index];
}

TEST(DarknetWeights, FollowTheOrderOfTheFile) {
  const auto loaded = read(Bytes().header(0, 2, 0, std::uint64_t{32'013'312}).floats(kAll).text(),
                           graph_of(kTwoLayers));
  const auto at = [](int index) { return static_cast<float>(2 + index) * 0.25F; };
  EXPECT_EQ(value(loaded, 0, Role::bias, 0), at(0));
  EXPECT_EQ(value(loaded, 0, Role::scale, 0), at(4));
  EXPECT_EQ(value(loaded, 0, Role::mean, 0), at(8));
  EXPECT_EQ(value(loaded, 0, Role::variance, 0), at(12));
  EXPECT_EQ(value(loaded, 0, Role::kernel, 0), at(16));
  EXPECT_EQ(value(loaded, 1, Role::bias, 0), at(kFirst));
  EXPECT_EQ(value(loaded, 1, Role::kernel, 19), at(kAll - 1));
  EXPECT_EQ(loaded.images_seen, 32'013'312U);
  EXPECT_EQ(loaded.layers_loaded, 2);
}

TEST(DarknetWeights, BothWidthsOfTheCounterLoadAlike) {
  const Graph graph = graph_of(kTwoLayers);
  Findings findings;
  const auto wide =
      read(Bytes().header(0, 2, 5, std::uint64_t{77}).floats(kAll).text(), graph, &findings);
  const auto narrow =
      read(Bytes().header(0, 1, 0, std::uint32_t{77}).floats(kAll).text(), graph, &findings);
  EXPECT_TRUE(same_weights(wide.weights, narrow.weights));
  EXPECT_EQ(narrow.images_seen, 77U);
  EXPECT_TRUE(findings.empty());
}

TEST(DarknetWeights, TheOtherWidthIsUsedWhenOnlyItFits) {
  const Graph graph = graph_of(kTwoLayers);
  const auto wanted = read(Bytes().header(0, 2, 0, std::uint64_t{77}).floats(kAll).text(), graph);
  const std::string files[] = {Bytes().header(0, 2, 0, std::uint32_t{77}).floats(kAll).text(),
                               Bytes().header(0, 1, 0, std::uint64_t{77}).floats(kAll).text()};
  for (const std::string& file : files) {
    Findings findings;
    const auto loaded = read(file, graph, &findings);
    EXPECT_TRUE(same_weights(wanted.weights, loaded.weights));
    EXPECT_EQ(loaded.images_seen, 77U);
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].rule, "weights-header-width");
  }
}

TEST(DarknetWeights, AFileCutByOneValueIsNotTakenForTheOtherWidth) {
  // 4 bytes short of the wide form is the size of the narrow one; shifted by a value, the last
  // mean, which is negative, stands where the first variance belongs.
  const Graph graph = graph_of(kTwoLayers);
  Bytes bytes;
  bytes.header(0, 2, 0, std::uint64_t{77}).floats(8);
  for (int i = 0; i < 4; ++i) bytes.add(-0.5F);
  bytes.floats(kAll - 12 - 1);
  const Error error = error_of([&] { read(bytes.text(), graph); });
  EXPECT_EQ(error.kind(), ErrorKind::input);
  EXPECT_SAYS(error, "4 too few");
  EXPECT_SAYS(error, "ends inside [convolutional], layer 1: kernel (value 19 of 20)");
}

TEST(DarknetWeights, OddVersionsReadTheNarrowCounterAndTransposeConnectedMatrices) {
  const Graph graph =
      graph_of("[net]\nwidth=2\nheight=1\nchannels=1\n[connected]\noutput=3\nactivation=linear\n");
  const auto plain = read(Bytes().header(0, 2, 0, std::uint64_t{1}).floats(9).text(), graph);
  const auto turned = read(Bytes().header(1001, 0, 0, std::uint32_t{1}).floats(9).text(), graph);
  // 3 biases, then [out][in] = 3x2, or [in][out] = 2x3.
  for (std::size_t out = 0; out < 3; ++out) {
    EXPECT_EQ(value(turned, 0, Role::bias, out), value(plain, 0, Role::bias, out));
    for (std::size_t in = 0; in < 2; ++in) {
      EXPECT_EQ(value(turned, 0, Role::kernel, out * 2 + in),
                value(plain, 0, Role::kernel, in * 3 + out));
    }
  }
}

TEST(DarknetWeights, ConnectedKeepsItsNormalizationBehindTheMatrix) {
  const Graph graph = graph_of(
      "[net]\nwidth=2\nheight=1\nchannels=1\n"
      "[connected]\noutput=3\nbatch_normalize=1\nactivation=linear\n");
  const auto loaded = read(Bytes().header(0, 2, 0, std::uint64_t{1}).floats(18).text(), graph);
  const auto at = [](int index) { return static_cast<float>(2 + index) * 0.25F; };
  EXPECT_EQ(value(loaded, 0, Role::kernel, 0), at(3));
  EXPECT_EQ(value(loaded, 0, Role::scale, 0), at(9));
  EXPECT_EQ(value(loaded, 0, Role::mean, 0), at(12));
  EXPECT_EQ(value(loaded, 0, Role::variance, 0), at(15));
}

TEST(DarknetWeights, WeightedShortcutsAndBatchNormLayersHaveTheirValues) {
  const std::string conv = "[convolutional]\nfilters=3\nsize=1\nactivation=linear\n";
  const Graph graph = graph_of("[net]\nwidth=4\nheight=4\nchannels=3\n" + conv + conv +
                               "[shortcut]\nfrom=-2\nweights_type=per_channel\n"
                               "weights_normalization=relu\nactivation=linear\n[batchnorm]\n");
  const int floats = 2 * 12 + 2 * 3 + 4 * 3;
  const auto loaded = read(Bytes().header(0, 2, 0, std::uint64_t{1}).floats(floats).text(), graph);
  EXPECT_EQ(loaded.weights.at({2, Role::weights}).values().size(), 6U);
  EXPECT_EQ(value(loaded, 2, Role::weights, 0), static_cast<float>(2 + 24) * 0.25F);
  EXPECT_EQ(value(loaded, 3, Role::bias, 0), static_cast<float>(2 + 30) * 0.25F);
  EXPECT_EQ(value(loaded, 3, Role::variance, 2), static_cast<float>(2 + 41) * 0.25F);
}

TEST(DarknetWeights, SharedLayersOwnNothing) {
  const std::string conv = "[convolutional]\nfilters=3\nsize=1\nactivation=linear\n";
  const Graph graph =
      graph_of("[net]\nwidth=4\nheight=4\nchannels=3\n" + conv + conv + "share_index=0\n" + conv);
  const auto loaded = read(Bytes().header(0, 2, 0, std::uint64_t{1}).floats(24).text(), graph);
  EXPECT_FALSE(loaded.weights.has({1, Role::kernel}));
  EXPECT_EQ(loaded.weights.all().size(), 4U);
}

TEST(DarknetWeights, DontloadTakesNothingFromTheFileAndSaysSo) {
  const Graph graph = graph_of(
      "[net]\nwidth=4\nheight=4\nchannels=3\n"
      "[convolutional]\nbatch_normalize=1\nfilters=3\nsize=1\nactivation=linear\ndontload=1\n"
      "[convolutional]\nbatch_normalize=1\nfilters=2\nsize=1\nactivation=linear\n"
      "dontloadscales=1\n");
  Findings findings;
  const auto loaded =
      read(Bytes().header(0, 2, 0, std::uint64_t{1}).floats(2 + 6).text(), graph, &findings);
  EXPECT_TRUE(same_values(loaded.weights.at({0, Role::kernel}),
                          random_parameter({0, Role::kernel}, {3, 3, 1, 1}, 0)));
  EXPECT_EQ(value(loaded, 0, Role::scale, 0), 1);
  EXPECT_EQ(value(loaded, 0, Role::bias, 0), 0);
  EXPECT_EQ(value(loaded, 1, Role::bias, 0), 0.5F);
  EXPECT_EQ(value(loaded, 1, Role::scale, 1), 1);
  EXPECT_EQ(value(loaded, 1, Role::mean, 1), 0);
  EXPECT_EQ(value(loaded, 1, Role::variance, 1), 1);
  EXPECT_EQ(value(loaded, 1, Role::kernel, 0), 1.0F);
  EXPECT_EQ(loaded.layers_loaded, 2);
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].rule, "weights-not-in-file");
  EXPECT_NE(findings[1].text.find("dontloadscales"), std::string::npos);
}

TEST(DarknetWeights, AFileThatEndsAtALayerIsAPartialLoad) {
  Findings findings;
  const auto loaded = read(Bytes().header(0, 2, 0, std::uint64_t{9}).floats(kFirst).text(),
                           graph_of(kTwoLayers), &findings);
  EXPECT_EQ(loaded.layers_loaded, 1);
  EXPECT_EQ(value(loaded, 0, Role::bias, 0), 0.5F);
  EXPECT_TRUE(same_values(loaded.weights.at({1, Role::kernel}),
                          random_parameter({1, Role::kernel}, {5, 4, 1, 1}, 0)));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].rule, "weights-partial");
  EXPECT_NE(findings[0].text.find("the first 1 of 2 layers"), std::string::npos);
}

TEST(DarknetWeights, APartialFileMayNotAskForMemoryItDoesNotJustify) {
  // 1024*1024*9 kernel values of the second layer are not in the file.
  const Graph graph = graph_of(
      "[net]\nwidth=4\nheight=4\nchannels=1\n[convolutional]\nfilters=1024\nsize=1\n"
      "[convolutional]\nfilters=1024\nsize=3\n");
  Limits limits;
  limits.memory_bytes = 1 << 20;
  const std::string file = Bytes().header(0, 2, 0, std::uint64_t{9}).floats(2048).text();
  const Error error = error_of([&] { read(file, graph, nullptr, limits); });
  EXPECT_EQ(error.kind(), ErrorKind::limit);
}

TEST(DarknetWeights, EveryOtherLengthIsRefusedWithBothSizes) {
  const Graph graph = graph_of(kTwoLayers);
  const std::string whole = Bytes().header(0, 2, 0, std::uint64_t{1}).floats(kAll).text();
  for (std::size_t length = 0; length < whole.size() + 9; ++length) {
    const bool fits = length == whole.size() || length == 20 + 4 * kFirst;
    // One value more or less looks like the other header; these values are legal when shifted.
    if (fits || length + 4 == whole.size()) continue;
    std::string file = whole.substr(0, length);
    file.resize(length);
    const Error error = error_of([&] { read(file, graph); });
    EXPECT_EQ(error.kind(), ErrorKind::input) << length;
    EXPECT_EQ(error.where().file, "memory");
    if (length >= 16) {
      EXPECT_SAYS(error, "expected 616 bytes");  // 20 + 4 * 149
    }
  }
}

TEST(DarknetWeights, AShortFileNamesTheParameterItEndsIn) {
  const std::string file = Bytes().header(0, 2, 0, std::uint64_t{1}).floats(20).text();
  const Error error = error_of([&] { read(file, graph_of(kTwoLayers)); });
  EXPECT_SAYS(error, "found 100 (516 too few)");
  EXPECT_SAYS(error, "ends inside [convolutional], layer 0: kernel (value 4 of 108)");
}

TEST(DarknetWeights, AHeaderAloneIsNoPartialLoad) {
  const std::string file = Bytes().header(0, 2, 0, std::uint64_t{1}).text();
  EXPECT_SAYS(error_of([&] { read(file, graph_of(kTwoLayers)); }), "a header and no weights");
}

TEST(DarknetWeights, AWrongClassCountIsNamed) {
  const Graph three = graph_of(head_cfg(3)), eighty = graph_of(head_cfg(80));
  const std::string for_three = text_of(write_darknet(three, random_weights(three, 1), 0));
  const std::string for_eighty = text_of(write_darknet(eighty, random_weights(eighty, 1), 0));
  EXPECT_SAYS(error_of([&] { read(for_three, eighty); }),
              "fits this network with 3 classes; the cfg says 80");
  EXPECT_SAYS(error_of([&] { read(for_eighty, three); }),
              "fits this network with 80 classes; the cfg says 3");
}

TEST(DarknetWeights, ALargerNetworksFileIsSaidToBeOne) {
  const std::string file = Bytes().header(0, 2, 0, std::uint64_t{1}).floats(kAll + 7).text();
  EXPECT_SAYS(error_of([&] { read(file, graph_of(kTwoLayers)); }), "28 too many");
  EXPECT_SAYS(error_of([&] { read(file, graph_of(kTwoLayers)); }), "larger network");
}

TEST(DarknetWeights, AnImpossibleVersionIsNoWeightsFile) {
  const std::string file = "This is a text of a few bytes, no weights at all.";
  EXPECT_SAYS(error_of([&] { read(file, graph_of(kTwoLayers)); }), "no Darknet weights file");
}

TEST(DarknetWeights, SizesBeyond32BitsAreComparedNotWrapped) {
  // Each kernel has 2^30 values; two of them are 2^33 bytes, which is 0 in 32 bits.
  const std::string conv = "[convolutional]\nfilters=32768\nsize=1\n";
  const Graph graph = graph_of("[net]\nwidth=1\nheight=1\nchannels=1\n" + conv + conv + conv);
  const std::string file(100, '\0');
  const Error error = error_of([&] { read(file, graph); });
  EXPECT_EQ(error.kind(), ErrorKind::input);
  EXPECT_SAYS(error, "2,147,614,720 values");
}

TEST(DarknetWeights, ATensorThatNoFileMayHoldIsALimit) {
  const std::string cfg = "[net]\nwidth=1\nheight=1\nchannels=3\n[convolutional]\nfilters=2000\n";
  Limits limits;
  limits.tensor_bytes = 10'000;
  const Error error =
      error_of([&] { read(std::string(100, '\0'), graph_of(cfg), nullptr, limits); });
  EXPECT_EQ(error.kind(), ErrorKind::limit);
  EXPECT_SAYS(error, "test.cfg:5");
}

struct BadValue {
  float value;
  int index;
  const char* item;
};
void PrintTo(const BadValue& bad, std::ostream* out) {
  *out << bad.item;
}
class RefusedValue : public testing::TestWithParam<BadValue> {};
TEST_P(RefusedValue, IsNamedWithLayerRoleIndexAndByte) {
  const auto [bad, index, item] = GetParam();
  std::string file = Bytes().header(0, 2, 0, std::uint64_t{1}).floats(kAll).text();
  const std::size_t byte = 20 + static_cast<std::size_t>(index) * 4;
  std::memcpy(file.data() + byte, &bad, sizeof bad);
  const Error error = error_of([&] { read(file, graph_of(kTwoLayers)); });
  EXPECT_EQ(error.kind(), ErrorKind::input);
  EXPECT_EQ(error.where().byte, static_cast<std::int64_t>(byte));
  EXPECT_EQ(error.where().item, item);
}
constexpr float kInf = std::numeric_limits<float>::infinity();
INSTANTIATE_TEST_SUITE_P(
    Places, RefusedValue,
    testing::Values(BadValue{std::nanf(""), 0, "[convolutional], layer 0: bias[0]"},
                    BadValue{-kInf, 7, "[convolutional], layer 0: scale[3]"},
                    BadValue{kInf, 9, "[convolutional], layer 0: mean[1]"},
                    BadValue{-1e-30F, 13, "[convolutional], layer 0: variance[1]"},
                    BadValue{kInf, 15, "[convolutional], layer 0: variance[3]"},
                    BadValue{-std::nanf(""), kFirst - 1, "[convolutional], layer 0: kernel[107]"},
                    BadValue{kInf, kAll - 1, "[convolutional], layer 1: kernel[19]"}));

TEST(DarknetWeights, LegalExtremesAreKept) {
  std::string file = Bytes().header(0, 2, 0, std::uint64_t{1}).floats(kAll).text();
  const float values[] = {std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest(),
                          std::numeric_limits<float>::denorm_min(), -0.0F};
  std::memcpy(file.data() + 20, values, sizeof values);           // biases
  std::memcpy(file.data() + 20 + 48, values + 3, sizeof(float));  // a variance of -0
  EXPECT_EQ(value(read(file, graph_of(kTwoLayers)), 0, Role::bias, 1), values[1]);
}

TEST(DarknetWeights, NanIsFoundAnywhereInALongRow) {
  // Blocks of 1,024 are searched at once; both sides of each border and the rest behind them.
  const Graph graph =
      graph_of("[net]\nwidth=1\nheight=1\nchannels=1\n[convolutional]\nfilters=3000\nsize=1\n");
  const std::string whole = Bytes().header(0, 2, 0, std::uint64_t{1}).floats(6000).text();
  const float bad = std::nanf("");
  for (const int at : {0, 1023, 1024, 2047, 2048, 2999}) {
    std::string file = whole;
    std::memcpy(file.data() + 20 + 4 * (3000 + at), &bad, sizeof bad);
    const Error error = error_of([&] { read(file, graph); });
    EXPECT_EQ(error.where().byte, 20 + 4 * (3000 + at));
  }
}

TEST(DarknetWeights, WrittenAndReadAgainAreTheSameBytes) {
  const Graph graph = graph_of(head_cfg(3));
  const auto bytes = write_darknet(graph, random_weights(graph, 5), 1'234'567'890'123);
  const auto loaded = read(text_of(bytes), graph);
  EXPECT_EQ(loaded.images_seen, 1'234'567'890'123U);
  EXPECT_EQ(write_darknet(graph, loaded.weights, loaded.images_seen), bytes);
}

TEST(DarknetWeights, DontloadRoundTripsThroughItsOwnCfg) {
  const Graph graph = graph_of(std::string(kTwoLayers) + "dontload=1\n");
  const auto bytes = write_darknet(graph, random_weights(graph, 5), 0);
  EXPECT_EQ(bytes.size(), 20U + 4 * kFirst);
  EXPECT_TRUE(same_weights(
      read(text_of(bytes), graph).weights,
      read(text_of(write_darknet(graph, random_weights(graph, 5), 0)), graph).weights));
}

TEST(DarknetWeights, NonFiniteValuesAreNotWritten) {
  const Graph graph = graph_of(kTwoLayers);
  Weights weights = random_weights(graph, 1);
  weights.set({1, Role::bias}, Tensor({1, 5, 1, 1}, {0, 0, std::nanf(""), 0, 0}));
  EXPECT_SAYS(error_of([&] { write_darknet(graph, weights, 0); }), "layer 1: bias[2]");
}

TEST(DarknetWeights, UnalignedBytesGiveTheSameTensors) {
  const Graph graph = graph_of(kTwoLayers);
  const std::string file = Bytes().header(0, 2, 0, std::uint64_t{1}).floats(kAll).text();
  FileBytes shifted = in_memory("x" + file);
  shifted.bytes = shifted.bytes.subspan(1);
  Findings findings;
  EXPECT_TRUE(
      same_weights(read_darknet(shifted, graph, findings).weights, read(file, graph).weights));
}

TEST(DarknetFiles, TensorsViewTheMapAndSurviveReleasedPages) {
  const TempDir folder;
  const Graph graph =
      graph_of("[net]\nwidth=1\nheight=1\nchannels=64\n[convolutional]\nfilters=512\nsize=1\n");
  const Weights made = random_weights(graph, 3);
  save_darknet(folder / "net.weights", graph, made, 5);
  Findings findings;
  const DarknetWeights loaded = load_darknet(folder / "net.weights", graph, findings);
  const ParamId kernel{0, Role::kernel};
  const float* before = loaded.weights.at(kernel).values().data();
  loaded.weights.release_pages(kernel);
  EXPECT_TRUE(same_weights(loaded.weights, made));
  EXPECT_EQ(loaded.weights.at(kernel).values().data(), before);
  made.release_pages(kernel);  // memory of our own: nothing happens
  EXPECT_TRUE(same_weights(loaded.weights, made));
}

TEST(DarknetFiles, AMissingFileIsNamed) {
  Findings findings;
  const Error error =
      error_of([&] { load_darknet("/no/such.weights", graph_of(kTwoLayers), findings); });
  EXPECT_EQ(error.kind(), ErrorKind::io);
  EXPECT_SAYS(error, "/no/such.weights");
}

struct RealFile {
  const char* name;
  std::int64_t bytes;
};
void PrintTo(const RealFile& file, std::ostream* out) {
  *out << file.name;
}
class RealWeights : public testing::TestWithParam<RealFile> {};
TEST_P(RealWeights, LoadToTheLastByteAndRoundTrip) {
  const auto stem = std::filesystem::path(SYOLO_TEST_DATA) / "weights" / GetParam().name;
  const std::string file = stem.string() + ".weights";
  ASSERT_EQ(static_cast<std::int64_t>(std::filesystem::file_size(file)), GetParam().bytes);
  Findings findings;
  const Graph graph = load_cfg(stem.string() + ".cfg", findings);
  findings.clear();
  const DarknetWeights loaded = load_darknet(file, graph, findings);
  EXPECT_EQ(loaded.layers_loaded, static_cast<int>(graph.nodes().size()));
  EXPECT_TRUE(findings.empty());
  const auto again = write_darknet(graph, loaded.weights, loaded.images_seen);
  const std::string original = read_text(file, 1 << 30);
  // The header may be of another version; the values are the same bytes.
  EXPECT_EQ(std::string_view(text_of(again)).substr(20),
            std::string_view(original).substr(original.size() - (again.size() - 20)));
}
INSTANTIATE_TEST_SUITE_P(Files, RealWeights,
                         testing::Values(RealFile{"yoloface-500k", 520'580},
                                         RealFile{"yolo-fastest-1.1", 1'384'268},
                                         RealFile{"yolo-fastest-1.1_body", 1'177'604},
                                         RealFile{"MobileNetV2-YOLOv3-Nano-coco", 3'564'300}));

TEST(DarknetFiles, OneClassWeightsUnderAnEightyClassCfgAreExplained) {
  const auto folder = std::filesystem::path(SYOLO_TEST_DATA) / "weights";
  Findings findings;
  const Graph coco = load_cfg((folder / "yolo-fastest-1.1.cfg").string(), findings);
  const Error error =
      error_of([&] { load_darknet(folder / "yolo-fastest-1.1_body.weights", coco, findings); });
  EXPECT_SAYS(error, "fits this network with 1 class; the cfg says 80");
}

/// A file of zeros that takes no space.
void make_sparse(const std::filesystem::path& path, std::int64_t bytes) {
  std::ofstream(path, std::ios::binary) << Bytes().header(0, 2, 5, std::uint64_t{0}).text();
  std::filesystem::resize_file(path, static_cast<std::uintmax_t>(bytes));
}

struct Published {
  const char* cfg;
  std::int64_t bytes;
  int layers;  // 0 = all
};
void PrintTo(const Published& file, std::ostream* out) {
  *out << file.cfg << " " << file.bytes;
}
class PublishedSize : public testing::TestWithParam<Published> {};
TEST_P(PublishedSize, EndsAtALayerOfTheCfg) {
  const auto [name, bytes, layers] = GetParam();
  const TempDir folder;
  make_sparse(folder / "net.weights", bytes);
  Findings findings;
  const auto cfg = std::filesystem::path(SYOLO_TEST_DATA) / "oracles/darknet/family" / name;
  const Graph graph = load_cfg(cfg.string() + ".cfg", findings);
  const DarknetWeights loaded = load_darknet(folder / "net.weights", graph, findings);
  EXPECT_EQ(loaded.layers_loaded, layers == 0 ? static_cast<int>(graph.nodes().size()) : layers);
}
INSTANTIATE_TEST_SUITE_P(Family, PublishedSize,
                         testing::Values(Published{"yolov4-tiny", 24'251'276, 0},
                                         Published{"yolov4-tiny", 19'789'716, 29},
                                         Published{"yolov4-tiny-3l", 25'336'200, 0},
                                         Published{"yolov4-csp-s-mish", 33'164'680, 0}));

TEST(DarknetFiles, TheSizeOfAPublishedNetworkIsRecognised) {
  const TempDir folder;
  make_sparse(folder / "net.weights", 24'251'276);
  Findings findings;
  const Error error =
      error_of([&] { load_darknet(folder / "net.weights", graph_of(kTwoLayers), findings); });
  EXPECT_SAYS(error, "the size of the published yolov4-tiny");
}

}  // namespace
}  // namespace syolo

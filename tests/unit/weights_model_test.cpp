// Models from the files users have, in the right and in the wrong places.
#include "syolo/weights/model.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "syolo/weights/formats/darknet.h"
#include "syolo/weights/formats/safetensors.h"
#include "tests/support/temp_dir.h"
#include "tests/support/weights_testing.h"

namespace syolo {
namespace {

using namespace test;

FileKind kind_of(std::string_view bytes) {
  return sniff(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

TEST(Sniff, DecidesByContent) {
  using namespace std::string_view_literals;
  EXPECT_EQ(kind_of(""), FileKind::empty);
  EXPECT_EQ(kind_of("[net]\nwidth=3\n"), FileKind::cfg);
  EXPECT_EQ(kind_of("\xEF\xBB\xBF# comment\r\n\r\n[network]\r\n"), FileKind::cfg);
  EXPECT_EQ(kind_of("classes = 2\ntrain = a.txt\n"), FileKind::data);
  EXPECT_EQ(kind_of("person\nbicycle\n"), FileKind::names);
  EXPECT_EQ(kind_of("classes = 1\nfilters = 18\n"), FileKind::text);
  EXPECT_EQ(kind_of("{\"a\": 1}"), FileKind::text);
  EXPECT_EQ(kind_of("\xFF\xD8\xFF\xE0 JFIF"), FileKind::image);
  EXPECT_EQ(kind_of("\x89PNG\r\n\x1A\n"), FileKind::image);
  EXPECT_EQ(kind_of("RIFF\x10\0\0\0WEBPVP8 "sv), FileKind::image);
  EXPECT_EQ(kind_of("BM\x10\0\0\0\0\0\0\0\x36\0\0\0"sv), FileKind::image);
  EXPECT_EQ(kind_of("PK\x03\x04 and so on"), FileKind::torch_pt);
  EXPECT_EQ(kind_of("\x80\x02\x8A\x0Al\xFC\x9C\x46\xF9 j\xA8P\x19."), FileKind::torch_pt);
  EXPECT_EQ(kind_of("\x08\x08\x12\x07pytorch"), FileKind::onnx);
  EXPECT_EQ(kind_of("\x10\0\0\0\0\0\0\0{\"a\":1}       "sv), FileKind::safetensors);
  EXPECT_EQ(kind_of(Bytes().header(0, 2, 5, std::uint64_t{1}).text()), FileKind::darknet_weights);
  EXPECT_EQ(kind_of("\x01\x02\x03\xFF\xFE\0\0\0\0"sv), FileKind::binary);
}

TEST(Sniff, NeverReadsPastAShortFile) {
  const std::string seeds[] = {Bytes().header(0, 2, 5, std::uint64_t{1}).text(),
                               "RIFF....WEBP",
                               "PK\x03\x04",
                               "\x08\x08\x12",
                               "BM............",
                               "[net]"};
  for (const std::string& seed : seeds) {
    for (std::size_t length = 0; length <= seed.size(); ++length) {
      const std::vector<char> exact(seed.begin(),
                                    seed.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_FALSE(name_of(sniff(std::as_bytes(std::span(exact)))).empty());
    }
  }
}

TEST(Names, AreReadAlikeInEveryEncodingOfLineEnds) {
  const std::vector<std::string> wanted = {"person", "traffic light", "dog"};
  const char* files[] = {"person\ntraffic light\ndog\n",
                         "person\r\ntraffic light\r\ndog\r\n",
                         "person\rtraffic light\rdog\r",
                         "person\ntraffic light\r\ndog",
                         "\xEF\xBB\xBFperson\ntraffic light\ndog\n",
                         "person\ntraffic light \n\tdog\n\n\r\n  \n"};
  for (const char* file : files) EXPECT_EQ(parse_names(file, "n"), wanted) << file;
}

TEST(Names, AnEmptyLineBeforeANameIsAnErrorAtItsLine) {
  for (const char* file : {"a\n\nb\n", "a\r\n \r\nb", "a\r\rb"}) {
    const Error error = error_of([&] { parse_names(file, "x.names"); });
    EXPECT_EQ(error.where().line, 2);
    EXPECT_SAYS(error, "x.names:2");
  }
  EXPECT_EQ(error_of([] { parse_names("\na\n", "x.names"); }).where().line, 1);
}

TEST(Names, OddBytesAreKeptAndOtherFilesAreNot) {
  EXPECT_EQ(parse_names("caf\xE9\nq\"\\\x01z\n", "n"),
            (std::vector<std::string>{"caf\xE9", "q\"\\\x01z"}));
  EXPECT_EQ(parse_names(std::string(65'536, 'x'), "n").front().size(), 65'536U);
  EXPECT_TRUE(parse_names("", "n").empty());
  EXPECT_SAYS(error_of([] { parse_names("[net]\nwidth=1\n", "n"); }), "looks like a cfg");
  EXPECT_SAYS(error_of([] { parse_names("names = x\nclasses=1\n", "n"); }), "looks like a data");
  EXPECT_EQ(error_of([] { parse_names(std::string_view("a\0b\n", 4), "n"); }).kind(),
            ErrorKind::input);
}

/// A folder with net.cfg (3 classes) and what the test adds.
class ModelPathsTest : public testing::Test {
 protected:
  void SetUp() override { folder_.write("net.cfg", head_cfg(3)); }
  std::string path(std::string_view name) const { return (folder_ / name).string(); }
  void add_weights(std::string_view name = "net.weights") const {
    const Graph graph = graph_of(head_cfg(3));
    folder_.write(name, text_of(write_darknet(graph, random_weights(graph, 1), 99)));
  }
  void add_model_file(std::string_view name, const std::string& cfg = head_cfg(3)) const {
    Graph graph = graph_of(cfg);
    Weights weights = random_weights(graph, 1);
    save_model(path(name), {std::move(graph), std::move(weights), {"x", "y", "z"}, 7, {}, {}});
  }
  TempDir folder_;
};
using LoadModel = ModelPathsTest;

TEST_F(LoadModel, FindsWeightsAndNamesBesideTheCfg) {
  add_weights();
  folder_.write("net.names", "a\nb\nc\n");
  const Model model = load_model({.model = path("net.cfg")});
  EXPECT_EQ(model.names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(model.origin.format, "darknet");
  EXPECT_EQ(model.origin.weights_file, path("net.weights"));
  EXPECT_EQ(model.origin.names_file, path("net.names"));
  EXPECT_EQ(model.images_seen, 99U);
}

TEST_F(LoadModel, UsesNumbersWithoutNames) {
  add_weights();
  EXPECT_EQ(load_model({.model = path("net.cfg")}).names,
            (std::vector<std::string>{"0", "1", "2"}));
}

TEST_F(LoadModel, SaysWhichWeightsItLookedFor) {
  const Error error = error_of([&] { load_model({.model = path("net.cfg")}); });
  EXPECT_EQ(error.kind(), ErrorKind::io);
  EXPECT_SAYS(error, "neither net.weights nor net.safetensors");
}

TEST_F(LoadModel, RandomWeightsOnlyWithoutOthers) {
  const ModelPaths paths{.model = path("net.cfg"), .random_weights = true, .seed = 5};
  const Model model = load_model(paths);
  EXPECT_EQ(model.origin.format, "random");
  EXPECT_TRUE(same_weights(model.weights, random_weights(model.graph, 5)));
  add_weights();
  EXPECT_EQ(load_model(paths).origin.format, "darknet");
}

TEST_F(LoadModel, RandomWeightsStayWithinTheMemoryLimit) {
  Limits limits;
  limits.memory_bytes = 100;
  const ModelPaths paths{.model = path("net.cfg"), .random_weights = true};
  EXPECT_EQ(error_of([&] { load_model(paths, limits); }).kind(), ErrorKind::limit);
}

TEST_F(LoadModel, AModelFileUnderAnyNameIsEnough) {
  add_model_file("odd.cfg");
  const Model model = load_model({.model = path("odd.cfg")});
  EXPECT_EQ(model.origin.format, "safetensors");
  EXPECT_EQ(model.names, (std::vector<std::string>{"x", "y", "z"}));
  folder_.write("mine.names", "1st\n2nd\n3rd\n");
  EXPECT_EQ(load_model({.model = path("odd.cfg"), .names = path("mine.names")}).names[1], "2nd");
}

TEST_F(LoadModel, AModelFileAndWeightsAreOneTooMany) {
  add_model_file("m.safetensors");
  add_weights();
  const ModelPaths paths{.model = path("m.safetensors"), .weights = path("net.weights")};
  EXPECT_EQ(error_of([&] { load_model(paths); }).kind(), ErrorKind::usage);
}

TEST_F(LoadModel, ACfgTakesItsWeightsFromAModelFileOfTheSameNetwork) {
  add_model_file("net.safetensors");
  const Model model = load_model({.model = path("net.cfg")});
  EXPECT_EQ(model.origin.format, "safetensors");
  EXPECT_EQ(model.origin.layers_loaded, 3);
}

TEST_F(LoadModel, EqualShapesDoNotHideAnotherNetwork) {
  std::string other = head_cfg(3);
  other.replace(other.find("leaky"), 5, "mish");
  add_model_file("net.safetensors", other);
  const Error error = error_of([&] { load_model({.model = path("net.cfg")}); });
  EXPECT_SAYS(error, "layer 0 is");
  EXPECT_SAYS(error, "activation=mish");
}

TEST_F(LoadModel, TrainingHintsMakeNoOtherNetwork) {
  add_model_file("net.safetensors", head_cfg(3) + "ignore_thresh=.7\n");
  EXPECT_EQ(load_model({.model = path("net.cfg")}).origin.format, "safetensors");
}

TEST_F(LoadModel, SwappedFilesAreRecognised) {
  add_weights();
  const Error error =
      error_of([&] { load_model({.model = path("net.weights"), .weights = path("net.cfg")}); });
  EXPECT_EQ(error.kind(), ErrorKind::input);
  EXPECT_SAYS(error, "looks like a Darknet weights file, expected a cfg or a model file");
  EXPECT_SAYS(error, "swapped");
  EXPECT_SAYS(error_of([&] { load_model({.model = path("net.weights")}); }), "--weights");
}

TEST_F(LoadModel, EveryPermutationOfWrongFilesIsRefusedByKind) {
  add_weights();
  folder_.write("a.data", "classes=3\ntrain=t.txt\nnames=n.names\n");
  folder_.write("a.names", "a\nb\nc\n");
  folder_.write("a.jpg", "\xFF\xD8\xFF\xE0 not quite a picture");
  folder_.write("a.onnx", "\x08\x07\x12\x07pytorch");
  const std::vector<std::string> names = {"net.cfg", "net.weights", "a.data",
                                          "a.names", "a.jpg",       "a.onnx"};
  for (const std::string& model : names) {
    for (const std::string& weights : names) {
      for (const std::string& listed : names) {
        const ModelPaths paths{path(model), path(weights), path(listed)};
        const bool right = model == "net.cfg" && weights == "net.weights" && listed == "a.names";
        if (right) {
          EXPECT_EQ(load_model(paths).names.size(), 3U);
          continue;
        }
        const Error error = error_of([&] { load_model(paths); });
        EXPECT_SAYS(error, "looks like");
        EXPECT_TRUE(error.kind() == ErrorKind::input || error.kind() == ErrorKind::unsupported);
      }
    }
  }
}

TEST_F(LoadModel, AnOnnxModelIsRefusedByName) {
  folder_.write("a.onnx", "\x08\x07\x12\x07pytorch");
  const Error error = error_of([&] { load_model({.model = path("a.onnx")}); });
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_SAYS(error, "ONNX model");
}

// Whole ones: weights_torch_test.cpp.
TEST_F(LoadModel, ACheckpointOfPyTorchIsAModelAndSaysWhatItLacks) {
  folder_.write("a.pt", "PK\x03\x04 zip");
  EXPECT_SAYS(error_of([&] { load_model({.model = path("a.pt")}); }), "zip file");
  add_weights();
  const ModelPaths both{.model = path("a.pt"), .weights = path("net.weights")};
  EXPECT_EQ(error_of([&] { load_model(both); }).kind(), ErrorKind::usage);
  EXPECT_SAYS(error_of([&] { load_model({.model = path("net.cfg"), .weights = path("a.pt")}); }),
              "zip file");
}

TEST_F(LoadModel, ABrokenCfgIsExplainedByItsReader) {
  folder_.write("bad.cfg", "classes = 1\nfilters = 18\n");
  const Error error = error_of([&] { load_model({.model = path("bad.cfg")}); });
  EXPECT_SAYS(error, "bad.cfg:1");
  folder_.write("none.cfg", "");
  EXPECT_EQ(error_of([&] { load_model({.model = path("none.cfg")}); }).kind(), ErrorKind::input);
}

TEST_F(LoadModel, NamesMustBeAsManyAsClasses) {
  add_weights();
  folder_.write("few.names", "only\n");
  folder_.write("many.names", "a\nb\nc\nd\n");
  folder_.write("none.names", "");
  for (const char* file : {"few.names", "many.names", "none.names"}) {
    ModelPaths paths{.model = path("net.cfg"), .names = path(file)};
    const Error error = error_of([&] { load_model(paths); });
    EXPECT_SAYS(error, "expected 3 class names");
    EXPECT_SAYS(error, file);
    paths.names_mismatch = NamesMismatch::number;
    const Model model = load_model(paths);
    EXPECT_EQ(model.names.size(), 3U);
    EXPECT_EQ(model.findings.back().rule, "names-mismatch");
  }
  const Model few = load_model({.model = path("net.cfg"),
                                .names = path("few.names"),
                                .names_mismatch = NamesMismatch::number});
  EXPECT_EQ(few.names, (std::vector<std::string>{"only", "1", "2"}));
}

TEST_F(LoadModel, PartialWeightsAreCounted) {
  const Graph graph = graph_of(head_cfg(3));
  const std::string whole = text_of(write_darknet(graph, random_weights(graph, 1), 0));
  folder_.write("net.weights", whole.substr(0, 20 + 4 * 124));
  const Model model = load_model({.model = path("net.cfg"), .partial_weights = true});
  EXPECT_EQ(model.origin.layers_loaded, 1);
  EXPECT_EQ(model.findings.back().rule, "weights-partial");
  const Error error = error_of([&] { load_model({.model = path("net.cfg")}); });
  EXPECT_SAYS(error, "found those of the first 1");
  EXPECT_SAYS(error, "net.weights");
}

TEST_F(LoadModel, CfgAndWeightsEqualTheModelFile) {
  add_weights();
  const Model a = load_model({.model = path("net.cfg")});
  save_model(path("saved"), a);
  const Model b = load_model({.model = path("saved")});
  EXPECT_TRUE(a.graph == b.graph);
  EXPECT_TRUE(same_weights(a.weights, b.weights));
  EXPECT_EQ(a.names, b.names);
}

TEST_F(LoadModel, FoldersPipesAndMissingFilesAreIoErrors) {
  EXPECT_EQ(error_of([&] { load_model({.model = path("nothing")}); }).kind(), ErrorKind::io);
  EXPECT_EQ(error_of([&] { load_model({.model = folder_.path().string()}); }).kind(),
            ErrorKind::io);
  EXPECT_EQ(error_of([&] { load_model({.model = "/dev/zero"}); }).kind(), ErrorKind::io);
  EXPECT_EQ(error_of([] { load_model({}); }).kind(), ErrorKind::usage);
}

}  // namespace
}  // namespace syolo

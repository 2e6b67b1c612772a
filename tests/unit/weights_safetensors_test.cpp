// The model file: what a strict safetensors reader refuses, and what comes back unchanged.
#include "syolo/weights/formats/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>

#include "tests/support/temp_dir.h"
#include "tests/support/weights_testing.h"

namespace syolo {
namespace {

using namespace test;

/// A file of that header and so many bytes of data.
std::string file_of(std::string header, std::size_t data_bytes) {
  Bytes bytes;
  bytes.add(static_cast<std::uint64_t>(header.size())).add(header);
  return bytes.text() + std::string(data_bytes, '\0');
}
SafetensorsFile read(const std::string& bytes) {
  return read_safetensors(in_memory(bytes));
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape +
         "],\"data_offsets\":[" + offsets + "]}";
}

TEST(Safetensors, ReadsTensorsShapesAndMetadata) {
  const std::string header = "{\"__metadata__\":{\"a\":\"b\"}," + entry("x", "F32", "2,3", "0,24") +
                             "," + entry("s", "F32", "", "24,28") + "}   ";
  std::string file = file_of(header, 28);
  const float value = 1.5F;
  std::memcpy(file.data() + 8 + header.size() + 4, &value, 4);
  const SafetensorsFile got = read(file);
  EXPECT_EQ(got.metadata.at("a"), "b");
  EXPECT_EQ(got.shapes.at("x"), (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(got.tensors.at("x").shape(), (Shape{2, 3, 1, 1}));
  EXPECT_EQ(got.tensors.at("x").values()[1], 1.5F);
  EXPECT_EQ(got.tensors.at("s").shape(), (Shape{1, 1, 1, 1}));
  EXPECT_EQ(got.places.at("s").begin, static_cast<std::int64_t>(8 + header.size() + 24));
}

TEST(Safetensors, FieldsAndTensorsMayComeInAnyOrder) {
  const std::string header = "{\"b\":{\"data_offsets\":[4,8],\"shape\":[1],\"dtype\":\"F32\"}," +
                             entry("a", "F32", "1", "0,4") + ",\"__metadata__\":{}}";
  EXPECT_EQ(read(file_of(header, 8)).tensors.size(), 2U);
}

TEST(Safetensors, EmptyTensorsTakeNoBytes) {
  const std::string header =
      "{" + entry("a", "F32", "0,7", "0,0") + "," + entry("b", "F32", "1", "0,4") + "}";
  EXPECT_EQ(read(file_of(header, 4)).tensors.at("a").values().size(), 0U);
}

TEST(Safetensors, IntegersAreCheckedAndListedOnly) {
  const SafetensorsFile got = read(file_of("{" + entry("n", "I64", "2", "0,16") + "}", 16));
  EXPECT_EQ(got.shapes.count("n"), 1U);
  EXPECT_EQ(got.tensors.count("n"), 0U);
}

TEST(Safetensors, OtherFloatsAreConverted) {
  const std::string header = "{" + entry("h", "F16", "6", "0,12") + "," +
                             entry("b", "BF16", "2", "12,16") + "," +
                             entry("d", "F64", "1", "16,24") + "}";
  Bytes data;
  for (const int bits : {0x3C00, 0xC000, 0x0001, 0x8000, 0x7BFF, 0x7C00}) {
    data.add(static_cast<std::uint16_t>(bits));
  }
  data.add(std::uint16_t{0x3FC0}).add(std::uint16_t{0xC2F7}).add(0.1);
  const SafetensorsFile got = read(file_of(header, 0) + data.text());
  const auto half = got.tensors.at("h").values();
  EXPECT_EQ(half[0], 1.0F);
  EXPECT_EQ(half[1], -2.0F);
  EXPECT_EQ(half[2], 0x1p-24F);
  EXPECT_TRUE(half[3] == 0 && std::signbit(half[3]));
  EXPECT_EQ(half[4], 65504.0F);
  EXPECT_EQ(half[5], std::numeric_limits<float>::infinity());
  EXPECT_EQ(got.tensors.at("b").values()[0], 1.5F);
  EXPECT_EQ(got.tensors.at("b").values()[1], -123.5F);
  EXPECT_EQ(got.tensors.at("d").values()[0], 0.1F);
}

struct Crafted {
  const char* name;
  std::string header;
  std::size_t data_bytes;
  const char* says;
};
void PrintTo(const Crafted& crafted, std::ostream* out) {
  *out << crafted.name;
}

class RefusedHeader : public testing::TestWithParam<Crafted> {};
TEST_P(RefusedHeader, IsAnInputErrorThatSaysWhy) {
  const Crafted& crafted = GetParam();
  const Error error = error_of([&] { read(file_of(crafted.header, crafted.data_bytes)); });
  EXPECT_TRUE(error.kind() == ErrorKind::input || error.kind() == ErrorKind::limit);
  EXPECT_EQ(error.where().file, "memory");
  EXPECT_SAYS(error, crafted.says);
}

std::vector<Crafted> crafted_headers() {
  const auto one = [](const std::string& dtype, const std::string& shape, const std::string& at) {
    return "{" + entry("x", dtype, shape, at) + "}";
  };
  const auto two = [](const std::string& a, const std::string& b) {
    return "{" + entry("a", "F32", "1", a) + "," + entry("b", "F32", "1", b) + "}";
  };
  std::string many = "{";
  for (int i = 0; i <= 20'000; ++i) {
    many += (i != 0 ? "," : "") + entry(std::to_string(i), "U8", "0", "0,0");
  }
  return {
      {"Overlap", two("0,4", "2,6"), 6, "an overlap"},
      {"SameBytesTwice", two("0,4", "0,4"), 4, "an overlap"},
      {"Gap", two("0,4", "8,12"), 12, "a gap"},
      {"GapAtTheStart", one("F32", "1", "4,8"), 8, "a gap"},
      {"BytesLeftOver", one("F32", "1", "0,4"), 9, "expected 4 bytes of data, found 9"},
      {"DataMissing", one("F32", "1", "0,4"), 3, "within the 3 bytes of data"},
      {"OffsetsBackwards", one("F32", "1", "8,4"), 8, "found 8 to 4"},
      {"WrongDtypeSize", one("F16", "2", "0,8"), 8, "expected 4 bytes for its shape and dtype F16"},
      {"UnknownDtype", one("Q4", "2", "0,8"), 8, "known dtype, found \"Q4\""},
      {"DuplicateTensor", two("0,4", "4,8").replace(two("0,4", "4,8").find("\"b\""), 3, "\"a\""), 8,
       "tensor \"a\" stands twice"},
      {"DuplicateByEscape",
       "{" + entry("a", "F32", "1", "0,4") + "," + entry("\\u0061", "F32", "1", "4,8") + "}", 8,
       "tensor \"a\" stands twice"},
      {"DuplicateMetadata", R"({"__metadata__":{"k":"1","k":"2"}})", 0, "\"k\" stands twice"},
      {"TwoMetadata", R"({"__metadata__":{},"__metadata__":{}})", 0, "stands twice"},
      {"DuplicateField", R"({"x":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}})",
       4, "dtype stands twice"},
      {"NanShape", one("F32", "NaN", "0,4"), 4, "syntax error"},
      {"NullShape", one("F32", "null", "0,4"), 4, "found null"},
      {"NegativeShape", one("F32", "-1", "0,4"), 4, "a negative number"},
      {"FractionalShape", one("F32", "1.0", "0,4"), 4, "a fraction"},
      {"HugeExponent", one("F32", "1e999", "0,4"), 4, "syntax error"},
      {"TextShape", one("F32", "\"1\"", "0,4"), 4, "found text"},
      {"NestedShape", one("F32", "[1]", "0,4"), 4, "found a list"},
      {"OverflowingShape", one("F32", "4294967296,4294967296", "0,0"), 0, "overflows"},
      {"ShapeBeyond64Bits", one("F32", "18446744073709551615", "0,4"), 4, "beyond 2^63"},
      {"OverflowToZero", one("F32", "4611686018427387904,4", "0,0"), 0, "overflows"},
      {"TooManySides", one("F32", "1,1,1,1,1,1,1,1,1", "0,4"), 4, "at most 8 sides"},
      {"OneOffset", one("F32", "1", "0"), 4, "two data_offsets"},
      {"ThreeOffsets", one("F32", "1", "0,4,4"), 4, "two whole numbers"},
      {"NoDtype", R"({"x":{"shape":[1],"data_offsets":[0,4]}})", 4, "found less"},
      {"ForeignField", R"({"x":{"dtype":"F32","shape":[],"data_offsets":[0,4],"z":1}})", 4,
       "found \"z\""},
      {"EntryIsNoObject", R"({"x":[]})", 0, "a tensor's entry"},
      {"MetadataIsNoText", R"({"__metadata__":{"k":1}})", 0, "expected text, found a number"},
      {"MetadataIsNested", R"({"__metadata__":{"k":{}}})", 0, "found an object"},
      {"TopIsAList", "[]", 0, "begins with {"},
      {"LeadingSpace", " {}", 0, "begins with {"},
      {"TrailingText", "{}x", 0, "syntax error"},
      {"TwoDocuments", "{}{}", 0, "syntax error"},
      {"Comment", "{/**/}", 0, "syntax error"},
      {"InvalidUtf8", "{\"\xFF\":1}", 0, "syntax error"},
      {"CutShort", R"({"x":{"dtype")", 0, "syntax error"},
      {"DeepNesting", "{\"x\":" + std::string(100'000, '['), 0, "a tensor's entry"},
      {"TooManyTensors", many + "}", 0, "at most 20,000 tensors"},
  };
}
INSTANTIATE_TEST_SUITE_P(G8, RefusedHeader, testing::ValuesIn(crafted_headers()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Safetensors, LengthsBeyondTheFileOrTheLimitAreRefusedBeforeAnythingIsRead) {
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{1} << 31,
        std::uint64_t{1} << 63, ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    const std::string file = Bytes().add(length).add("{}").text();
    EXPECT_SAYS(error_of([&] { read(file); }), "expected a header of 2 to 2 bytes");
  }
  const TempDir folder;
  const std::string head = Bytes().add((std::uint64_t{16} << 20) + 1).add("{").text();
  folder.write("big.safetensors", head);
  std::filesystem::resize_file(folder / "big.safetensors", 32 << 20);
  EXPECT_SAYS(error_of([&] { load_safetensors(folder / "big.safetensors"); }),
              "expected a header of 2 to 16,777,216 bytes");
}

TEST(Safetensors, EveryCutOfAFileIsRefused) {
  const std::string whole = file_of("{" + entry("x", "F32", "3", "0,12") + "}", 12);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(error_of([&] { read(whole.substr(0, length)); }).kind(), ErrorKind::input) << length;
  }
}

TEST(Safetensors, UnalignedDataAreCopied) {
  const std::string header = "{" + entry("x", "F32", "1", "0,4") + "}";
  for (std::size_t padding = 0; padding < 4; ++padding) {
    const std::string file = file_of(header + std::string(padding, ' '), 4);
    EXPECT_EQ(read(file).tensors.at("x").values()[0], 0.0F);
  }
}

/// Processor time, which other programs on the machine do not change; the best of five.
double seconds_to_read(const std::string& file) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const std::clock_t start = std::clock();
    read(file);
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return best;
}

TEST(Safetensors, HeadersAreReadInLinearTime) {
  const auto file = [](int entries) {
    std::string header = "{";
    for (int i = 0; i < entries; ++i) {
      header += (i != 0 ? "," : "") + entry("layer." + std::to_string(i), "U8", "0", "0,0");
    }
    return file_of(header + "}", 0);
  };
  // Linear is 4 and quadratic 16; caches and neighbours move the measured one by up to a half.
  const double quarter = seconds_to_read(file(5'000)), whole = seconds_to_read(file(20'000));
  EXPECT_LE(whole / quarter, 8) << quarter << " s, " << whole << " s";
}

// The model file ---------------------------------------------------------------------------------

Model model_of(const std::string& cfg, std::vector<std::string> names) {
  Graph graph = graph_of(cfg);
  Weights weights = random_weights(graph, 11);
  Model model{std::move(graph), std::move(weights), std::move(names), 640, {}, {}};
  model.origin.training = R"({"AP":0.5})";
  return model;
}

TEST(ModelFile, GivesBackWhatWasWritten) {
  Model model = model_of(head_cfg(3), {"a b", "caf\xC3\xA9 \"x\"\\", "\xF0\x9F\x90\x95"});
  Net net = model.graph.net();
  net.preprocess.fit = Fit::letterbox;
  net.preprocess.interpolation = Interpolation::half_pixel;
  net.preprocess.pad = 0.447F;
  net.preprocess.bits = 16;
  model.graph.set_net(net);
  const Model again = read_model_file(in_memory(write_model(model)));
  EXPECT_TRUE(again.graph == model.graph);
  EXPECT_EQ(again.graph.net().preprocess, net.preprocess);
  EXPECT_TRUE(same_weights(again.weights, model.weights));
  EXPECT_EQ(again.names, model.names);
  EXPECT_EQ(again.images_seen, 640U);
  EXPECT_EQ(again.origin.training, model.origin.training);
  EXPECT_EQ(again.origin.layers_loaded, 3);
}

TEST(ModelFile, EqualModelsGiveEqualBytesAndAlignedData) {
  const Model model = model_of(head_cfg(3), {"a", "b", "c"});
  const auto bytes = write_model(model);
  EXPECT_EQ(bytes, write_model(model_of(head_cfg(3), {"a", "b", "c"})));
  EXPECT_EQ(bytes, write_model(read_model_file(in_memory(bytes))));
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ((8 + header) % 64, 0U);
}

TEST(ModelFile, TensorsAreNamedLayerAndRole) {
  const Model model = model_of(head_cfg(3), {"a", "b", "c"});
  const SafetensorsFile file = read_safetensors(in_memory(write_model(model)));
  EXPECT_EQ(file.shapes.at("0.kernel"), (std::vector<std::int64_t>{4, 3, 3, 3}));
  EXPECT_EQ(file.shapes.at("1.bias"), (std::vector<std::int64_t>{8}));
  EXPECT_EQ(file.shapes.size(), 7U);
  for (const char* key : {"syolo.version", "syolo.cfg", "syolo.names", "syolo.preprocess"}) {
    EXPECT_EQ(file.metadata.count(key), 1U) << key;
  }
}

TEST(ModelFile, DarknetWeightsTravelThroughItUnchanged) {
  const auto stem = std::filesystem::path(SYOLO_TEST_DATA) / "weights/yoloface-500k";
  const Model model = load_model({.model = stem.string() + ".cfg"});
  const TempDir folder;
  save_model(folder / "face.safetensors", model);
  const Model again = load_model_file(folder / "face.safetensors");
  EXPECT_TRUE(same_weights(again.weights, model.weights));
  EXPECT_TRUE(again.graph == model.graph);
  EXPECT_EQ(again.images_seen, model.images_seen);
}

/// A model file with one piece of its header replaced by a piece of equal length.
FileBytes patched(std::string from, const std::string& to) {
  std::string bytes = text_of(write_model(model_of(head_cfg(3), {"a", "b", "c"})));
  const auto at = bytes.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  EXPECT_EQ(from.size(), to.size());
  return in_memory(bytes.replace(at, from.size(), to));
}

struct Patch {
  const char* name;
  std::string from, to;
  const char* says;
};
void PrintTo(const Patch& patch, std::ostream* out) {
  *out << patch.name;
}
class RefusedModelFile : public testing::TestWithParam<Patch> {};
TEST_P(RefusedModelFile, SaysWhatIsWrong) {
  const Patch& patch = GetParam();
  const Error error = error_of([&] { read_model_file(patched(patch.from, patch.to)); });
  EXPECT_NE(error.kind(), ErrorKind::internal);
  EXPECT_EQ(error.where().file.substr(0, 6), "memory");
  EXPECT_SAYS(error, patch.says);
}
INSTANTIATE_TEST_SUITE_P(
    Metadata, RefusedModelFile,
    testing::Values(
        Patch{"NoCfg", "syolo.cfg", "other.cfg", "holds no network"},
        Patch{"NewerVersion", "version\":\"1\"", "version\":\"9\"", "newer syolo"},
        Patch{"OddVersion", "version\":\"1\"", "version\":\"x\"", "expected 1, found \"x\""},
        Patch{"NamesCount", R"([\"a\",\"b\",\"c\"])", R"([\"a\",\"bxxxxxc\"])", "3 class names"},
        Patch{"NamesNoTexts", R"([\"a\",\"b\",\"c\"])", R"([[0,1],\"b\",\"c\"])", "list of texts"},
        Patch{"NamesNoJson", R"([\"a\",\"b\",\"c\"])", R"([\"a\",\"b\",\"c\"{)", "expected JSON"},
        Patch{"Fit", "stretch", "strotch", "stretch or letterbox for fit"},
        Patch{"Bits", R"(bits\":8)", R"(bits\":7)", "unexpected bits 7"},
        Patch{"Channels", R"(channels\":3)", R"(channels\":4)", "unexpected channels 4"},
        Patch{"Pad", R"(pad\":0.5)", R"(pad\":7.5)", "0 to 1 for pad"},
        Patch{"Cfg", "filters=8", "filters=9", "expected 8 channels"},
        Patch{"MissingTensor", "\"1.bias\"", "\"7.bias\"",
              "expected tensor \"1.bias\", found none"},
        Patch{"WrongShape", "\"shape\":[4,3,3,3]", "\"shape\":[3,4,3,3]", "expected shape 4x3x3x3"},
        Patch{"Integers", R"("1.bias":{"dtype":"F32")", R"("1.bias":{"dtype":"I32")",
              "expected floats, found integers"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ModelFile, ATensorTooManyIsNamed) {
  const Model model = model_of(head_cfg(3), {"a", "b", "c"});
  SafetensorsFile file = read_safetensors(in_memory(write_model(model)));
  file.shapes["9.kernel"] = {1};
  EXPECT_SAYS(error_of([&] { weights_of(file, model.graph, "m"); }), "found tensor \"9.kernel\"");
}

TEST(ModelFile, NonFiniteValuesAreNamedWithTheirByte) {
  const Model model = model_of(head_cfg(3), {"a", "b", "c"});
  std::string bytes = text_of(write_model(model));
  const SafetensorsFile file = read_safetensors(in_memory(bytes));
  const auto at = static_cast<std::size_t>(file.places.at("1.kernel").begin) + 4 * 5;
  const float bad = std::nanf("");
  std::memcpy(bytes.data() + at, &bad, sizeof bad);
  const Error error = error_of([&] { read_model_file(in_memory(bytes)); });
  EXPECT_EQ(error.where().byte, static_cast<std::int64_t>(at));
  EXPECT_EQ(error.where().item, "[convolutional], layer 1: kernel[5]");
}

TEST(ModelFile, NamesThatAreNoUtf8AreNotWritten) {
  const Model model = model_of(head_cfg(3), {"a", "caf\xE9", "c"});
  const Error error = error_of([&] { write_model(model); });
  EXPECT_EQ(error.kind(), ErrorKind::input);
  EXPECT_SAYS(error, "UTF-8");
}

TEST(ModelFile, DeeplyNestedMetadataIsALimit) {
  const std::string deep(1000, '[');
  const std::string names =
      "{\"__metadata__\":{\"syolo.version\":\"1\",\"syolo.cfg\":\"[net]\\n"
      "width=4\\nheight=4\\nchannels=1\\n[maxpool]\\n\",\"syolo.names\":\"" +
      deep + "\"}}";
  EXPECT_EQ(error_of([&] { read_model_file(in_memory(file_of(names, 0))); }).kind(),
            ErrorKind::limit);
}

}  // namespace
}  // namespace syolo

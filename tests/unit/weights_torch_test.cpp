// PyTorch checkpoints: nothing in them is run, nothing grows beyond them, damage is named.
// Against the original's files: parity/torch_test.cpp.
#include <gtest/gtest.h>

#include <filesystem>

#include "syolo/weights/formats/pickle_impl.h"
#include "syolo/weights/formats/torch_file.h"
#include "tests/support/oracle.h"
#include "tests/support/weights_testing.h"

namespace syolo {
namespace {

using namespace std::string_literals;
using test::in_memory;
using weights::Pickle;
using weights::PickleValue;
using weights::read_pickle;

std::string stored(const char* name) {
  return test::read_file(test::test_data() / "fuzz" / "torch" / name);
}

Error refusal(const std::string& pickle) {
  try {
    read_pickle(pickle);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "expected an error";
  return Error(ErrorKind::internal, "");
}

std::string little(std::uint64_t value, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

TEST(Pickle, ReadsNumbersTextAndContainers) {
  const std::string text = "\x80\x02}q\x00(X\x01\x00\x00\x00"s + "aK\x05X\x01\x00\x00\x00"s +
                           "b]q\x01(J\xFF\xFF\xFF\xFFG\x3F\xE0\x00\x00\x00\x00\x00\x00h\x01"s +
                           "M\x00\x01\x8A\x01\x80N\x88"s + "eu.";
  const Pickle pickle = read_pickle(text);
  EXPECT_EQ(pickle.end, text.size());
  const PickleValue& root = pickle[pickle.root];
  ASSERT_EQ(root.kind, PickleValue::Kind::dict);
  EXPECT_EQ(pickle.find(root, "a")->integer, 5);
  const std::vector<weights::PickleId>& list = pickle.find(root, "b")->items;
  ASSERT_EQ(list.size(), 7U);
  EXPECT_EQ(pickle[list[0]].integer, -1);
  EXPECT_EQ(pickle[list[1]].real, 0.5);
  EXPECT_EQ(pickle[list[2]].items, list) << "a list that holds itself";
  EXPECT_EQ(pickle[list[3]].integer, 256);
  EXPECT_EQ(pickle[list[4]].integer, -128);
  EXPECT_EQ(pickle[list[5]].kind, PickleValue::Kind::none);
  EXPECT_EQ(pickle[list[6]].integer, 1);
}

// G8: whatever a pickle wants to call, only tensors and containers are made.
TEST(Pickle, CallsNothing) {
  const std::filesystem::path marker =
      std::filesystem::temp_directory_path() / "syolo-pickle-marker";
  std::filesystem::remove(marker);
  const std::string command = "touch " + marker.string();
  const std::string argument = "X" + little(command.size(), 4) + command;
  for (const char* name :
       {"posix\nsystem", "os\nsystem", "subprocess\nPopen", "builtins\neval", "builtins\nexec",
        "__builtin__\neval", "__builtin__\nexecfile", "builtins\n__import__", "runpy\n_run_code",
        "torch\nload", "torch.serialization\nload", "nt\nsystem", "builtins\ngetattr"}) {
    const Error error = refusal(
        "\x80\x02"
        "c" +
        std::string(name) + "\n" + argument + "\x85R.");
    EXPECT_EQ(error.kind(), ErrorKind::unsupported) << name;
    std::string dotted = name;
    std::replace(dotted.begin(), dotted.end(), '\n', '.');
    EXPECT_NE(error.text().find(dotted), std::string::npos) << error.text();
  }
  // INST, OBJ, BUILD on a class, EXT1, persistent ids as text, NEWOBJ_EX, STACK_GLOBAL.
  for (const std::string& code :
       {"(" + argument + "iposix\nsystem\n."s, "(cposix\nsystem\n" + argument + "o."s, "\x82\x01."s,
        "Pposix\n."s, "cposix\nsystem\n)}\x92."s, "\x8C\x05posix\x8C\x06system\x93."s, "I5\n."s,
        "Vabc\n."s, "S'abc'\n."s}) {
    EXPECT_EQ(refusal(code).kind(), ErrorKind::unsupported);
  }
  EXPECT_FALSE(std::filesystem::exists(marker));
}

TEST(Pickle, AnObjectIsItsClassAndItsState) {
  const std::string text = "cposix\nsystem\n)\x81}X\x01\x00\x00\x00"s + "aK\x01sb."s;
  const Pickle pickle = read_pickle(text);
  const PickleValue& root = pickle[pickle.root];
  ASSERT_EQ(root.kind, PickleValue::Kind::object);
  EXPECT_EQ(pickle[root.items[0]].text, "posix\nsystem");
  EXPECT_EQ(pickle.find(*pickle.state(root), "a")->integer, 1);
}

TEST(Pickle, ContradictionsAreRefused) {
  for (const std::string& code : {""s,
                                  "N"s,
                                  "."s,
                                  "\x80\x04N."s,
                                  "\x80"s,
                                  "h\x01."s,
                                  "t."s,
                                  "NN\x87."s,
                                  "Na."s,
                                  "]}a"s,
                                  "}(Nu."s,
                                  "X\xFF\xFF\xFF\xFF."s,
                                  "\x8A\x09"s,
                                  "N)\x81."s,
                                  "NQ."s,
                                  "N)R."s,
                                  "cmodule"s,
                                  "q\x01."s,
                                  "(N(."s,
                                  "ctorch._utils\n_rebuild_tensor_v2\n)R."s,
                                  "ctorch._utils\n_rebuild_parameter\n(Nt"s + "R."s,
                                  "ccollections\nOrderedDict\n]NaN"s + "\x85R."s}) {
    SCOPED_TRACE(testing::PrintToString(code));
    const Error error = refusal(code);
    EXPECT_EQ(error.kind(), ErrorKind::input) << error.text();
    EXPECT_GE(error.where().byte, 0);
  }
}

TEST(Pickle, BombsStayWithinTheirBudget) {
  // Twenty lists, each twice the one before, and a list copied by two bytes over and over.
  std::string nested = "]q\x00N"s + "a0"s, copies = "(";
  EXPECT_EQ(refusal(nested).kind(), ErrorKind::unsupported);  // POP
  for (int i = 0; i < 200'000; ++i) copies += 'N';
  copies += "tq\x00"s;
  std::string sizes = copies;
  for (int i = 0; i < 1000; ++i) sizes += "ctorch\nSize\nh\x00\x85R"s;
  EXPECT_EQ(refusal(sizes).kind(), ErrorKind::limit);
  std::string storages = copies;
  for (int i = 0; i < 1000; ++i) storages += "h\x00Q"s;
  EXPECT_EQ(refusal(storages).kind(), ErrorKind::limit);
  EXPECT_EQ(refusal(std::string(500'000, 'N')).kind(), ErrorKind::limit);
  EXPECT_EQ(refusal(std::string(500'000, '(')).kind(), ErrorKind::input);
}

TEST(TorchFile, BothContainersOfASmallModel) {
  const TorchFile zip = read_torch(in_memory(stored("model.zip.pt")));
  const TorchFile legacy = read_torch(in_memory(stored("model.legacy.pt")));
  EXPECT_EQ(zip.shapes, legacy.shapes);
  EXPECT_EQ(zip.names, (std::vector<std::string>{"cell"}));
  EXPECT_EQ(zip.shapes.at("model.0.conv.weight"), (std::vector<std::int64_t>{8, 3, 3, 3}));
  EXPECT_EQ(zip.tensors.at("model.0.bn.weight").values()[3], 0.5F);
  EXPECT_EQ(zip.modules->anchors, (std::vector<std::vector<double>>{{16, 16}}))
      << "what the model uses, not what its list says";
  const Model model = model_of(zip, "model.pt");
  EXPECT_EQ(model.names, zip.names);
  EXPECT_EQ(model.graph.nodes().size(), 3U);
  EXPECT_EQ(model.graph.net().preprocess.interpolation, Interpolation::half_pixel);
}

TEST(TorchFile, AListOfModulesIsTheWeightsOfACfg) {
  const TorchFile file = read_torch(in_memory(stored("list.zip.pt")));
  const Graph graph = test::graph_of(
      "[net]\nwidth=32\nheight=32\nchannels=3\n[convolutional]\nfilters=2\nsize=1\n"
      "activation=linear\n");
  const Weights weights = weights_of(file, graph, "list.pt");
  EXPECT_EQ(weights.at({0, Role::bias}).values()[1], 0.5F);
  const Graph other = test::graph_of(test::kTwoLayers);
  EXPECT_THROW(weights_of(file, other, "list.pt"), Error);
  EXPECT_THROW(model_of(file, "list.pt"), Error);
}

TEST(TorchFile, DamageIsRefusedWhereverItIs) {
  for (const char* name : {"model.zip.pt", "model.legacy.pt", "list.zip.pt"}) {
    const std::string whole = stored(name);
    for (std::size_t size = 0; size < whole.size(); size += 1 + size / 20) {
      EXPECT_THROW(read_torch(in_memory(whole.substr(0, size))), Error) << name << " " << size;
    }
  }
  // A zip file knows its checksums: a changed value is seen, too.
  const std::string whole = stored("list.zip.pt");
  const std::size_t at = whole.find("\x00\x00\x00\x3F\x00\x00\x00\x3F"s);
  ASSERT_NE(at, std::string::npos);
  std::string changed = whole;
  changed[at + 2] = '\x01';
  try {
    read_torch(in_memory(changed));
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_NE(error.text().find("checksum"), std::string::npos) << error.text();
  }
}

TEST(TorchFile, ACallIsRefusedByName) {
  try {
    read_torch(in_memory(stored("calls.pt")));
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_NE(error.text().find("posix.system"), std::string::npos) << error.text();
  }
}

}  // namespace
}  // namespace syolo

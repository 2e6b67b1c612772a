// The cfg reader: what is accepted, what is refused, and that messages name the place.
#include <gtest/gtest.h>

#include <filesystem>

#include "syolo/base/file.h"
#include "syolo/base/rng.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

const std::string kNet = "[net]\nwidth=32\nheight=32\nchannels=3\n";

Graph read(const std::string& text, Findings* findings = nullptr, const CfgOptions& options = {}) {
  Findings own;
  return read_cfg(text, "net.cfg", findings ? *findings : own, {}, options);
}

/// The whole message of the error that reading ends with; empty when it is accepted.
std::string refusal(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    return error.what();
  }
  return {};
}

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

std::string conv(const std::string& keys) {
  return kNet + "[convolutional]\n" + keys;
}

TEST(Cfg, OptionsBeforeASectionAreRefusedWithTheirLine) {
  EXPECT_SAYS(refusal("classes = 1\nfilters = 18\n"), "net.cfg:1");
  EXPECT_SAYS(refusal("classes = 1\nfilters = 18\n"), "outside a section");
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string(1 << 18, '='), std::string(64, '\0')}) {
    EXPECT_FALSE(refusal(text).empty());
  }
}

TEST(Cfg, LineEndsDoNotMatter) {
  const std::string unix_text = conv("filters=8\nsize=3\npad=1\nactivation=leaky\n");
  std::string windows, mac;
  for (const char c : unix_text) {
    windows += c == '\n' ? "\r\n" : std::string(1, c);
    mac += c == '\n' ? '\r' : c;
  }
  const Graph want = read(unix_text);
  EXPECT_TRUE(read(windows) == want);
  EXPECT_TRUE(read(mac) == want);
  EXPECT_TRUE(read("\xEF\xBB\xBF" + unix_text) == want);
  EXPECT_TRUE(read(unix_text.substr(0, unix_text.size() - 1)) == want);
}

TEST(Cfg, CommentsEndAValueAndGarbageIsRefused) {
  for (const char* value : {"filters=18 # x", "filters=18;x", "filters= 18 "}) {
    EXPECT_EQ(read(conv(std::string(value) + "\n")).node(0).shape.c, 18) << value;
  }
  for (const char* value : {"filters=18abc", "filters=30 40", "filters=1e3", "filters=0x10"}) {
    EXPECT_SAYS(refusal(conv(std::string(value) + "\n")), "net.cfg:6") << value;
  }
}

TEST(Cfg, ReferencesStayInsideTheLayersBefore) {
  const std::string two = conv("filters=8\n") + "[convolutional]\nfilters=8\n";
  for (const char* tail :
       {"[route]\nlayers=7\n", "[route]\nlayers=-9\n", "[shortcut]\nfrom=2147483647\n",
        "[route]\nlayers=2\n", "[sam]\nfrom=99999999999\n", "[shortcut]\nfrom=x\n"}) {
    const std::string said = refusal(two + tail);
    EXPECT_SAYS(said, "net.cfg:10") << tail;
  }
  EXPECT_EQ(read(two + "[route]\nlayers= -1 , 0\n").node(2).shape.c, 16);
  EXPECT_EQ(read(two + "[route]\nlayers=-2,\n").node(2).shape.c, 8);
}

std::string yolo(const std::string& filters, const std::string& keys) {
  return conv("filters=" + filters + "\nactivation=linear\n") + "[yolo]\n" + keys;
}

TEST(Cfg, MasksAndAnchorsAreChecked) {
  const std::string anchors = "anchors=10,14, 23,27\nnum=2\nclasses=2\n";
  EXPECT_SAYS(refusal(yolo("14", anchors + "mask=0,9999\n")), "from 0 to 1");
  EXPECT_SAYS(refusal(yolo("14", anchors + "mask=-1\n")), "mask");
  EXPECT_SAYS(refusal(yolo("18", anchors + "mask=0,1\n")), "expected 14 channels");
  EXPECT_SAYS(refusal(yolo("14", "anchors=10,14,23\nnum=2\nclasses=2\nmask=0,1\n")), "pairs");
  Findings findings;
  const Graph graph =
      read(yolo("7", "anchors=1,2, 3,4, 5,6\nnum=2\nclasses=2\nmask=2\n"), &findings);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_SAYS(findings[0].text, "num=2 but 3 anchors");
  const Program program = lower(graph);
  EXPECT_EQ(heads(program)[0].spec->anchors[0], (Anchor{5, 6}));
}

TEST(Cfg, HeadsAgreeOnTheirClasses) {
  const std::string head = "anchors=10,14\nnum=1\nmask=0\n";
  const std::string said = refusal(yolo("7", head + "classes=2\n") +
                                   "[convolutional]\nfilters=8\n[yolo]\n" + head + "classes=3\n");
  EXPECT_SAYS(said, "expected classes=2");
  EXPECT_SAYS(said, "layer 3");
}

TEST(Cfg, UnknownKeysAreErrorsUnlessAllowed) {
  const std::string text = conv("filtres=8\nfilters=8\n");
  const std::string said = refusal(text);
  EXPECT_SAYS(said, "net.cfg:6: [convolutional], layer 0");
  EXPECT_SAYS(said, "did you mean \"filters\"?");
  Findings findings;
  read(text, &findings, {.allow_unknown_keys = true});
  EXPECT_EQ(findings.size(), 1U);
}

TEST(Cfg, KeysThatChangeTheMathsAreImplementedOrRefused) {
  EXPECT_EQ(lower(read(conv("filters=8\nsize=3\npad=1\ndilation=2\n"))).shape(1),
            (Shape{1, 8, 32, 32}));
  EXPECT_EQ(read(conv("filters=8\nsize=3\npad=1\nstride=2\nantialiasing=1\n")).node(0).shape,
            (Shape{1, 8, 16, 16}));
  EXPECT_SAYS(refusal(conv("filters=8\ngroups=2\n")), "groups=2");
  EXPECT_SAYS(refusal(conv("filters=8\nxnor=1\n")), "does not support");
  EXPECT_SAYS(refusal(conv("filters=8\nflipped=1\n")), "does not support");
}

TEST(Cfg, AllProblemsAreListedAtOnce) {
  const std::string said =
      refusal(kNet + "[convolutional]\nactivation=mich\n[LSTM]\nx=1\n[convolutional]\nsize=0\n");
  EXPECT_SAYS(said, "did you mean \"mish\"?");
  EXPECT_SAYS(said, "[LSTM], layer 1");
  EXPECT_SAYS(said, "[convolutional], layer 2: size");
  EXPECT_SAYS(said, "and 2 more");
}

TEST(Cfg, ZerosThatWouldDivideAreRefused) {
  for (const char* key : {"batch=0", "subdivisions=0", "width=0", "height=-32", "channels=0",
                          "max_batches=0", "width=65536"}) {
    EXPECT_FALSE(refusal("[net]\n" + std::string(key) +
                         "\nwidth=32\nheight=32\n[convolutional]\nfilters=8\n")
                     .empty())
        << key;
  }
  for (const char* key : {"stride=0", "size=0", "groups=0", "filters=0", "dilation=0"}) {
    EXPECT_FALSE(refusal(conv(std::string(key) + "\n")).empty()) << key;
  }
  for (const char* tail : {"[maxpool]\nsize=0\n", "[upsample]\nstride=0\n", "[reorg]\nstride=0\n",
                           "[softmax]\ngroups=0\n"}) {
    EXPECT_FALSE(refusal(conv("filters=8\n") + tail).empty()) << tail;
  }
  Findings findings;
  read("[net]\nbatch=10\nsubdivisions=4\nwidth=32\nheight=32\n[convolutional]\nfilters=8\n",
       &findings);
  EXPECT_EQ(findings.size(), 1U);
}

TEST(Cfg, UnequalMapsAreRefusedWhereTheyMeet) {
  const std::string said = refusal(conv("filters=8\n") +
                                   "[convolutional]\nfilters=8\nstride=2\n[route]\nlayers=-1,-2\n");
  EXPECT_SAYS(said, "net.cfg:10: [route], layer 2");
  EXPECT_SAYS(said, "sources of one size");
}

TEST(Cfg, HugeShapesAreRefusedBeforeAnythingIsAllocated) {
  EXPECT_SAYS(refusal("[net]\nwidth=65535\nheight=65535\n[convolutional]\nfilters=1000000\n"),
              "2^31");
  EXPECT_FALSE(
      refusal(conv("filters=65536\n") + "[convolutional]\nfilters=65536\nsize=181\npad=1\n")
          .empty());
  std::string deep = kNet;
  for (int i = 0; i < 10'001; ++i) deep += "[upsample]\nstride=1\n";
  EXPECT_SAYS(refusal(deep), "at most 10,000 layers");
}

TEST(Cfg, GreatestStrideIsComputedFromTheLayers) {
  const std::string down = "[convolutional]\nfilters=8\nsize=3\npad=1\nstride=2\n";
  EXPECT_EQ(read(kNet + down + down + down).net().preprocess.multiple, 8);
  EXPECT_EQ(read(kNet + down + down + "[upsample]\nstride=2\n").net().preprocess.multiple, 4);
  EXPECT_EQ(read(kNet + down + "[reorg3d]\nstride=4\n").net().preprocess.multiple, 8);
}

TEST(Cfg, MutatedFilesNeverDoMoreThanThrow) {
  const std::string seed =
      conv("filters=14\nactivation=mish\n") +
      "[maxpool]\nsize=2\nstride=2\n[route]\nlayers=-1,-2\n[shortcut]\nfrom=-2\n[yolo]\nmask=0,1\n"
      "anchors=1,2,3,4\nnum=2\nclasses=2\n[cost]\ntype=sse\n";
  const std::vector<std::string> bits = {
      "0", "-1", "2147483648",  "1e999", "",  "=",
      "[", "]",  "\n[route]\n", ",",     "#", std::string(4096, '9')};
  for (std::uint64_t i = 0; i < 3000; ++i) {
    Rng rng(7, Stream::test, 0, i);
    std::string text = seed;
    for (int edit = 0; edit < 3; ++edit) {
      const auto at = static_cast<std::size_t>(rng.below(static_cast<int>(text.size())));
      text.replace(at, static_cast<std::size_t>(rng.below(6)),
                   bits[static_cast<std::size_t>(rng.below(static_cast<int>(bits.size())))]);
    }
    refusal(text);
  }
}

class PublishedCfg : public testing::TestWithParam<std::string> {};

std::vector<std::string> published() {
  std::vector<std::string> paths;
  for (const char* folder : {"layers", "family"}) {
    for (const auto& entry : std::filesystem::directory_iterator(std::string(SYOLO_TEST_DATA) +
                                                                 "/oracles/darknet/" + folder)) {
      if (entry.path().extension() == ".cfg") paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST_P(PublishedCfg, WrittenAndReadAgainIsTheSame) {
  Findings findings;
  const Graph graph = load_cfg(GetParam(), findings);
  const Graph again = read(write_cfg(graph));
  EXPECT_TRUE(graph == again);
  EXPECT_EQ(to_text(lower(graph)), to_text(lower(again)));
  EXPECT_EQ(fingerprint(graph), fingerprint(again));
}

INSTANTIATE_TEST_SUITE_P(Darknet, PublishedCfg, testing::ValuesIn(published()),
                         [](const auto& test) {
                           std::string name = std::filesystem::path(test.param).stem().string();
                           for (char& c : name)
                             c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace syolo

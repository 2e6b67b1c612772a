// The messages of the cfg reader: file, line, section, layer, what was expected and what was found;
// all problems of a file at once, and no problem twice.
#include <gtest/gtest.h>

#include <algorithm>

#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"
#include "tests/support/oracle.h"
#include "tests/support/weights_testing.h"

namespace syolo::test {
namespace {

struct Read {
  Graph graph;
  Findings findings;
};

Read read(std::string_view text, const CfgOptions& options = {}) {
  Findings findings;
  Graph graph = read_cfg(text, "nets/a.cfg", findings, {}, options);
  return {std::move(graph), std::move(findings)};
}

Error refused(std::string_view text, const CfgOptions& options = {}) {
  return error_of([&] { read(text, options); });
}

/// A message must hold all of these, in this order.
void expect_says(const Error& error, const std::vector<std::string>& words) {
  const std::string text = error.what();
  std::size_t from = 0;
  for (const std::string& word : words) {
    const std::size_t at = text.find(word, from);
    ASSERT_NE(at, std::string::npos) << '"' << word << "\" is not (there) in:\n" << text;
    from = at + word.size();
  }
}

const std::string kNet = "[net]\nwidth=32\nheight=32\nchannels=3\n";  // 4 lines
std::string conv(std::string_view keys = "") {                        // 5 lines and the keys
  return "[convolutional]\nfilters=8\nsize=3\npad=1\nactivation=leaky\n" + std::string(keys);
}
/// The convolution takes 4 lines.
std::string head(int filters, std::string_view keys) {
  return format("[convolutional]\nfilters={}\nsize=1\nactivation=linear\n[yolo]\n{}", filters,
                keys);
}

bool has_finding(const Findings& findings, std::string_view words, int line) {
  return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.text.find(words) != std::string::npos && finding.where.line == line &&
           finding.where.file == "nets/a.cfg";
  });
}

TEST(CfgMessage, NamesEachOptionOutsideASection) {
  const Error error = refused("classes = 1\nfilters = 18\n");
  EXPECT_EQ(error.kind(), ErrorKind::input);
  expect_says(error, {"nets/a.cfg:1", "outside a section", "nets/a.cfg:2"});
}

TEST(CfgMessage, OfGarbageIsShort) {
  for (const std::string& text :
       {std::string(1 << 20, '='), std::string(1 << 20, '['), std::string(1 << 20, 'a')}) {
    const Error error = refused(text);
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_LT(std::string(error.what()).size(), 1000U);
  }
  std::string many = kNet;
  for (int i = 0; i < 1000; ++i) many += "[convolutional]\nactivation=mich\n";
  EXPECT_LT(std::string(refused(many).what()).size(), 5000U);
}

TEST(CfgMessage, NeverPassesControlBytesOn) {
  for (const std::string_view text :
       {"\x1b[2J=1\n", "[net\x1b]\n", "[net]\nwidth=\x1b[2J\n",
        "[net]\nwidth=8\nheight=8\n[\x1b]\n", "[net]\nwidth=8\nheight=8\n[route]\nlayers=\x1b\n"}) {
    const std::string message = refused(text).what();
    EXPECT_EQ(message.find('\x1b'), std::string::npos) << message;
  }
}

TEST(CfgMessage, SaysWhatTheFirstSectionMustBe) {
  expect_says(refused(conv()), {"nets/a.cfg:1", "expected [net]", "found [convolutional]"});
  expect_says(refused("[net]\nheight=32\n" + conv()), {"nets/a.cfg:1", "width"});
  expect_says(refused(kNet), {"nets/a.cfg:1", "at least one layer"});
  for (const std::string_view line : {"[", "[]", "[net", "net]"}) {
    expect_says(refused(std::string(line) + "\n"), {"nets/a.cfg:1"});
  }
}

TEST(CfgMessage, CountsLinesAlikeInEveryEncodingOfLineEnds) {
  const std::string text = kNet + conv("batch_normalize=7\n");
  for (const std::string_view end : {"\n", "\r\n", "\r"}) {
    std::string encoded = "\xEF\xBB\xBF";
    for (const char c : text) c == '\n' ? encoded.append(end) : encoded.append(1, c);
    expect_says(refused(encoded), {"nets/a.cfg:10: [convolutional], layer 0: batch_normalize",
                                   "from 0 to 2", "\"7\""});
  }
}

TEST(CfgMessage, NamesTheLineOfAValueWithTrailingText) {
  for (const std::string value : {"18abc", "30 40", "18,", "1e3", "18.0", "0x12", "--18"}) {
    expect_says(refused(kNet + "[convolutional]\nfilters=" + value + "\n"),
                {"nets/a.cfg:6: [convolutional], layer 0: filters", "whole number", value});
  }
  expect_says(refused(kNet + "[convolutional]\nfilters 18\n"),
              {"nets/a.cfg:6", "key=value", "filters 18"});
  expect_says(refused(kNet + "[convolutional]\n=18\n"), {"nets/a.cfg:6", "key"});
}

TEST(CfgText, TakesCommentsAndBlanksAroundAValue) {
  for (const std::string line : {"filters=18", "filters=18 # x", "filters=18;x", "filters= 18 ",
                                 "filters=18#", "filters =18", "  filters\t=\t18 ; x = 3"}) {
    EXPECT_EQ(read(kNet + "[convolutional]\n" + line + "\n").graph.node(0).shape.c, 18) << line;
  }
}

TEST(CfgText, OfTooManyBytesOrLayersIsRefusedAsALimit) {
  EXPECT_EQ(refused(kNet + conv(std::string(1 << 20, '#'))).kind(), ErrorKind::limit);
  std::string many = kNet + conv();
  for (int i = 0; i < 12; ++i) many += "[route]\nlayers=-1\n";
  const Error error = error_of([&] {
    Findings findings;
    read_cfg(many, "nets/a.cfg", findings, Limits{.layers = 10});
  });
  EXPECT_EQ(error.kind(), ErrorKind::limit);
  EXPECT_SAYS(error, "10 layers");
}

TEST(CfgKey, TheFirstOfTwoCountsAndTheSecondIsReported) {
  const Read found = read(kNet + "[convolutional]\nfilters=18\nfilters=20\n");
  EXPECT_EQ(found.graph.node(0).shape.c, 18);
  EXPECT_TRUE(has_finding(found.findings, "filters", 7));
}

TEST(CfgKey, WithoutAValueIsReported) {
  const Read found = read(kNet + "[convolutional]\nfilters=\n");
  EXPECT_EQ(found.graph.node(0).shape.c, 1);
  EXPECT_TRUE(has_finding(found.findings, "filters", 6));
}

TEST(CfgKey, UnknownIsRefusedWithASuggestion) {
  expect_says(refused(kNet + conv("fitlers=3\n")), {"nets/a.cfg:10: [convolutional], layer 0",
                                                    "\"fitlers\"", "did you mean \"filters\""});
  expect_says(refused(kNet + conv("foo=1\n")),
              {"nets/a.cfg:10: [convolutional], layer 0", "\"foo\"", "--allow-unknown-keys"});
  expect_says(refused(kNet + "heigth=3\n" + conv()), {"nets/a.cfg:5: [net]", "\"heigth\""});
}

TEST(CfgKey, UnknownBecomesAFindingWhenAllowed) {
  const Read found = read(kNet + "bar=2\n" + conv("foo=1\n"), {.allow_unknown_keys = true});
  EXPECT_TRUE(has_finding(found.findings, "foo", 11));
  EXPECT_TRUE(has_finding(found.findings, "bar", 5));
  EXPECT_TRUE(found.graph == read(kNet + conv()).graph);
}

TEST(CfgKey, KnownToChangeTheResultIsNotSkippedEvenWhenUnknownOnesAre) {
  for (const std::string key : {"flipped=1", "xnor=1", "binary=1", "coordconv=1"}) {
    const Error error = refused(kNet + conv(key + "\n"), {.allow_unknown_keys = true});
    EXPECT_EQ(error.kind(), ErrorKind::unsupported) << key;
    expect_says(error, {"nets/a.cfg:10: [convolutional], layer 0"});
  }
}

TEST(CfgKey, OfTrainingIsKeptAndQuiet) {
  const Read found =
      read("[net]\nwidth=32\nheight=32\nbatch=64\nsubdivisions=8\nmosaic=1\n" +
           conv("stopbackward=1\n") +
           head(6, "mask=0\nnum=1\nclasses=1\nanchors=1,2\nignore_thresh=.7\niou_normalizer=1\n"));
  for (const Finding& finding : found.findings) ADD_FAILURE() << to_text(finding);
  const std::string written = write_cfg(found.graph);
  for (const std::string_view kept : {"mosaic=1", "stopbackward=1", "ignore_thresh=.7"}) {
    EXPECT_NE(written.find(kept), std::string::npos) << kept;
  }
}

struct BadReference {
  const char* section;
  const char* value;
  const char* found;
};
void PrintTo(const BadReference& bad, std::ostream* out) {
  *out << bad.section << " " << bad.value;
}

class CfgReference : public testing::TestWithParam<BadReference> {};

TEST_P(CfgReference, OutsideTheLayersBeforeNamesKeyValueAndRange) {
  const auto& [section, value, found] = GetParam();
  const std::string key = std::string(section) == "route" ? "layers" : "from";
  const Error error =
      refused(kNet + conv() + conv() + format("[{}]\n{}={}\n", section, key, value));
  EXPECT_EQ(error.kind(), ErrorKind::input);
  expect_says(error, {format("nets/a.cfg:16: [{}], layer 2: {}", section, key), "0..1", found});
}

INSTANTIATE_TEST_SUITE_P(
    Faults, CfgReference,
    testing::Values(BadReference{"route", "7", "7"}, BadReference{"route", "2", "2"},
                    BadReference{"route", "-9", "-9"}, BadReference{"route", "-3", "-3"},
                    BadReference{"route", "-1,2147483647", "2147483647"},
                    BadReference{"route", "-2147483648", "-2147483648"},
                    BadReference{"shortcut", "2", "2"}, BadReference{"shortcut", "-3", "-3"},
                    BadReference{"sam", "9", "9"}, BadReference{"scale_channels", "9", "9"}));

TEST(CfgReferences, ThatAreNoNumbersAreRefused) {
  for (const std::string value : {"99999999999999999999", "x", "-", "1,,2", ",", "1.5"}) {
    const Error error = refused(kNet + conv() + "[route]\nlayers=" + value + "\n");
    EXPECT_EQ(error.kind(), ErrorKind::input);
    expect_says(error, {"nets/a.cfg:11: [route], layer 1: layers"});
  }
  EXPECT_EQ(refused(kNet + "[shortcut]\nfrom=0\n").kind(), ErrorKind::input);
  EXPECT_EQ(refused(kNet + "[route]\nlayers=-1\n").kind(), ErrorKind::input);
}

TEST(CfgReferences, MayBeListsOfOneAndMayHaveBlanks) {
  const std::string two = kNet + conv() + conv();
  for (const std::string list : {"-2", "-2,", " -2", "0"}) {
    EXPECT_EQ(read(two + "[route]\nlayers=" + list + "\n").graph.node(2).src,
              std::vector<NodeId>{0})
        << list;
  }
  EXPECT_EQ(read(two + "[route]\nlayers= -2 , -1 \n").graph.node(2).src,
            (std::vector<NodeId>{0, 1}));
}

TEST(CfgHead, NamesAMaskOutsideTheAnchors) {
  for (const std::string_view mask : {"0,9999", "-1", "3", "0,1,3", "x", "0 1"}) {
    const Error error = refused(
        kNet + head(18, format("mask={}\nnum=3\nclasses=1\nanchors=1,2, 3,4, 5,6\n", mask)));
    EXPECT_EQ(error.kind(), ErrorKind::input);
    expect_says(error, {"nets/a.cfg:10: [yolo], layer 1: mask", "0 to 2"});
  }
}

TEST(CfgHead, NeedsFiltersForItsClassesAndAnchors) {
  // (5 + 2) * 3 = 21
  expect_says(refused(kNet + head(18, "mask=0,1,2\nnum=3\nclasses=2\nanchors=1,2, 3,4, 5,6\n")),
              {"nets/a.cfg:9: [yolo], layer 1", "expected 21 channels", "found 18"});
}

TEST(CfgHead, SaysWhenNumAndAnchorsDisagree) {
  const std::string nine = "anchors=1,2, 3,4, 5,6, 7,8, 9,10, 11,12, 13,14, 15,16, 17,18\n";
  EXPECT_TRUE(has_finding(read(kNet + head(18, "mask=6,7,8\nnum=6\nclasses=1\n" + nine)).findings,
                          "num=6 but 9", 11));
  EXPECT_TRUE(has_finding(
      read(kNet + head(18, "mask=0,1,2\nnum=6\nclasses=1\nanchors=1,2,3,4,5,6\n")).findings,
      "num=6 but 3", 13));
}

TEST(CfgHead, RefusesAnchorsThatAreNoPairsOrNoSizes) {
  for (const std::string_view anchors : {"1,2,3", "1,-2", "0,1", "1,1e999", "nan,1", "1,x"}) {
    expect_says(refused(kNet + head(6, format("mask=0\nnum=1\nclasses=1\nanchors={}\n", anchors))),
                {"nets/a.cfg:13: [yolo], layer 1: anchors"});
  }
}

TEST(CfgHead, OfOneNetworkHasTheSameClasses) {
  const std::string keys = "mask=0\nnum=1\nanchors=1,2\nclasses=";
  expect_says(refused(kNet + head(6, keys + "1\n") + "[route]\nlayers=0\n" + head(7, keys + "2\n")),
              {"[yolo], layer 4", "classes=1", "found 2"});
}

TEST(CfgProblems, AreAllToldAtOnce) {
  const Error error = refused(kNet + head(18, "mask=0,9\nnum=3\nclasses=1\nanchors=1,2,3,4,5,6\n") +
                              conv("fitlers=3\n") + "[convolutional]\nactivation=mich\n" +
                              "[LSTM]\n[shortcut]\nfrom=-99\n");
  EXPECT_EQ(error.kind(), ErrorKind::input);
  expect_says(
      error, {"nets/a.cfg:10: [yolo], layer 1: mask", "and 4 more",
              "nets/a.cfg:19: [convolutional], layer 2", "fitlers",
              "nets/a.cfg:21: [convolutional], layer 3: activation", "mich",
              "nets/a.cfg:22: [LSTM], layer 4", "nets/a.cfg:24: [shortcut], layer 5: from", "-99"});
}

// Behind a layer that is missing, shapes are unknown; nothing may be told of them.
TEST(CfgProblems, AreToldOnce) {
  const Error error = refused(
      kNet + conv() + "[LSTM]\n[convolutional]\nfilters=8\nshare_index=1\n[shortcut]\nfrom=-2\n" +
      head(18, "mask=0,1,2\nnum=3\nclasses=1\nanchors=1,2,3,4,5,6\n"));
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  expect_says(error, {"nets/a.cfg:10: [LSTM], layer 1"});
  EXPECT_EQ(std::string(error.what()).find("more:"), std::string::npos) << error.what();
}

TEST(CfgSection, OfUnknownTypeOrActivationIsListedWithItsLine) {
  const Error error = refused(kNet +
                              "[convolutional]\nactivation=silu\n[convolutional]\nactivation=foo\n"
                              "[local_avgpool]\nsize=2\n[LSTM]\n[convolutoinal]\n");
  expect_says(error, {"nets/a.cfg:8: [convolutional], layer 1: activation", "\"foo\"",
                      "nets/a.cfg:11: [LSTM], layer 3", "nets/a.cfg:12: [convolutoinal], layer 4"});
  expect_says(refused(kNet + "[convolutoinal]\n"),
              {"nets/a.cfg:5: [convolutoinal], layer 0", "did you mean [convolutional]"});
}

TEST(CfgSection, MayHaveItsShortName) {
  const auto program = [](const std::string& body) {
    return to_text(lower(read(kNet + body).graph));
  };
  EXPECT_EQ(program("[conv]\nactivation=silu\n[max]\nsize=2\n[avg]\n[conn]\n[soft]\n"),
            program("[convolutional]\nactivation=swish\n[maxpool]\nsize=2\n[avgpool]\n"
                    "[connected]\n[softmax]\n"));
}

TEST(CfgSection, OfCostIsIgnored) {
  const Read found = read(kNet + conv() + "[avgpool]\n[softmax]\ngroups=1\n[cost]\ntype=sse\n");
  EXPECT_EQ(class_count(found.graph), 8);
  EXPECT_EQ(found.graph.node(3).shape, found.graph.node(2).shape);
}

TEST(CfgZero, NamesTheKeyWhereItWouldBeADivisor) {
  const std::string net = "[net]\nwidth=32\nheight=32\n";
  const std::string yolo = "[yolo]\nmask=0\nanchors=1,2\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {net + "batch=0\n" + conv(), "batch"},
      {net + "subdivisions=0\n" + conv(), "subdivisions"},
      {net + "max_batches=0\n" + conv(), "max_batches"},
      {net + "channels=0\n" + conv(), "channels"},
      {kNet + conv("stride=0\n"), "stride"},
      {kNet + conv("stride_x=0\n"), "stride_x"},
      {kNet + "[convolutional]\nsize=0\n", "size"},
      {kNet + "[convolutional]\nfilters=0\n", "filters"},
      {kNet + conv("groups=0\n"), "groups"},
      {kNet + conv("dilation=0\n"), "dilation"},
      {kNet + "[maxpool]\nstride=0\n", "stride"},
      {kNet + "[maxpool]\nsize=0\n", "size"},
      {kNet + "[upsample]\nstride=0\n", "stride"},
      {kNet + "[reorg]\nstride=0\n", "stride"},
      {kNet + conv() + "[route]\nlayers=-1\ngroups=0\n", "groups"},
      {kNet + "[connected]\noutput=0\n", "output"},
      {kNet + "[softmax]\ngroups=0\n", "groups"},
      {kNet + "[softmax]\ntemperature=0\n", "temperature"},
      {kNet + conv() + yolo + "num=0\n", "num"},
      {kNet + conv() + yolo + "num=1\nclasses=0\n", "classes"},
      {kNet + "[maxpool]\nmaxpool_depth=1\nout_channels=0\n", "out_channels"}};
  for (const auto& [text, key] : cases) {
    const Error error = refused(text);
    EXPECT_EQ(error.kind(), ErrorKind::input) << key;
    expect_says(error, {"nets/a.cfg:", ": " + key, "\n", "0"});
  }
}

TEST(CfgNet, SaysWhenSubdivisionsDoNotDivideTheBatch) {
  const Read found = read("[net]\nwidth=32\nheight=32\nbatch=10\nsubdivisions=4\n" + conv());
  EXPECT_TRUE(has_finding(found.findings, "uses 2 pictures", 5));  // 10 / 4
}

TEST(CfgNet, RefusesSidesThatAreNone) {
  for (const std::string_view side : {"0", "-32", "65536", "2147483648", "x", "1e3", ""}) {
    expect_says(refused(format("[net]\nwidth={}\nheight=32\n", side) + conv()),
                {"nets/a.cfg:", "width"});
  }
}

TEST(CfgNet, KnowsTheGreatestStrideOfTheFamily) {
  const auto multiple = [](const std::string& name) {
    Findings findings;
    return load_cfg(darknet_oracles() / "family" / (name + ".cfg"), findings)
        .net()
        .preprocess.multiple;
  };
  EXPECT_EQ(multiple("cspx-p7-mish"), 128);
  EXPECT_EQ(multiple("yolov4-p6"), 64);
  EXPECT_EQ(multiple("yolov4-p5"), 32);
  EXPECT_EQ(multiple("yolov4-tiny"), 32);
}

TEST(CfgShape, OfAnotherInputSizeNamesTheLayerThatDoesNotFit) {
  Findings findings;
  const Graph graph = load_cfg(darknet_oracles() / "family" / "cspx-p7-mish.cfg", findings);
  const Error error = error_of([&] { lower(graph, {1, 3, 672, 672}); });
  EXPECT_EQ(error.kind(), ErrorKind::input);
  expect_says(error, {"cspx-p7-mish.cfg:", "layer", "of one size"});
  EXPECT_GT(lower(graph, {1, 3, 640, 640}).code.size(), 100U);
}

TEST(CfgShape, NamesBothSizesOfAConcatenation) {
  // (12 - 3)/2 + 1 = 5 and (5 + 2 - 2)/1 + 1 = 6
  expect_says(refused("[net]\nwidth=12\nheight=12\n[convolutional]\nsize=3\nstride=2\n"
                      "[route]\nlayers=-1\n[maxpool]\nsize=2\nstride=1\npadding=2\n"
                      "[route]\nlayers=-1,0\n"),
              {"nets/a.cfg:13: [route], layer 3", "of one size", "6x6", "5x5"});
}

TEST(CfgShape, NamesTheDivisorThatDoesNotDivide) {
  expect_says(refused(kNet + conv("groups=2\n")),
              {"nets/a.cfg:5: [convolutional], layer 0", "groups=2", "found 3"});
  expect_says(refused(kNet + conv() + "[convolutional]\nfilters=3\ngroups=2\n"),
              {"nets/a.cfg:10: [convolutional], layer 1", "groups=2", "found 3"});
  expect_says(refused(kNet + conv() + "[route]\nlayers=-1\ngroups=3\ngroup_id=0\n"),
              {"nets/a.cfg:10: [route], layer 1", "groups=3", "found 8"});
  expect_says(refused(kNet + conv() + "[route]\nlayers=-1\ngroups=2\ngroup_id=2\n"),
              {"nets/a.cfg:13: [route], layer 1: group_id", "0 to 1", "\"2\""});
}

// filters * channels * size^2 in 32 bits would wrap to something small.
TEST(CfgShape, BeyondTheLimitsIsRefusedBeforeAnyAllocation) {
  expect_says(refused("[net]\nwidth=1024\nheight=1024\n[convolutional]\nfilters=2048\nsize=1\n"),
              {"nets/a.cfg:4", "2^31"});
  expect_says(refused("[net]\nwidth=181\nheight=181\n[convolutional]\nfilters=65536\nsize=181\n"),
              {"nets/a.cfg:4", "2^31"});
  std::string doubling = kNet + conv(), growing = kNet + conv();
  for (int i = 0; i < 40; ++i) doubling += "[route]\nlayers=-1,-1\n", growing += "[upsample]\n";
  for (const std::string& text :
       {"[net]\nwidth=65535\nheight=65535\nchannels=4096\n" + conv(),
        kNet + "[connected]\noutput=1048576\n", doubling, growing,
        kNet + "[convolutional]\nsize=33\n", kNet + "[upsample]\nstride=-64\n"}) {
    const Error error = refused(text);
    EXPECT_EQ(error.kind(), ErrorKind::input);
    expect_says(error, {"nets/a.cfg:", "layer"});
  }
}

TEST(LooksLikeCfg, SeesTheFirstSignificantLine) {
  EXPECT_TRUE(looks_like_cfg("[net]\n"));
  EXPECT_TRUE(looks_like_cfg("\xEF\xBB\xBF# a\r\n\r\n [network] # b\r\n"));
  for (const std::string_view text : {"", "\n", "net", "[yolo]", "a=b\n[net]", "\x89PNG\r\n"}) {
    EXPECT_FALSE(looks_like_cfg(text)) << text;
  }
}

}  // namespace
}  // namespace syolo::test

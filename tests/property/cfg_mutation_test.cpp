// Whatever is done to a cfg's sections, keys and numbers: it is read, or refused with a place. What
// is read is within the limits, and writes a cfg that reads equal and lowers to the same program.
#include <gtest/gtest.h>

#include <algorithm>

#include "syolo/base/rng.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"
#include "tests/support/oracle.h"

namespace syolo::test {
namespace {

using Section = std::vector<std::string>;  // the header, then keys

std::vector<Section> sections_of(const std::string& text) {
  std::vector<Section> sections;
  for (const std::string_view line : lines(text)) {
    if (trim(line).empty()) continue;
    if (line.front() == '[' || sections.empty()) sections.emplace_back();
    sections.back().emplace_back(line);
  }
  return sections;
}

std::size_t below(std::size_t n, Rng& rng) {
  return static_cast<std::size_t>(rng.below(static_cast<int>(n)));
}

std::string another_value(Rng& rng) {
  const std::vector<std::string> values = {"0",
                                           "-1",
                                           "1",
                                           "2",
                                           "3",
                                           "16",
                                           "-2147483648",
                                           "2147483647",
                                           "2147483648",
                                           "65535",
                                           "1e999",
                                           "nan",
                                           "",
                                           "0.5",
                                           "-0",
                                           "1,2",
                                           "-1,-2",
                                           ",",
                                           "0,1,2,3,4,5",
                                           "mish",
                                           "9223372036854775808",
                                           "a",
                                           "1048576",
                                           "1024",
                                           "-4",
                                           "softmax",
                                           "per_channel"};
  if (rng.chance(0.01)) return std::string(65'536, 'x');
  return values[below(values.size(), rng)];
}

/// One change; `other` gives sections and keys of another network.
void change(std::vector<Section>& sections, const std::vector<Section>& other, Rng& rng) {
  const std::size_t at = below(sections.size(), rng);
  Section& section = sections[at];
  const Section& foreign = other[below(other.size(), rng)];
  switch (rng.below(8)) {
    case 0:  // drop a section
      if (sections.size() > 1) sections.erase(sections.begin() + static_cast<std::ptrdiff_t>(at));
      return;
    case 1:  // one more of it
      sections.insert(sections.begin() + static_cast<std::ptrdiff_t>(below(sections.size(), rng)),
                      Section(section));
      return;
    case 2:  // another order
      std::swap(section, sections[below(sections.size(), rng)]);
      return;
    case 3:  // drop a line
      section.erase(section.begin() + static_cast<std::ptrdiff_t>(below(section.size(), rng)));
      if (section.empty()) section.emplace_back("[route]");
      return;
    case 4:  // a line twice
      section.push_back(section[below(section.size(), rng)]);
      return;
    case 5:  // a foreign line
      section.push_back(foreign[below(foreign.size(), rng)]);
      return;
    case 6:  // a foreign section
      sections.push_back(foreign);
      return;
    default: {  // another value
      std::string& line = section[below(section.size(), rng)];
      const auto equals = line.find('=');
      if (equals != std::string::npos) line = line.substr(0, equals + 1) + another_value(rng);
    }
  }
}

std::string text_of(const std::vector<Section>& sections) {
  std::string text;
  for (const Section& section : sections) {
    for (const std::string& line : section) text += line + "\n";
  }
  return text;
}

class MutatedCfg : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    seeds_ = new std::vector<std::vector<Section>>;
    for (const std::string& name : oracle_names("layers")) {
      seeds_->push_back(sections_of(read_file(darknet_oracles() / "layers" / (name + ".cfg"))));
    }
    for (const char* name : {"yolov4-tiny", "yolov3-tiny-prn", "yolov2-tiny"}) {
      seeds_->push_back(
          sections_of(read_file(darknet_oracles() / "family" / (std::string(name) + ".cfg"))));
    }
  }
  static void TearDownTestSuite() {
    delete seeds_;
    seeds_ = nullptr;
  }
  static std::string mutated(std::uint64_t number) {
    Rng rng(29, Stream::test, 0, number);
    std::vector<Section> sections = (*seeds_)[below(seeds_->size(), rng)];
    const std::vector<Section>& other = (*seeds_)[below(seeds_->size(), rng)];
    for (int changes = 1 + rng.below(3); changes > 0; --changes) change(sections, other, rng);
    return text_of(sections);
  }
  static std::vector<std::vector<Section>>* seeds_;
};
std::vector<std::vector<Section>>* MutatedCfg::seeds_ = nullptr;

void expect_within_limits(const Graph& graph) {
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const Shape& shape = graph.node(id).shape;
    EXPECT_TRUE(shape.c > 0 && shape.h > 0 && shape.w > 0);
    EXPECT_LT(shape.elements(), std::int64_t{1} << 31);
    for (const NodeId src : graph.node(id).src) EXPECT_LT(src, id);
    for (const ParamSpec& param : graph.params(id)) {
      EXPECT_LT(param.shape.elements(), std::int64_t{1} << 31);
    }
  }
}

TEST_F(MutatedCfg, IsReadOrRefusedWithAPlace) {
  int accepted = 0, refused = 0;
  for (std::uint64_t number = 0; number < 4000; ++number) {
    const std::string text = mutated(number);
    SCOPED_TRACE(number);
    try {
      Findings findings;
      const Graph graph = read_cfg(text, "mutant.cfg", findings);
      expect_within_limits(graph);
      Findings more;
      const Graph again = read_cfg(write_cfg(graph), "written.cfg", more);
      EXPECT_TRUE(again == graph) << write_cfg(graph);
      EXPECT_EQ(to_text(lower(again)), to_text(lower(graph)));
      EXPECT_EQ(again.net().preprocess.multiple, graph.net().preprocess.multiple);
      ++accepted;
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::internal) << error.what() << "\n" << text;
      EXPECT_EQ(error.where().file, "mutant.cfg") << error.what();
      EXPECT_TRUE(error.where().line > 0 || text.empty()) << error.what() << "\n" << text;
      EXPECT_LT(std::string(error.what()).size(), 10'000U);
      ++refused;
    }
    if (HasFailure()) return;
  }
  // Both sides of the border are visited.
  EXPECT_GT(accepted, 300);
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace syolo::test

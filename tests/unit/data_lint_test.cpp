// Every planted fault is reported with its file, line and rule, and nothing else is.

#include "syolo/data/lint.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>
#include <set>

#include "syolo/data/rules.h"
#include "tests/support/faulty_dataset.h"

namespace syolo {
namespace {

using test::Expected;
using test::FaultyDataset;

bool is_there(const LintReport& report, const Expected& want) {
  for (const Finding& f : report.findings) {
    const bool line = want.line == 0 || f.where.line == want.line || f.where.line == want.line + 1;
    if (f.rule == want.rule && f.where.file == want.file && line) return true;
  }
  return false;
}

/// SYOLO_LINT_FULL=1 asks for 1,000 clean pictures and 200 faults.
TEST(Lint, ReportsEveryPlantedFaultAndNothingElse) {
  const bool full = std::getenv("SYOLO_LINT_FULL") != nullptr;
  const FaultyDataset set(full ? 1000 : 100, full ? 200 : 44);
  const std::vector<Part> parts = load_parts(set.yaml());
  const LintReport report = lint(parts, {});
  std::set<std::string> faulty;
  for (const Expected& want : set.expected()) {
    EXPECT_TRUE(is_there(report, want)) << want.rule << " " << want.file << ":" << want.line;
    faulty.insert(std::filesystem::path(want.file).stem().string());
  }
  for (const Finding& f : report.findings) {
    if (f.rule == "label-source") continue;  // says where labels were found
    EXPECT_TRUE(faulty.contains(std::filesystem::path(f.where.file).stem().string()))
        << "false alarm: " << to_text(f);
    EXPECT_NE(find_rule(f.rule), nullptr);
  }
  EXPECT_GT(set.expected().size(), 40U);
}

TEST(Lint, CorrectedCopyHasNoErrors) {
  const FaultyDataset set(40, 44);
  std::vector<Part> parts = load_parts(set.yaml());
  LintReport report = lint(parts, {});
  ASSERT_GT(report.count(Severity::error), 10);
  const test::TempDir out;
  parts = corrected(std::move(parts), report);
  find_format("yolo")->write(parts, out / "fixed", {});
  report = lint(load_parts(out / "fixed"), {});
  for (const Finding& f : report.findings) {
    if (f.severity != Severity::error) continue;
    EXPECT_EQ(f.rule, "split-leak") << to_text(f);  // which part should keep it is a choice
  }
  for (const Finding& f : report.findings) EXPECT_NE(f.rule, "box-duplicate") << to_text(f);
}

TEST(Lint, NamesBoxesThatRepeatInManyPictures) {
  const test::TempDir dir;
  for (int i = 0; i < 30; ++i) {
    const std::string name = std::to_string(i);
    dir.write(name + ".png",
              test::text_of(encode_png(test::scene(static_cast<std::uint64_t>(i)).view())));
    dir.write(name + ".txt", "0 0.5 0.5 0.25 0.25\n");
  }
  const std::vector<Part> parts = load_parts(dir.path());
  LintOptions options;
  options.repeated = 30;
  const auto count = [&] {
    int found = 0;
    for (const Finding& f : lint(parts, options).findings)
      found += f.rule == "box-repeated" ? 1 : 0;
    return found;
  };
  EXPECT_EQ(count(), 1);
  options.repeated = 31;
  EXPECT_EQ(count(), 0);
}

TEST(Lint, ComparesEqualFilesOnceHoweverManyThereAre) {
  // 20,000 links to one picture in each part: pairs would be 400 million.
  const test::TempDir dir;
  const Image image = test::scene(1, 48, 48);
  const Path picture = dir.write("one.png", test::text_of(encode_png(image.view())));
  const Path nearly = dir.write("two.jpg", test::text_of(encode_jpeg(image.view())));
  std::vector<Part> parts(2);
  parts[0].split = Split::train, parts[1].split = Split::val;
  for (Part& part : parts) {
    part.data.names = {"a"};
    Item item;
    item.image = part.split == Split::train ? picture : nearly;
    item.size = image.size();
    part.data.items.assign(20'000, item);
  }
  const std::clock_t begin = std::clock();
  const LintReport report = lint(parts, {});
  EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 30);
  std::int64_t pairs = 0;
  for (const Finding& f : report.findings) pairs += f.rule == "split-near" ? 1 : 0;
  EXPECT_EQ(pairs, 1);
}

TEST(Lint, AsksForAnchors) {
  const test::TempDir dir;
  dir.write("a.png", test::text_of(encode_png(test::scene(1, 640, 640).view())));
  dir.write("a.txt", "0 0.5 0.5 0.5 0.05\n0 0.5 0.5 0.1 0.1\n");
  LintOptions options;
  options.anchors = {{64, 64}};
  std::vector<int> rows;
  for (const Finding& f : lint(load_parts(dir.path()), options).findings) {
    if (f.rule == "box-unmatched") rows.push_back(f.where.line);
  }
  EXPECT_EQ(rows, std::vector<int>{1});  // 320x32: 5 times wider, 64x64 fits the second
}

TEST(Lint, NoticesPermutedNames) {
  const test::TempDir dir;
  dir.write("obj.data", "train = train.txt\nnames = obj.names\n");
  dir.write("obj.names", "cat\ndog\n");
  dir.write("data/classes.txt", "dog\ncat\n");
  dir.write("train.txt", "data/a.png\n");
  dir.write("data/a.png", test::text_of(encode_png(test::scene(1).view())));
  dir.write("data/a.txt", "0 0.5 0.5 0.5 0.5\n");
  bool told = false;
  for (const Finding& f : lint(load_parts(dir / "obj.data"), {}).findings) {
    told = told || f.rule == "class-permuted";
  }
  EXPECT_TRUE(told);
}

TEST(Lint, WritesSarifAndAPageThatHoldEveryFinding) {
  const FaultyDataset set(4, 44);
  const std::vector<Part> parts = load_parts(set.yaml());
  const LintReport report = lint(parts, {});
  const auto sarif = nlohmann::json::parse(lint_sarif(report, "1"));
  EXPECT_EQ(sarif.at("version"), "2.1.0");
  const auto& run = sarif.at("runs").at(0);
  ASSERT_EQ(run.at("results").size(), report.findings.size());
  for (const auto& result : run.at("results")) {
    const auto& rules = run.at("tool").at("driver").at("rules");
    EXPECT_EQ(rules.at(result.at("ruleIndex").get<std::size_t>()).at("id"), result.at("ruleId"));
  }
  const std::string page = lint_html(parts, report);
  for (const Finding& f : report.findings) {
    EXPECT_NE(page.find("id=\"" + std::string(f.rule) + "\""), std::string::npos) << f.rule;
  }
  EXPECT_NE(page.find("data:image/jpeg;base64,"), std::string::npos);
}

TEST(Lint, HashesSurviveResizing) {
  const Image big = test::scene(3, 320, 240), small = test::scene(3, 96, 64);
  EXPECT_EQ(difference_hash(big.view()), difference_hash(small.view()));
  EXPECT_NE(difference_hash(big.view()), difference_hash(test::scene(4).view()));
}

}  // namespace
}  // namespace syolo

// Dataset formats: what is read from small files, what is refused, and round trips.

#include "syolo/data/formats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "syolo/data/coco.h"
#include "syolo/data/rules.h"
#include "syolo/data/split.h"
#include "tests/support/faulty_dataset.h"

namespace syolo {
namespace {

using test::TempDir;

std::string png(int number, int width = 40, int height = 20) {
  return test::text_of(
      encode_png(test::scene(static_cast<std::uint64_t>(number), width, height).view()));
}

std::vector<std::string> rules_of(const Findings& findings) {
  std::vector<std::string> rules;
  for (const Finding& f : findings) rules.emplace_back(f.rule);
  return rules;
}
bool has(const Findings& findings, std::string_view rule) {
  const auto rules = rules_of(findings);
  return std::find(rules.begin(), rules.end(), rule) != rules.end();
}

TEST(YoloLabels, ReadCentreFormAndPolygons) {
  Findings findings;
  const auto rows = parse_yolo_labels(
      "\xEF\xBB\xBF"
      "2 0.5 0.5 0.25 0.5\r\n\r\n"
      "0 0.1 0.2 0.3 0.2 0.3 0.6\r1.0 0.5 0.5 1 1",
      "a.txt", 3, findings);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0], (YoloRow{2, 0.375, 0.25, 0.25, 0.5, 1}));
  EXPECT_NEAR(rows[1].x, 0.1, 1e-15);
  EXPECT_NEAR(rows[1].h, 0.4, 1e-15);
  EXPECT_EQ(rows[2].cls, 1);
  EXPECT_EQ(rules_of(findings), std::vector<std::string>{"label-polygon"});
}

TEST(YoloLabels, ClipALittleAndLeaveOutALot) {
  Findings findings;
  const auto rows = parse_yolo_labels(
      "0 0.9 0.5 0.2042 0.2\n0 0.9 0.5 0.6 0.2\n0 0.5 0.5 0.2 0.2\n", "a.txt", 1, findings);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_DOUBLE_EQ(rows[0].x + rows[0].w, 1);
  EXPECT_EQ(rules_of(findings), (std::vector<std::string>{"label-overshoot", "label-range"}));
}

TEST(YoloLabels, SixDigitsNeverRaiseAFinding) {
  Rng rng(1, Stream::test);
  for (int i = 0; i < 1000; ++i) {
    const double w = rng.uniform(0.001, 1);
    Findings findings;
    const auto rows = parse_yolo_labels(
        format("0 {:.6f} {:.6f} {:.6f} {:.6f}", w / 2, 1 - w / 2, w, w), "a.txt", 1, findings);
    ASSERT_EQ(rows.size(), 1U) << w;
    EXPECT_TRUE(findings.empty()) << w;
    EXPECT_GE(rows[0].x, 0);
    EXPECT_LE(rows[0].y + rows[0].h, 1);
  }
}

TEST(DatasetYaml, ReadsListsMapsAndAliases) {
  const DatasetYaml yaml = parse_dataset_yaml(
      "path: ../b  # base\ntrain: &t [a, 'b c.txt']\nval: *t\nnc: 2\nnames: {1: dog, 0: cat}\n",
      "d.yaml");
  EXPECT_EQ(yaml.path, "../b");
  EXPECT_EQ(yaml.train, (std::vector<std::string>{"a", "b c.txt"}));
  EXPECT_EQ(yaml.val, yaml.train);
  EXPECT_EQ(yaml.names, (std::vector<std::string>{"cat", "dog"}));
}

TEST(DatasetYaml, RefusesWithTheLine) {
  const auto line_of = [](std::string_view text) {
    try {
      parse_dataset_yaml(text, "d.yaml");
    } catch (const Error& error) {
      EXPECT_EQ(error.where().file, "d.yaml");
      return error.where().line;
    }
    return -1;
  };
  EXPECT_EQ(line_of("train: a\nnc: 3\nnames: [a, b]\n"), 2);
  EXPECT_EQ(line_of("train: a\nnames:\n  0: a\n  2: b\n"), 4);
  EXPECT_EQ(line_of("train: a\ntrain: b\n"), 2);
  EXPECT_EQ(line_of("train: a\nval: {x: y}\n"), 2);
  EXPECT_EQ(line_of(std::string(100'000, '[')), 1);  // nesting
  std::string tokens = "train: a\nnames: [";         // the parser would keep them all: 70 MiB
  for (int i = 0; i < 200'000; ++i) tokens += "a,";
  EXPECT_EQ(line_of(tokens + "]\n"), 2);
  EXPECT_EQ(line_of("train: a\nnames: [a, b\n"), 3);  // not YAML
  EXPECT_EQ(line_of("names: [a]\n"), 0);              // no part
  std::string bomb = "a: &a [x]\n";
  for (int i = 0; i < 200; ++i) bomb += "k" + std::to_string(i) + ": *a\n";
  EXPECT_GE(line_of(bomb + "train: a\n"), 100);
}

TEST(DarknetFile, KeepsInnerSpacesAndTakesAllLineEnds) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    const DarknetData data = parse_darknet_data(
        "# c" + end + "classes= 2" + end + end + "train = my set/a b.txt " + end + "names=x.names",
        "o.data");
    EXPECT_EQ(data.train, "my set/a b.txt");
    EXPECT_EQ(data.classes, 2);
  }
  EXPECT_THROW(parse_darknet_data("classes = 2\n", "o.data"), Error);
  EXPECT_THROW(parse_darknet_data("train\n", "o.data"), Error);
  EXPECT_THROW(parse_darknet_data("train = a\ntrain = b\n", "o.data"), Error);
}

TEST(Voc, CountsPixelsFromOneAndPutsSwappedCornersRight) {
  Findings findings;
  const VocAnnotation a = parse_voc(
      "<?xml version='1.0'?>\n<!DOCTYPE x [<!ENTITY e "
      "'eeee'>]>\n<annotation>\n<filename>a.png</filename>"
      "<size><width>40</width><height>20</height></size>\n"
      "<object><name> cat </name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2</ymin>"
      "<xmax>40</xmax><ymax>3</ymax></bndbox></object>\n"
      "<object><name>dog</name><bndbox><xmin>9</xmin><ymin>2</ymin><xmax>5</xmax><ymax>3</ymax></"
      "bndbox>"
      "</object>\n<object><name>dog</name><bndbox><xmin>9</xmin></bndbox></object></annotation>",
      "a.xml", findings);
  ASSERT_EQ(a.objects.size(), 2U);
  EXPECT_EQ(a.objects[0].name, "cat");
  EXPECT_TRUE(a.objects[0].difficult);
  EXPECT_EQ(a.objects[0].box, (BoxXywh{0, 1, 40, 2}));
  EXPECT_EQ(a.objects[1].box, (BoxXywh{4, 1, 5, 2}));
  EXPECT_EQ(rules_of(findings), (std::vector<std::string>{"label-swapped", "label-number"}));
  EXPECT_EQ(findings[0].where.line, 6);
  EXPECT_THROW(parse_voc("<annotation>", "a.xml", findings), Error);
  EXPECT_THROW(parse_voc("", "a.xml", findings), Error);
}

/// Two pictures for training, one for validation; one without boxes.
std::filesystem::path small_yolo(const TempDir& dir) {
  dir.write("s/images/train/a.png", png(1));
  dir.write("s/labels/train/a.txt", "0 0.5 0.5 0.5 0.5\n1 0.25 0.25 0.125 0.25\n");
  dir.write("s/images/train/b.png", png(2, 30, 50));
  dir.write("s/labels/train/b.txt", "");
  dir.write("s/images/val/a.png", png(3));
  dir.write("s/labels/val/a.txt", "1 0.3 0.7 0.1 0.2\n");
  return dir.write("s/dataset.yaml",
                   "train: images/train\nval: images/val\nnames:\n - a cat\n - 'd\"og'\n");
}

void expect_same(const std::vector<Part>& a, const std::vector<Part>& b, std::string_view what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (std::size_t p = 0; p < a.size(); ++p) {
    EXPECT_EQ(a[p].split, b[p].split);
    EXPECT_EQ(a[p].data.names, b[p].data.names);
    ASSERT_EQ(a[p].data.items.size(), b[p].data.items.size()) << what;
    for (std::size_t i = 0; i < a[p].data.items.size(); ++i) {
      const Item &x = a[p].data.items[i], &y = b[p].data.items[i];
      EXPECT_EQ(x.size, y.size);
      EXPECT_EQ(x.state, y.state) << what;
      ASSERT_EQ(x.truths.size(), y.truths.size()) << what;
      for (std::size_t t = 0; t < x.truths.size(); ++t) {
        EXPECT_EQ(x.truths[t].cls, y.truths[t].cls);
        EXPECT_NEAR(x.truths[t].box.x, y.truths[t].box.x, 1e-9) << what;
        EXPECT_NEAR(x.truths[t].box.y, y.truths[t].box.y, 1e-9) << what;
        EXPECT_NEAR(x.truths[t].box.w, y.truths[t].box.w, 1e-9) << what;
        EXPECT_NEAR(x.truths[t].box.h, y.truths[t].box.h, 1e-9) << what;
      }
    }
  }
}

TEST(Formats, EachWrittenFormatReadsBackEqualThroughEachOther) {
  const TempDir dir;
  const std::vector<Part> source = load_parts(small_yolo(dir));
  ASSERT_EQ(source.size(), 2U);
  ASSERT_EQ(source[0].data.items.size(), 2U);
  EXPECT_EQ(source[0].data.items[1].state, LabelState::empty);
  int number = 0;
  for (const DatasetFormat& first : dataset_formats()) {
    if (first.write == nullptr || first.name == "classes") continue;
    const std::string one = std::to_string(++number);
    first.write(source, dir / one, {});
    EXPECT_EQ(dataset_format(dir / one).name, first.name);
    const std::vector<Part> middle = load_parts(dir / one);
    expect_same(source, middle, first.name);
    for (const DatasetFormat& second : dataset_formats()) {
      if (second.write == nullptr || second.name == "classes") continue;
      const std::string two = one + std::string(second.name);
      second.write(middle, dir / two, {});
      expect_same(source, load_parts(dir / two), first.name);
    }
  }
}

/// Two parts; "owl" is in the second alone.
void class_folders(const TempDir& dir) {
  dir.write("c/train/cat/a.png", png(1));
  dir.write("c/train/cat/b.png", png(2));
  dir.write("c/train/dog/more/a.png", png(3));
  dir.write("c/train/dog/b.png", png(8));
  dir.write("c/val/dog/z.png", png(4));
  dir.write("c/val/owl/z.png", png(5));
}

TEST(Classes, AreReadAsClassesOfWholePicturesWithNumbersThatAgree) {
  const TempDir dir;
  class_folders(dir);
  EXPECT_EQ(dataset_format(dir / "c").name, "classes");
  const std::vector<Part> parts = load_parts(dir / "c");
  ASSERT_EQ(parts.size(), 2U);
  std::vector<std::vector<int>> classes;
  for (const Part& part : parts) {
    EXPECT_EQ(part.data.names, (std::vector<std::string>{"cat", "dog", "owl"}));
    classes.emplace_back();
    for (const Item& item : part.data.items) {
      classes.back().push_back(item.cls);
      EXPECT_TRUE(item.truths.empty());
      EXPECT_EQ(item.size, (Size{40, 20}));
    }
  }
  EXPECT_EQ(classes, (std::vector<std::vector<int>>{{0, 0, 1, 1}, {1, 2}}));
  EXPECT_EQ(load_dataset(dir / "c/train").items.size(), 4U) << "a part alone";
}

TEST(Classes, AreNotWhatHasLabelsOrOneFolder) {
  const TempDir dir;
  for (const std::string_view place : {"a/x/1.png", "a/y/2.png", "b/x/1.png", "c/images/1.png",
                                       "c/other/2.png", "d/x/1.png", "d/y/2.png", "d/0.png"}) {
    dir.write(std::string(place), png(1));
  }
  dir.write("a/x/1.txt", "0 0.5 0.5 0.5 0.5\n");
  for (const std::string_view name : {"a", "b", "c", "d"}) {
    EXPECT_EQ(dataset_format(dir / std::string(name)).name, "folder") << name;
  }
}

TEST(Classes, AreCopiedWithTheirPartsAndRefusedWhereBoxesAreWanted) {
  const TempDir dir;
  class_folders(dir);
  const std::vector<Part> source = load_parts(dir / "c");
  for (const Pictures how : {Pictures::copy, Pictures::link}) {
    const Path out = dir / (how == Pictures::copy ? "copy" : "link");
    EXPECT_TRUE(find_format("classes")->write(source, out, {.pictures = how}).empty());
    const std::vector<Part> again = load_parts(out);
    ASSERT_EQ(again.size(), 2U);
    for (std::size_t p = 0; p < 2; ++p) {
      EXPECT_EQ(again[p].data.names, source[p].data.names);
      ASSERT_EQ(again[p].data.items.size(), source[p].data.items.size());
      for (std::size_t i = 0; i < again[p].data.items.size(); ++i) {
        EXPECT_EQ(again[p].data.items[i].cls, source[p].data.items[i].cls);
      }
    }
  }
  for (const std::string_view to : {"yolo", "coco", "voc", "darknet"}) {
    try {
      find_format(to)->write(source, dir / std::string(to), {});
      FAIL() << to;
    } catch (const Error& error) {
      EXPECT_NE(error.text().find("expected a dataset with boxes"), std::string::npos);
    }
    EXPECT_FALSE(std::filesystem::exists(dir / std::string(to)));
  }
  EXPECT_THROW(find_format("classes")->write(source, dir / "none", {.pictures = Pictures::none}),
               Error);
}

TEST(Classes, OfADatasetWithBoxesAreThePicturesInThem) {
  const TempDir dir;
  const std::vector<Part> source = load_parts(small_yolo(dir));
  const Findings lost = find_format("classes")->write(source, dir / "crops", {});
  EXPECT_TRUE(has(lost, "not-kept"));
  std::multiset<std::pair<int, int>> wanted, written;  // sizes
  for (const Part& part : source) {
    for (const Item& item : part.data.items) {
      for (const Truth& truth : item.truths) {
        const BoxXywh& b = truth.box;
        wanted.emplace(static_cast<int>(std::ceil(b.x + b.w) - std::floor(b.x)),
                       static_cast<int>(std::ceil(b.y + b.h) - std::floor(b.y)));
      }
    }
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir / "crops")) {
    if (!entry.is_regular_file()) continue;
    const Image image = load_image(entry.path());
    written.emplace(image.width, image.height);
  }
  EXPECT_EQ(written, wanted);
}

TEST(Classes, AreSplitInTheirShares) {
  const TempDir dir;
  for (int i = 0; i < 40; ++i) {
    dir.write(format("c/{}/{}.png", i % 4 == 0 ? "rare" : "often", i), png(i, 12, 12));
  }
  const std::vector<Part> parts = split_dataset(load_dataset(dir / "c"), {});
  ASSERT_EQ(parts.size(), 2U);
  std::map<int, int> counts;
  for (const Item& item : parts[1].data.items) ++counts[item.cls];
  EXPECT_EQ(counts, (std::map<int, int>{{0, 6}, {1, 2}}));
}

TEST(Formats, WritersRefuseTheSourceAndFullFolders) {
  const TempDir dir;
  const std::vector<Part> source = load_parts(small_yolo(dir));
  const DatasetFormat& yolo = *find_format("yolo");
  EXPECT_THROW(yolo.write(source, dir / "s/images/train/x", {}), Error);
  EXPECT_THROW(yolo.write(source, dir / "s", {}), Error);
}

TEST(Formats, FindsLabelsBesideAndUnderLabelsAndSaysSo) {
  const TempDir dir;
  dir.write("images/a.png", png(1));
  dir.write("labels/a.txt", "0 0.5 0.5 0.5 0.5\n");
  dir.write("images/b.png", png(2));
  dir.write("images/b.txt", "0 0.5 0.5 0.5 0.5\n");
  dir.write("images/c.png", png(3));
  const Dataset data = load_dataset(dir.path());
  ASSERT_EQ(data.items.size(), 3U);
  EXPECT_EQ(data.items[0].truths.size(), 1U);
  EXPECT_EQ(data.items[1].truths.size(), 1U);
  EXPECT_EQ(data.items[2].state, LabelState::missing);
  EXPECT_TRUE(has(data.findings, "label-place"));
  EXPECT_TRUE(has(data.findings, "label-missing"));
}

TEST(Formats, AFoldersOnlyNamesFileNamesItsClasses) {
  const TempDir dir;
  dir.write("a.png", png(1));
  dir.write("a.txt", "1 0.5 0.5 0.5 0.5\n");
  dir.write("aerial.names", "car\nbus\n");
  EXPECT_EQ(load_dataset(dir.path()).names, (std::vector<std::string>{"car", "bus"}));
  dir.write("other.names", "x\ny\n");
  EXPECT_EQ(load_dataset(dir.path()).names, (std::vector<std::string>{"0", "1"}))
      << "of two none is chosen";
  dir.write("classes.txt", "cat\ndog\n");
  EXPECT_EQ(load_dataset(dir.path()).names, (std::vector<std::string>{"cat", "dog"}));
}

TEST(Formats, ListsTakeBlanksQuotesAndStrangeNames) {
  const TempDir dir;
  const std::string shell = "; touch PWNED ;.png", dollar = "$(touch PWNED).png";
  for (const std::string& name :
       {std::string("a b.png"), shell, dollar, std::string("-x.png"), std::string("#y.png"),
        std::string("\xC3\xA9 \xE6\x97\xA5.png")}) {
    dir.write("my set/" + name, png(1));
  }
  const auto list =
      dir.write("my set/l.txt", "\n  a b.png  \r\n\"" + shell + "\"\n" + dollar +
                                    "\n-x.png\n#y.png\n\xC3\xA9 \xE6\x97\xA5.png\n \n-x.png\n");
  const Dataset data = load_dataset(list);
  EXPECT_EQ(data.items.size(), 6U);
  EXPECT_TRUE(has(data.findings, "list-repeated"));
  EXPECT_FALSE(std::filesystem::exists("PWNED"));
}

TEST(Formats, UnresolvableSplitsNameEveryCandidate) {
  const TempDir dir;
  const auto yaml = dir.write("d.yaml", "path: base\ntrain: nowhere\nnames: [a]\n");
  try {
    load_parts(yaml);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_NE(error.text().find("base/nowhere"), std::string::npos);
    EXPECT_EQ(error.kind(), ErrorKind::io);
  }
  EXPECT_THROW(load_parts(dir / "absent"), Error);
  EXPECT_THROW(load_parts(dir.write("x.bin", "hello")), Error);
}

TEST(Formats, VocFoldersKnowTheirParts) {
  const TempDir dir;
  const std::string box =
      "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>";
  dir.write("JPEGImages/a.png", png(1));
  dir.write("JPEGImages/b.png", png(2));
  dir.write("Annotations/a.xml",
            "<annotation><object><name>z</name>" + box + "</object></annotation>");
  dir.write("Annotations/b.xml",
            "<annotation><size><width>20</width><height>40</height></size><object>"
            "<name>c</name>" +
                box + "</object></annotation>");
  dir.write("ImageSets/Main/train.txt", "a 1\n");
  dir.write("ImageSets/Main/val.txt", "b\nghost\n");
  const std::vector<Part> parts = load_parts(dir.path());
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].data.names, (std::vector<std::string>{"c", "z"}));
  EXPECT_EQ(parts[0].data.items[0].truths[0].cls, 1);
  EXPECT_TRUE(has(parts[1].data.findings, "image-exif-labels"));  // 20x40 given for 40x20
  EXPECT_TRUE(has(parts[1].data.findings, "image-missing"));
}

TEST(Split, GivesEveryClassItsShareAndKeepsGroups) {
  Dataset data;
  data.names = {"common", "rare"};
  data.class_ids = {0, 1};
  for (int i = 0; i < 200; ++i) {
    Item item;
    item.image = format("v{}_{}.png", i / 4, i % 4);
    item.truths.resize(1);
    item.truths[0].cls = i % 20 == 0 ? 1 : 0;
    data.items.push_back(item);
  }
  for (const Grouping grouping : {Grouping::none, Grouping::prefix}) {
    SplitOptions options;
    options.shares = {0.7, 0.2, 0.1};
    options.grouping = grouping;
    const std::vector<Part> parts = split_dataset(data, options);
    ASSERT_EQ(parts.size(), 3U);
    std::map<std::string, std::set<Split>> where;
    const std::array<int, 3> pictures = {140, 40, 20}, rare = {7, 2, 1};
    for (std::size_t p = 0; p < 3; ++p) {
      int count = 0;
      for (const Item& item : parts[p].data.items) {
        count += item.truths[0].cls;
        where[group_of(item.image, grouping)].insert(parts[p].split);
      }
      EXPECT_EQ(count, rare[p]);
      EXPECT_NEAR(static_cast<double>(parts[p].data.items.size()), pictures[p], 4);
    }
    for (const auto& [group, splits] : where) EXPECT_EQ(splits.size(), 1U) << group;
    const std::vector<Part> again = split_dataset(data, options);
    EXPECT_EQ(again[1].data.items.front().image, parts[1].data.items.front().image);
  }
}

TEST(CocoText, CountsIdsAnewThatRepeat) {
  Dataset data;
  data.names = {"cat"};
  data.class_ids = {3};
  data.items.resize(2);
  data.items[0].id = 5, data.items[1].id = 7;
  const auto truth = [](std::int64_t id) {
    Truth row;
    row.box = {0, 0, 2, 2}, row.area = 4, row.id = id;
    return row;
  };
  data.items[0].truths = {truth(3), truth(0)};
  data.items[1].truths = {truth(0)};
  TempDir dir;
  const Dataset again = read_coco(dir.write("a.json", coco_text(data)));
  EXPECT_EQ(again.items[1].id, 7);
  EXPECT_EQ(again.items[0].truths[1].id, 2) << "0 twice: counted anew";
  EXPECT_EQ(again.items[1].truths[0].id, 3);
  data.items[0].truths = {truth(0)};
  data.items[1].truths.clear();
  EXPECT_EQ(read_coco(dir.write("b.json", coco_text(data))).items[0].truths[0].id, 1)
      << "0 means none to pycocotools";
}

TEST(CocoFindings, AllHaveARuleThatReportsCanName) {
  TempDir dir;
  write_file_atomic(dir / "odd.json", std::string_view(R"({
    "images": [{"id": 7, "file_name": "a.png", "width": 40, "height": 20}],
    "categories": [{"id": 3}],
    "annotations": [
      {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 1, 5, 5], "segmentation": [[1, 1, 6, 1, 6, 6]]},
      {"id": 2, "image_id": 8, "category_id": 3, "bbox": [1, 1, 5, 5]},
      {"id": 3, "image_id": 7, "category_id": 4, "bbox": [1, 1, 5, 5]},
      {"id": 4, "image_id": 7, "category_id": 3},
      {"id": 0, "image_id": 7, "category_id": 3, "bbox": [1, 1, 5, 5]},
      {"id": 5, "image_id": 7, "category_id": 3, "bbox": [1, 1, 0, 5], "iscrowd": 1},
      {"id": 6, "image_id": 7, "category_id": 3, "bbox": [1, 1, 4, 5], "ignore": 1}]})"));
  const Dataset data = read_coco(dir / "odd.json");
  for (const std::string_view rule :
       {"coco-image", "coco-category", "coco-bbox", "coco-empty-box", "coco-category-name",
        "coco-masks", "coco-crowds", "coco-ignore", "coco-id-zero"}) {
    EXPECT_TRUE(has(data.findings, rule)) << rule;
  }
  for (const Finding& finding : data.findings) EXPECT_NO_THROW(rule_of(finding)) << finding.rule;
}

}  // namespace
}  // namespace syolo

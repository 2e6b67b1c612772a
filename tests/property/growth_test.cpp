// Readers of text take time and memory in proportion to the file (goals G2 and G3): each reads a
// file twice as large in at most 2.5 times the processor time, and the large one within its budget.
#include <gtest/gtest.h>

#include <ctime>
#include <functional>

#include "syolo/data/coco.h"
#include "syolo/data/formats.h"
#include "syolo/data/formats/formats_impl.h"
#include "syolo/eval/predictions.h"
#include "syolo/graph/cfg.h"
#include "syolo/weights/model.h"
#include "tests/support/memory.h"
#include "tests/support/temp_dir.h"

namespace syolo::test {
namespace {

struct Reader {
  const char* name;
  std::size_t bytes;                       // of the larger file
  std::string (*text)(std::size_t bytes);  // of about this size
  void (*read)(const Path& file);          // accepts it
};

/// `line(i)` after each other up to the size, between head and tail.
template <class Line>
std::string repeated(std::size_t bytes, std::string_view head, std::string_view tail,
                     const Line& line) {
  std::string text(head);
  for (int i = 0; text.size() < bytes; ++i) text += line(i);
  return text + std::string(tail);
}

Limits wide_limits() {
  Limits limits;
  limits.text_bytes = std::int64_t{64} << 20;
  limits.boxes = 100'000'000;
  return limits;
}

std::string file_text(const Path& file) {
  return read_text(file, std::int64_t{64} << 20);
}

const Dataset& ten_pictures() {
  static const Dataset dataset = [] {
    Dataset made;
    made.names = {"a", "b"};
    made.class_ids = {1, 2};
    for (int i = 0; i < 10; ++i) {
      Item item;
      item.image = format("{}.jpg", i);
      item.size = {100, 100};
      item.id = i + 1;
      made.items.push_back(std::move(item));
    }
    return made;
  }();
  return dataset;
}

const Reader kReaders[] = {
    {"Cfg", 1 << 20,
     [](std::size_t bytes) {
       return repeated(bytes, "[net]\nwidth=32\nheight=32\nchannels=3\n", "", [](int i) {
         return i % 100 != 0
                    ? format("# remark {}\n", i)
                    : std::string("[convolutional]\nfilters=8\nsize=1\nactivation=leaky\n");
       });
     },
     [](const Path& file) {
       Findings findings;
       read_cfg(file_text(file), file.string(), findings);
     }},
    {"CfgOfOneLongLine", 1 << 20,
     [](std::size_t bytes) {
       return repeated(bytes, "[net]\nwidth=32\nheight=32\nchannels=3\nsteps=", "\n",
                       [](int i) { return format("{},", i + 1); });
     },
     [](const Path& file) {
       Findings findings;
       try {
         read_cfg(file_text(file), file.string(), findings);
       } catch (const Error&) {
         return;  // a list may be too long: what counts is when that is known
       }
     }},
    {"CfgOfUnknownKeys", 1 << 19,  // each looks for the key that was meant
     [](std::size_t bytes) {
       return repeated(bytes, "[net]\nwidth=32\nheight=32\nchannels=3\n[convolutional]\n", "",
                       [](int i) { return format("filtres{}=8\n", i); });
     },
     [](const Path& file) {
       Findings findings;
       try {
         read_cfg(file_text(file), file.string(), findings);
       } catch (const Error&) {
         return;
       }
     }},
    {"Names", 16 << 20,
     [](std::size_t bytes) {
       return repeated(bytes, "", "", [](int i) { return format("class {}\n", i); });
     },
     [](const Path& file) { parse_names(file_text(file), file.string()); }},
    {"YoloLabels", 16 << 20,
     [](std::size_t bytes) {
       return repeated(bytes, "", "", [](int i) {
         return format("{} 0.5 0.5 0.{:04} 0.25\n", i % 3, 1 + i % 9000);
       });
     },
     [](const Path& file) {
       Findings findings;
       parse_yolo_labels(file_text(file), file.string(), -1, findings, wide_limits());
     }},
    {"DatasetYaml", 1 << 20,
     [](std::size_t bytes) {
       return repeated(bytes, "train: a\nnames:\n", "",
                       [](int i) { return format("  - class number {}\n", i); });
     },
     [](const Path& file) { parse_dataset_yaml(file_text(file), file.string()); }},
    {"Voc", 8 << 20,
     [](std::size_t bytes) {
       return repeated(bytes, "<annotation><size><width>500</width><height>400</height></size>\n",
                       "</annotation>\n", [](int i) {
                         return format(
                             "<object><name>cat</name><bndbox><xmin>{}</xmin><ymin>2</ymin>"
                             "<xmax>450</xmax><ymax>300</ymax></bndbox></object>\n",
                             1 + i % 400);
                       });
     },
     [](const Path& file) {
       Findings findings;
       parse_voc(file_text(file), file.string(), findings, wide_limits());
     }},
    {"Coco", 16 << 20,
     [](std::size_t bytes) {
       return repeated(
           bytes,
           R"({"images":[{"id":1,"file_name":"a.jpg","width":99,"height":99}],)"
           R"("categories":[{"id":1,"name":"a"}],"annotations":[)",
           R"({"id":999999999,"image_id":1,"category_id":1,"bbox":[1,2,3,4]}]})", [](int i) {
             return format(R"({{"id":{},"image_id":1,"category_id":1,"bbox":[1,2,{},4]}},)", i + 1,
                           1 + i % 90);
           });
     },
     [](const Path& file) { read_coco(file); }},
    {"Predictions", 16 << 20,
     [](std::size_t bytes) {
       return repeated(
           bytes, "[", R"({"image_id":1,"category_id":1,"bbox":[1,2,3,4],"score":0.5}])",
           [](int i) {
             return format(R"({{"image_id":{},"category_id":1,"bbox":[1,2,3,{}],"score":0.25}},)",
                           1 + i % 10, 1 + i % 90);
           });
     },
     [](const Path& file) { read_predictions(file, ten_pictures()); }},
};

void PrintTo(const Reader& reader, std::ostream* out) {
  *out << reader.name;
}

class Growth : public testing::TestWithParam<Reader> {
 protected:
  static double seconds(const Path& file) {
    double best = 1e9;
    for (int run = 0; run < 3; ++run) {
      const std::clock_t start = std::clock();
      GetParam().read(file);
      best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
    return best;
  }
};

TEST_P(Growth, OfTimeAndMemoryIsThatOfTheFile) {
  const TempDir folder;
  const std::size_t bytes = GetParam().bytes - (1 << 12);  // the limits are for whole files
  const auto file = [&](std::size_t part) {
    return folder.write(format("part-{}", part), GetParam().text(bytes / part));
  };
  const Path quarter = file(4), half = file(2), whole = file(1);
  const auto peak = peak_bytes([&] { GetParam().read(whole); });
  // The text that the case itself holds, and the reader's four times.
  EXPECT_LE(peak.value_or(0), (std::int64_t{64} << 20) + 5 * static_cast<std::int64_t>(bytes));
  // One of two doublings may be the one that leaves a cache; quadratic ones are 4 both.
  double ratio = 1e9;
  for (int attempt = 0; attempt < 3 && ratio > 2.5; ++attempt) {
    const double middle = seconds(half);
    ratio = std::min(seconds(whole) / middle, middle / std::max(seconds(quarter), 1e-4));
  }
  EXPECT_LE(ratio, 2.5);
}

INSTANTIATE_TEST_SUITE_P(Readers, Growth, testing::ValuesIn(kReaders),
                         [](const auto& it) { return std::string(it.param.name); });

/// As COCO's own files: a mask of `numbers` for each box.
std::string coco_of(std::size_t bytes, int numbers) {
  std::string mask;
  for (int i = 0; i < numbers; ++i) mask += format("{}{}.25", i == 0 ? "" : ",", 10 + i);
  return repeated(
      bytes, R"({"images":[{"id":1,"file_name":"a.jpg","width":99,"height":99}],"annotations":[)",
      R"({"id":999999999,"image_id":1,"category_id":1,"bbox":[1,2,3,4]}],)"
      R"("categories":[{"id":1,"name":"a"}]})",
      [&](int i) {
        return format(R"({{"segmentation":[[{}]],"id":{},"image_id":1,"category_id":1,)"
                      R"("iscrowd":0,"area":12.5,"bbox":[1,2,{}.25,4]}},)",
                      mask, i + 1, 1 + i % 90);
      });
}

TEST(LargeCoco, TakesTheMemoryOfItsBoxesAndTellsHowFarItIs) {
  const TempDir folder;
  constexpr std::size_t kBytes = 64 << 20;
  const Path masks = folder.write("masks.json", coco_of(kBytes, 100));
  const Path boxes = folder.write("boxes.json", coco_of(kBytes, 0));
  std::size_t truths = 0;
  std::int64_t told = 0, calls = 0;
  const ReadProgress progress = [&](std::int64_t done, std::int64_t total, std::string_view what) {
    EXPECT_GT(done, told);
    EXPECT_LE(done, total);
    EXPECT_EQ(what, "bytes");
    told = done, ++calls;
  };
  const auto read = [&](const Path& file) {
    told = 0;
    return peak_bytes([&] { truths = read_coco(file, {}, progress).items[0].truths.size(); });
  };
  // Of the file no more than the 8 MiB between two reports stay, whatever the masks; a box takes
  // its annotation and its truth at most.
  constexpr std::int64_t kOfBox = 300, kOfFile = 24 << 20;
  for (const Path& file : {masks, boxes}) {
    const auto peak = read(file);
    EXPECT_LE(peak.value_or(0), kOfFile + kOfBox * static_cast<std::int64_t>(truths)) << file;
  }
  EXPECT_GE(calls, 8);
}

}  // namespace
}  // namespace syolo::test

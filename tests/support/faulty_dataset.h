// A dataset with planted faults and the report that they call for.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "syolo/base/rng.h"
#include "syolo/image/codec.h"
#include "tests/support/temp_dir.h"

namespace syolo::test {

struct Expected {
  std::string rule, file;
  int line = 0;
};

/// A picture whose coarse structure differs from every other.
inline Image scene(std::uint64_t number, int width = 96, int height = 64) {
  Rng rng(7, Stream::test, 1, number);
  std::array<int, 8 * 8 * 3> cells{};
  for (int& cell : cells) cell = rng.below(256);
  Image image(width, height, 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const int cell = ((y * 8 / height) * 8 + x * 8 / width) * 3 + c;
        image.pixels[static_cast<std::size_t>((y * width + x) * 3 + c)] =
            static_cast<std::byte>(cells[static_cast<std::size_t>(cell)]);
      }
    }
  }
  return image;
}

inline std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A JPEG with an EXIF block (behind "Exif\0\0") put behind its first marker.
inline std::string with_exif(const std::string& jpeg, const std::string& tiff) {
  const std::string body = std::string("Exif\0\0", 6) + tiff;
  const std::size_t length = body.size() + 2;
  std::string app1 = "\xFF\xE1";
  app1 += static_cast<char>(length >> 8);
  app1 += static_cast<char>(length & 0xFF);
  return jpeg.substr(0, 2) + app1 + body + jpeg.substr(2);
}

class FaultyDataset {
 public:
  /// `clean` good pictures, three quarters of them for training, and `planted` faults, kinds in
  /// turn.
  FaultyDataset(int clean, int planted) {
    for (int i = 0; i < clean; ++i) add_clean(i);
    for (int i = 0; i < planted; ++i) plant(i, clean + i);
    dir_.write("train.txt", lists_[0]);
    dir_.write("val.txt", lists_[1]);
    dir_.write("dataset.yaml", "train: train.txt\nval: val.txt\nnames: [cat, dog, fox]\n");
  }
  std::filesystem::path yaml() const { return dir_ / "dataset.yaml"; }
  const std::vector<Expected>& expected() const { return expected_; }
  const std::filesystem::path& folder() const { return dir_.path(); }

 private:
  using Plant = void (FaultyDataset::*)(const std::string& name, int number);

  std::string place(std::string_view relative) const { return (dir_ / relative).string(); }
  void list(const std::string& name, bool train) {
    lists_[train ? 0 : 1] += "images/" + name + ".jpg\n";
  }
  std::string jpeg(int number, int quality = 92) const {
    return text_of(encode_jpeg(scene(static_cast<std::uint64_t>(number)).view(), quality));
  }
  void picture(const std::string& name, const std::string& bytes, bool train = true) {
    dir_.write("images/" + name + ".jpg", bytes);
    list(name, train);
  }
  void label(const std::string& name, const std::string& text) {
    dir_.write("labels/" + name + ".txt", text);
  }
  static std::string good_rows(int number, int count) {
    Rng rng(7, Stream::test, 2, static_cast<std::uint64_t>(number));
    std::string text;
    for (int i = 0; i < count; ++i) {
      const double w = rng.uniform(0.1, 0.3), h = rng.uniform(0.1, 0.3);
      text += std::to_string(rng.below(3)) + " " + std::to_string(rng.uniform(w / 2, 1 - w / 2)) +
              " " + std::to_string(rng.uniform(h / 2, 1 - h / 2)) + " " + std::to_string(w) + " " +
              std::to_string(h) + "\n";
    }
    return text;
  }
  void add_clean(int number) {
    const std::string name = "clean" + std::to_string(number);
    picture(name, jpeg(number), number % 4 != 0);
    label(name, good_rows(number, 1 + number % 4));
  }

  /// Bad bytes of the picture beside good labels.
  void bad_picture(std::string_view rule, const std::string& name, int number,
                   const std::string& bytes) {
    picture(name, bytes);
    label(name, good_rows(number, 2));
    expected_.push_back({std::string(rule), place("images/" + name + ".jpg")});
  }
  /// A good row, then a bad one.
  void bad_row(std::string_view rule, const std::string& name, int number, const std::string& row) {
    picture(name, jpeg(number));
    label(name, good_rows(number, 1) + row + "\n");
    expected_.push_back({std::string(rule), place("labels/" + name + ".txt"), 2});
  }
  void truncated(const std::string& name, int number) {
    const std::string whole = jpeg(number);
    const std::size_t keep = whole.size() * static_cast<std::size_t>(5 + number * 7 % 90) / 100;
    bad_picture("image-damaged", name, number, whole.substr(0, keep));
  }
  void wrong_suffix(const std::string& name, int number) {
    bad_picture("image-suffix", name, number,
                text_of(encode_png(scene(static_cast<std::uint64_t>(number)).view())));
  }
  void one_pixel(const std::string& name, int number) {
    Image dot(1, 1, 3);
    bad_picture("image-tiny", name, number, text_of(encode_jpeg(dot.view())));
    label(name, "0 0.5 0.5 1 1\n");
  }
  void absent(const std::string& name, int number) {
    list(name, true);
    label(name, good_rows(number, 1));
    expected_.push_back({"image-missing", place("images/" + name + ".jpg")});
  }
  void unlabelled(const std::string& name, int number) {
    picture(name, jpeg(number));
    expected_.push_back({"label-missing", place("images/" + name + ".jpg")});
  }
  void empty_label(const std::string& name, int number) {
    picture(name, jpeg(number));
    label(name, " \n");
    expected_.push_back({"label-empty", place("labels/" + name + ".txt")});
  }
  void binary_label(const std::string& name, int number) {
    picture(name, jpeg(number));
    label(name, std::string("0 \0\x01\x02", 5));
    expected_.push_back({"label-unreadable", place("labels/" + name + ".txt")});
  }
  void folder_label(const std::string& name, int number) {
    picture(name, jpeg(number));
    std::filesystem::create_directories(dir_ / ("labels/" + name + ".txt"));
    expected_.push_back({"label-unreadable", place("labels/" + name + ".txt")});
  }
  void orphan(const std::string& name, int number) {
    label(name, good_rows(number, 1));
    expected_.push_back({"label-orphan", place("labels/" + name + ".txt")});
  }
  void corners(const std::string& name, int number) {
    picture(name, jpeg(number));
    label(name, "0 0.1 0.1 0.3 0.4\n1 0.5 0.5 0.9 0.9\n");
    expected_.push_back({"label-corners", place("labels/" + name + ".txt"), 1});
  }
  /// A training picture again in validation: the same bytes, or compressed anew.
  void leaked(const std::string& name, int number, int quality, const std::string& rule) {
    picture(name, jpeg(number), true);
    label(name, good_rows(number, 1));
    picture(name + "b", jpeg(number, quality), false);
    label(name + "b", good_rows(number, 1));
    expected_.push_back({rule, place("images/" + name + "b.jpg")});
  }
  void plant(int kind, int number);
  void plant_other(std::size_t kind, const std::string& name, int number);

  TempDir dir_;
  std::array<std::string, 2> lists_;
  std::vector<Expected> expected_;
};

inline void FaultyDataset::plant(int kind, int number) {
  const std::string name = "fault" + std::to_string(number);
  // The columns of rows that are wrong in themselves, and the rule each breaks.
  static const std::vector<std::pair<std::string, std::string>> kRows = {
      {"label-columns", "0 0.5 0.5 0.2"},
      {"label-columns", "0 0.5 0.5 0.2 0.2 0.9"},
      {"label-columns", "0,0.5,0.5,0.2,0.2"},
      {"label-columns", "1 0.1 0.1 0.2 0.2 0.3 0.3 0.4"},
      {"label-columns", "0"},
      {"label-number", "0 0.5 x 0.2 0.2"},
      {"label-number", "0 nan 0.5 0.2 0.2"},
      {"label-number", "0 0.5 0.5 inf 0.2"},
      {"label-number", "0 0.5 0.5 0.2 1e999"},
      {"label-number", "cat 0.5 0.5 0.2 0.2"},
      {"label-class", "3 0.5 0.5 0.2 0.2"},
      {"label-class", "-1 0.5 0.5 0.2 0.2"},
      {"label-class", "1.5 0.5 0.5 0.2 0.2"},
      {"label-class", "99999999999 0.5 0.5 0.2 0.2"},
      {"label-size", "0 0.5 0.5 0 0.2"},
      {"label-size", "0 0.5 0.5 0.2 -0.1"},
      {"label-size", "0 0.5 0.5 0 0"},
      {"label-pixels", "0 320 240 100 80"},
      {"label-pixels", "0 -5 0.5 0.2 0.2"},
      {"label-range", "0 1.2 0.5 0.2 0.2"},
      {"label-range", "0 0.95 0.5 0.2 0.2"},
      {"label-range", "0 -0.3 0.5 0.2 0.2"},
      {"label-overshoot", "0 0.905 0.5 0.2 0.2"},
      {"label-polygon", "0 0.1 0.1 0.4 0.1 0.4 0.5"},
      {"box-below-cell", "0 0.5 0.5 0.004 0.004"}};
  static constexpr Plant kPlants[] = {&FaultyDataset::truncated,    &FaultyDataset::wrong_suffix,
                                      &FaultyDataset::one_pixel,    &FaultyDataset::absent,
                                      &FaultyDataset::unlabelled,   &FaultyDataset::empty_label,
                                      &FaultyDataset::binary_label, &FaultyDataset::folder_label,
                                      &FaultyDataset::orphan,       &FaultyDataset::corners};
  const std::size_t rows = kRows.size(), plants = std::size(kPlants);
  std::size_t k = static_cast<std::size_t>(kind) % (rows + plants + 9);
  if (k < rows) return bad_row(kRows[k].first, name, number, kRows[k].second);
  k -= rows;
  if (k < plants) return (this->*kPlants[k])(name, number);
  plant_other(k - plants, name, number);
}

inline void FaultyDataset::plant_other(std::size_t kind, const std::string& name, int number) {
  const std::string row = "1 0.5 0.5 0.2 0.25\n";
  switch (kind) {
    case 0:
      return bad_picture("image-empty", name, number, "");
    case 1:
      return bad_picture("image-type", name, number, "<html>not found</html>");
    case 2:
      return bad_picture("image-type", name, number, std::string("PK\x03\x04\0\0", 6));
    case 3:
      return bad_picture("image-exif-damaged", name, number, with_exif(jpeg(number), "XX garbage"));
    case 4:
      return bad_picture(
          "image-exif", name, number,
          with_exif(jpeg(number),
                    std::string("MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06"
                                "\0\0\0\0\0\0",
                                26)));
    case 5:
      return leaked(name, number, 92, "split-leak");
    case 6:
      return leaked(name, number, 70, "split-near");
    case 7:
      return bad_row("box-duplicate", name, number, row + row.substr(0, row.size() - 1));
    default:
      return bad_row("box-two-classes", name, number, row + "2" + row.substr(1, row.size() - 2));
  }
}

}  // namespace syolo::test

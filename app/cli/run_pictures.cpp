#include "app/cli/run_pictures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "syolo/base/text.h"
#include "syolo/data/page.h"
#include "syolo/eval/top.h"
#include "syolo/image/codec.h"

namespace syolo::cli {
namespace {

constexpr Color kInk = {29, 36, 48}, kGrid = {223, 228, 234}, kBlue = {38, 98, 166},
                kRed = {192, 60, 43}, kGreen = {46, 139, 87};

// -- grids of pictures ------------------------------------------------------------------------

constexpr int kTile = 320, kAcross = 4;

void paste(const Image& part, Image& whole, int left, int top) {
  const std::size_t row = static_cast<std::size_t>(part.width) * 3;
  for (int y = 0; y < part.height; ++y) {
    const auto from = part.pixels.begin() + static_cast<std::ptrdiff_t>(row) * y;
    std::copy_n(
        from, row,
        whole.pixels.begin() + (static_cast<std::ptrdiff_t>(top + y) * whole.width + left) * 3);
  }
}

/// At most kPicturesOfGrid pictures, each fitted into a tile.
class Grid {
 public:
  explicit Grid(std::size_t count) {
    const int tiles = static_cast<int>(std::max<std::size_t>(1, std::min(count, kPicturesOfGrid)));
    const int across = std::min(tiles, kAcross);
    image_ = Image(across * kTile, (tiles + across - 1) / across * kTile, 3);
    std::fill(image_.pixels.begin(), image_.pixels.end(), std::byte{255});
  }
  /// @param draw  called with the small picture and the factor of its coordinates
  template <class Draw>
  void add(const Image& picture, const Draw& draw) {
    const double factor = static_cast<double>(kTile - 4) / std::max(picture.width, picture.height);
    Image small = data::scaled(
        picture, {std::max(1, static_cast<int>(std::lround(picture.width * factor))),
                  std::max(1, static_cast<int>(std::lround(picture.height * factor)))});
    draw(small, factor);
    const int across = image_.width / kTile;
    paste(small, image_, count_ % across * kTile + 2, count_ / across * kTile + 2);
    ++count_;
  }
  Image take() { return std::move(image_); }

 private:
  Image image_;
  int count_ = 0;
};

void draw_truth(Image& image, const BoxXywh& box, int cls, double factor, std::string_view label) {
  draw_detection(image, to_box({box.x * factor, box.y * factor, box.w * factor, box.h * factor}),
                 cls, label);
}

/// A frame around the whole picture.
void draw_class(Image& image, int cls, std::string_view label) {
  draw_detection(image, {0, 0, static_cast<float>(image.width), static_cast<float>(image.height)},
                 cls, label);
}

std::string name_of(const std::vector<std::string>& names, int cls) {
  return printable(names[static_cast<std::size_t>(cls)], 24);
}

template <class Draw>
Image dataset_grid(const Dataset& data, std::size_t first, const Draw& draw) {
  const std::size_t end = std::min(first + kPicturesOfGrid, data.items.size());
  Grid grid(end - first);
  for (std::size_t i = first; i < end; ++i) {
    const Image picture = load_image(data.items[i].image, {.channels = 3, .bits = 8});
    grid.add(picture, [&](Image& small, double factor) { draw(i, small, factor); });
  }
  return grid.take();
}

// -- label statistics -------------------------------------------------------------------------

/// A square of 40 x 40 cells, shaded by how many of the points lie in each.
void add_heat(Sheet& sheet, double left, double top, double side, std::string title,
              const std::vector<PlotPoint>& points) {
  constexpr std::size_t kCells = 40;
  std::vector<int> counts(kCells * kCells, 0);
  const auto cell = [](double v) {
    return std::min(static_cast<std::size_t>(std::max(v, 0.0) * kCells), kCells - 1);
  };
  for (const PlotPoint& p : points) ++counts[cell(p.y) * kCells + cell(p.x)];
  const int most = std::max(1, *std::max_element(counts.begin(), counts.end()));
  sheet.shapes.push_back({PlotShape::Kind::text, {{left, top - 16}}, kInk, 1, std::move(title)});
  sheet.shapes.push_back({PlotShape::Kind::line,
                          {{left, top},
                           {left + side, top},
                           {left + side, top + side},
                           {left, top + side},
                           {left, top}},
                          kGrid,
                          1});
  for (std::size_t y = 0; y < kCells; ++y) {
    for (std::size_t x = 0; x < kCells; ++x) {
      const int count = counts[y * kCells + x];
      if (count == 0) continue;
      const double share = 0.12 + 0.88 * std::sqrt(static_cast<double>(count) / most);
      const auto fade = [&](int full) {
        return static_cast<unsigned char>(std::lround(255 + (full - 255) * share));
      };
      const double size = side / kCells, at_x = left + static_cast<double>(x) * size,
                   at_y = top + static_cast<double>(y) * size;
      sheet.shapes.push_back({PlotShape::Kind::box,
                              {{at_x, at_y}, {at_x + size, at_y + size}},
                              {fade(38), fade(98), fade(166)}});
    }
  }
}

/// Bars of the classes with most boxes. @return the height used
double add_bars(Sheet& sheet, double left, double top, const Dataset& data) {
  constexpr std::size_t kMost = 16;
  constexpr double kBar = 220, kRow = 22;
  std::vector<std::int64_t> counts(data.names.size(), 0);
  for (const Item& item : data.items) {
    if (item.cls >= 0) ++counts[static_cast<std::size_t>(item.cls)];
    for (const Truth& truth : item.truths) ++counts[static_cast<std::size_t>(truth.cls)];
  }
  std::vector<std::size_t> order(counts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  order.resize(std::min(order.size(), kMost));
  const auto most =
      static_cast<double>(std::max<std::int64_t>(1, order.empty() ? 1 : counts[order[0]]));
  sheet.shapes.push_back(
      {PlotShape::Kind::text,
       {{left, top - 16}},
       kInk,
       1,
       format("{} per class ({} classes)", has_picture_classes(data) ? "pictures" : "boxes",
              data.names.size())});
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double y = top + kRow * static_cast<double>(i);
    const double width = kBar * static_cast<double>(counts[order[i]]) / most;
    const double bar = left + 136;
    sheet.shapes.push_back({PlotShape::Kind::text,
                            {{left, y + kRow / 2}},
                            kInk,
                            1,
                            printable(data.names[order[i]], 16)});
    sheet.shapes.push_back(
        {PlotShape::Kind::box, {{bar, y + 3}, {bar + std::max(1.0, width), y + kRow - 3}}, kBlue});
    sheet.shapes.push_back({PlotShape::Kind::text,
                            {{bar + width + 6, y + kRow / 2}},
                            kInk,
                            1,
                            grouped(counts[order[i]])});
  }
  return kRow * static_cast<double>(order.size());
}

}  // namespace

double History::at(std::size_t row, std::string_view name) const {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return rows[row][i];
  }
  return std::numeric_limits<double>::quiet_NaN();
}

History read_history(std::string_view text) {
  History history;
  int number = 0;
  for (const std::string_view line : lines(text)) {
    ++number;
    if (line.empty()) continue;
    const std::vector<std::string_view> parts = split(line, ',');
    if (history.names.empty()) {
      history.names.assign(parts.begin(), parts.end());
      continue;
    }
    with_where({.line = number, .item = {}}, [&] {
      require(parts.size() == history.names.size(), "expected {} values, found {}",
              history.names.size(), parts.size());
    });
    std::vector<double>& row = history.rows.emplace_back();
    for (const std::string_view part : parts) {
      row.push_back(parse_real(part).value_or(std::numeric_limits<double>::quiet_NaN()));
    }
  }
  return history;
}

Sheet history_sheet(const History& history) {
  const auto series = [&](std::string_view name, Color color) {
    Series one{std::string(name), {}, color, 2};
    for (std::size_t i = 0; i < history.rows.size(); ++i) {
      const double value = history.at(i, name);
      if (value < 0) continue;  // nothing to measure
      one.points.push_back({history.at(i, "epoch") + 1, value});
    }
    return one;
  };
  if (!history.rows.empty() && std::isfinite(history.at(0, "top1"))) {
    return sheet_of("training by epoch",
                    {{"class loss", {series("cls", kBlue)}},
                     {"", {series("top5", kGreen), series("top1", kBlue)}},
                     {"learning rate", {series("lr", kBlue)}}},
                    3);
  }
  std::vector<Panel> panels = {
      {"box loss", {series("box", kBlue)}},
      {"objectness loss", {series("obj", kBlue)}},
      {"class loss", {series("cls", kBlue)}},
      {"", {series("AP50", kGreen), series("AP", kBlue)}},
      {"", {series("precision", kRed), series("recall", kBlue)}},
      {"learning rate", {series("lr", kBlue)}},
  };
  return sheet_of("training by epoch", panels, 3);
}

Sheet labels_sheet(const Dataset& data) {
  std::vector<PlotPoint> centres, sizes;
  for (const Item& item : data.items) {
    if (item.size.width <= 0 || item.size.height <= 0) continue;
    for (const Truth& truth : item.truths) {
      const BoxXywh& b = truth.box;
      centres.push_back({(b.x + b.w / 2) / item.size.width, (b.y + b.h / 2) / item.size.height});
      sizes.push_back({b.w / item.size.width, 1 - b.h / item.size.height});
    }
  }
  constexpr double kSide = 320, kTop = 72;
  Sheet sheet;
  sheet.shapes.push_back(
      {PlotShape::Kind::text,
       {{12, 20}},
       kInk,
       1,
       has_picture_classes(data)
           ? format("labels: {} pictures", grouped(std::ssize(data.items)))
           : format("labels: {} boxes on {} pictures", grouped(std::ssize(centres)),
                    grouped(std::ssize(data.items)))});
  const double bars = add_bars(sheet, 16, kTop, data);
  if (has_picture_classes(data)) {
    sheet.size = {470, static_cast<int>(kTop + bars + 20)};
    return sheet;
  }
  add_heat(sheet, 470, kTop, kSide, "centres, of the picture", centres);
  add_heat(sheet, 820, kTop, kSide, "widths (right) and heights (up)", sizes);
  sheet.size = {1160, static_cast<int>(kTop + std::max(kSide, bars) + 20)};
  return sheet;
}

namespace {

/// "disc 0.70, square 0.30", or the name alone.
std::string shares_text(const std::vector<ClassShare>& shares,
                        const std::vector<std::string>& names) {
  if (shares.size() == 1) return name_of(names, shares[0].cls);
  std::string text;
  for (const ClassShare& one : shares) {
    text += format("{}{} {:.2f}", text.empty() ? "" : ", ", name_of(names, one.cls), one.share);
  }
  return text;
}

}  // namespace

Image batch_picture(const Batch& batch, const std::vector<std::string>& names) {
  Grid grid(batch.truths.size());
  const std::size_t plane =
      static_cast<std::size_t>(batch.size.width) * static_cast<std::size_t>(batch.size.height);
  for (std::size_t n = 0; n < std::min(batch.truths.size(), kPicturesOfGrid); ++n) {
    Image image(batch.size.width, batch.size.height, 3);
    for (std::size_t c = 0; c < 3; ++c) {
      const std::uint8_t* from = batch.pixels.data() + (3 * n + c) * plane;
      for (std::size_t i = 0; i < plane; ++i) image.pixels[3 * i + c] = std::byte{from[i]};
    }
    grid.add(image, [&](Image& small, double factor) {
      for (const Truth& truth : batch.truths[n]) {
        draw_truth(small, truth.box, truth.cls, factor, name_of(names, truth.cls));
      }
      if (!batch.classes[n].empty()) {
        draw_class(small, batch.classes[n][0].cls, shares_text(batch.classes[n], names));
      }
    });
  }
  return grid.take();
}

Image truths_picture(const Dataset& data, std::size_t first) {
  return dataset_grid(data, first, [&](std::size_t item, Image& small, double factor) {
    for (const Truth& truth : data.items[item].truths) {
      draw_truth(small, truth.box, truth.cls, factor, name_of(data.names, truth.cls));
    }
    const int cls = data.items[item].cls;
    if (cls >= 0) draw_class(small, cls, name_of(data.names, cls));
  });
}

Image predictions_picture(const Dataset& data, std::span<const Prediction> predictions,
                          double score, std::size_t first) {
  return dataset_grid(data, first, [&](std::size_t item, Image& small, double factor) {
    for (const Prediction& row : predictions) {
      if (row.item != static_cast<int>(item) || row.score < score) continue;
      draw_truth(small, row.box, row.cls, factor,
                 format("{} {:.2f}", name_of(data.names, row.cls), row.score));
    }
  });
}

}  // namespace syolo::cli

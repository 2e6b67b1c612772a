#include "syolo/zoo/picture.h"

#include <algorithm>
#include <map>

#include "syolo/base/text.h"

namespace syolo {

std::string_view word(NetworkPart::Kind kind) {
  switch (kind) {
    case NetworkPart::Kind::stem:
      return "stem";
    case NetworkPart::Kind::stage:
      return "stage";
    case NetworkPart::Kind::neck:
      return "neck";
    case NetworkPart::Kind::head:
      return "head";
  }
  return {};
}

std::vector<PartCost> part_costs(const Blueprint& built, const CostTable& table) {
  std::vector<PartCost> costs;
  for (const NetworkPart& part : built.parts) {
    PartCost cost;
    cost.part = part;
    for (NodeId id = part.first; id <= part.last; ++id) {
      const LayerCost& layer = table.layers[static_cast<std::size_t>(id)];
      cost.parameters += layer.parameters;
      cost.macs += layer.macs;
      cost.out = layer.out;
    }
    costs.push_back(std::move(cost));
  }
  return costs;
}

namespace {

constexpr int kBoxWidth = 200, kBoxHeight = 54, kGapX = 64, kGapY = 22, kMargin = 44, kTop = 84;
constexpr int kColumns = 4;

std::string_view color(NetworkPart::Kind kind) {
  switch (kind) {
    case NetworkPart::Kind::stem:
      return "#7a8794";
    case NetworkPart::Kind::stage:
      return "#2f6fb3";
    case NetworkPart::Kind::neck:
      return "#2e8b57";
    case NetworkPart::Kind::head:
      return "#c0612b";
  }
  return {};
}

struct PartBox {
  PartCost cost;
  int column = 0, level = 0, slot = 0;  // slot: several boxes of a cell lie below each other
  int x = 0, y = 0;
  int left() const { return x; }
  int right() const { return x + kBoxWidth; }
  int bottom() const { return y + kBoxHeight; }
  int middle_x() const { return x + kBoxWidth / 2; }
  int middle_y() const { return y + kBoxHeight / 2; }
};

/// Backbone, the neck's way to finer levels, its way back, heads.
int column_of(const NetworkPart& part) {
  switch (part.kind) {
    case NetworkPart::Kind::stem:
    case NetworkPart::Kind::stage:
      return 0;
    case NetworkPart::Kind::neck:
      return part.label.starts_with("down") ? 2 : 1;
    case NetworkPart::Kind::head:
      return 3;
  }
  return 0;
}

class Drawing {
 public:
  Drawing(const Blueprint& built, const CostTable& table) : table_(table) {
    place(part_costs(built, table));
    for (const PartBox& box : boxes_) most_ = std::max(most_, box.cost.macs);
  }

  std::string text() {
    arrows();
    for (const PartBox& box : boxes_) draw(box);
    const int width = kMargin + kGapY + kColumns * kBoxWidth + (kColumns - 1) * kGapX;
    return format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 "
               "{} {}\" font-family=\"Helvetica, Arial, sans-serif\">\n"
               "<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
               "markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" "
               "fill=\"#888\"/></marker></defs>\n"
               "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
               width, height_, width, height_) +
           heading() + out_ + "</svg>\n";
  }

 private:
  void place(std::vector<PartCost> costs) {
    std::map<std::pair<int, int>, int> used;  // (column, level) -> boxes there
    std::map<int, int> rows;                  // level -> most boxes of a cell
    int last = 0;
    for (PartCost& cost : costs) {
      const bool classes = cost.part.kind == NetworkPart::Kind::head && cost.part.level == 0;
      const int level = classes ? last : cost.part.level;
      if (cost.part.kind == NetworkPart::Kind::stage) last = level;
      const int column = column_of(cost.part);
      const int slot = used[{column, level}]++;
      rows[level] = std::max(rows[level], slot + 1);
      boxes_.push_back({std::move(cost), column, level, slot});
    }
    std::map<int, int> top;
    int y = kTop;
    for (const auto& [level, count] : rows) {
      top[level] = y;
      label(kMargin - 12, y + kBoxHeight / 2 + 4, 12, "#777", "end", format("P{}", level));
      y += count * (kBoxHeight + kGapY);
    }
    height_ = y + kMargin - kGapY;
    for (PartBox& box : boxes_) {
      box.x = kMargin + box.column * (kBoxWidth + kGapX);
      box.y = top[box.level] + box.slot * (kBoxHeight + kGapY);
    }
  }

  std::string heading() const {
    constexpr std::string_view kNames[kColumns] = {"backbone", "neck, to finer levels",
                                                   "neck, back to coarser", "heads"};
    std::string out = format(
        "<text x=\"{}\" y=\"34\" font-size=\"20\" font-weight=\"bold\">{}</text>\n"
        "<text x=\"{}\" y=\"56\" font-size=\"13\" fill=\"#444\">input {}x{}, {} parameters, {:.2f} "
        "GFLOPs; a bar is a part's share of the work, full for the greatest</text>\n",
        kMargin, table_.model, kMargin, table_.input.w, table_.input.h, grouped(table_.parameters),
        table_.gflops());
    for (int column = 0; column < kColumns; ++column) {
      if (!any(column)) continue;
      out += format("<text x=\"{}\" y=\"{}\" font-size=\"12\" fill=\"#777\">{}</text>\n",
                    kMargin + column * (kBoxWidth + kGapX), kTop - 8, kNames[column]);
    }
    return out;
  }

  bool any(int column) const {
    return std::any_of(boxes_.begin(), boxes_.end(),
                       [&](const PartBox& box) { return box.column == column; });
  }

  const PartBox* find(int column, int level) const {
    const PartBox* found = nullptr;
    for (const PartBox& box : boxes_) {
      if (box.column == column && box.level == level) found = &box;
    }
    return found;
  }

  void arrow(int x1, int y1, int x2, int y2) {
    out_ += format(
        "<path d=\"M{} {}L{} {}\" stroke=\"#888\" stroke-width=\"1.5\" fill=\"none\" "
        "marker-end=\"url(#a)\"/>\n",
        x1, y1, x2, y2);
  }
  void across(const PartBox* from, const PartBox* to) {
    if (from && to) arrow(from->right(), from->middle_y(), to->left() - 2, to->middle_y());
  }
  void down(const PartBox& from, const PartBox& to) {
    arrow(from.middle_x(), from.bottom(), to.middle_x(), to.y - 2);
  }

  void arrows() {
    const PartBox* before = nullptr;
    for (const PartBox& box : boxes_) {
      if (box.column == 0 && before) down(*before, box);
      if (box.column == 0) before = &box;
      if (box.column == 1) {
        across(find(0, box.level), &box);
        const PartBox* coarser = find(1, box.level + 1);
        if (coarser) arrow(coarser->middle_x(), coarser->y, box.middle_x(), box.bottom() + 2);
      }
      if (box.column == 2) {
        across(find(1, box.level), &box);
        if (const PartBox* finer = find(2, box.level - 1))
          down(*finer, box);
        else
          across(find(1, box.level - 1), &box);
      }
      if (box.column == 3) {
        const PartBox* from = find(2, box.level);
        if (!from) from = find(1, box.level);
        across(from ? from : find(0, box.level), &box);
      }
    }
  }

  void label(int x, int y, int size, std::string_view fill, std::string_view anchor,
             const std::string& text) {
    out_ += format(
        "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\" text-anchor=\"{}\">{}</text>\n", x, y,
        size, fill, anchor, text);
  }

  void draw(const PartBox& box) {
    const PartCost& cost = box.cost;
    const Shape& shape = cost.out;
    const double share =
        static_cast<double>(cost.macs) / static_cast<double>(std::max<std::int64_t>(most_, 1));
    out_ += format(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\" fill=\"#f7f8fa\" "
        "stroke=\"{}\" stroke-width=\"1.5\"/>\n"
        "<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"6\" rx=\"2\" fill=\"{}\"/>\n",
        box.x, box.y, kBoxWidth, kBoxHeight, color(cost.part.kind), box.x + 8, box.bottom() - 11,
        share * (kBoxWidth - 16), color(cost.part.kind));
    const double percent = 100.0 * static_cast<double>(cost.macs) /
                           static_cast<double>(std::max<std::int64_t>(table_.macs, 1));
    label(box.x + 8, box.y + 17, 13, "#111", "start", cost.part.label);
    label(box.right() - 8, box.y + 17, 12, "#555", "end", format("{:.1f} %", percent));
    label(box.x + 8, box.y + 34, 11, "#555", "start",
          format("{}x{}x{}", shape.c, shape.h, shape.w));
    label(box.right() - 8, box.y + 34, 11, "#555", "end",
          format("{:.2f} GFLOPs", 2e-9 * static_cast<double>(cost.macs)));
  }

  const CostTable& table_;
  std::vector<PartBox> boxes_;
  std::int64_t most_ = 0;
  int height_ = 0;
  std::string out_;
};

}  // namespace

std::string network_svg(const Blueprint& built, const CostTable& table) {
  return Drawing(built, table).text();
}

}  // namespace syolo

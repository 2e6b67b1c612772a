// The page of causes: counts, and a gallery of each cause.

#include <algorithm>
#include <array>

#include "syolo/data/page.h"
#include "syolo/eval/causes.h"
#include "syolo/image/codec.h"
#include "syolo/image/draw.h"

namespace syolo {
namespace {

constexpr Color kTruth = {0, 170, 60}, kBox = {230, 30, 30};
constexpr int kSide = 220;

constexpr std::array<std::string_view, kMissCauses> kMissTexts = {
    "a kept box lies there, of another class",
    "a box of the class lies there, below the score",
    "a box of the class lay there until suppression",
    "the box there was counted for a neighbour",
    "a kept box of the class overlaps by less than 0.5",
    "nothing near; smaller than a cell of the finest level",
    "nothing near; no anchor fits its shape",
    "nothing near"};
constexpr std::array<std::string_view, kFalseCauses> kFalseTexts = {
    "of a truth that a better box found", "on a truth of another class",
    "overlaps a truth of the class by 0.1 to 0.5", "nothing of the kind is there"};

/// One crop to show.
struct Exhibit {
  int item = 0;
  std::optional<BoxXywh> truth, box;
  std::string text;
};

BoxXywh hull(const Exhibit& shown) {
  if (!shown.truth) return *shown.box;
  if (!shown.box) return *shown.truth;
  const BoxXywh &a = *shown.truth, &b = *shown.box;
  const double x = std::min(a.x, b.x), y = std::min(a.y, b.y);
  return {x, y, std::max(a.x + a.w, b.x + b.w) - x, std::max(a.y + a.h, b.y + b.h) - y};
}

std::string figure(const Exhibit& shown, const Dataset& dataset, const Limits& limits) {
  const Path& file = dataset.items[static_cast<std::size_t>(shown.item)].image;
  Image image = load_image(file, {}, limits);
  const int thickness =
      std::max(1, static_cast<int>(std::max(hull(shown).w, hull(shown).h) * 1.5 / kSide * 2));
  if (shown.truth) draw_frame(image, to_box(*shown.truth), kTruth, thickness);
  if (shown.box) draw_frame(image, to_box(*shown.box), kBox, thickness);
  Truth around;
  around.box = hull(shown);
  return "<div class=\"finding\" style=\"width:" + std::to_string(kSide + 16) + "px\">" +
         data::crop(image, around, kSide) + "<br>" + data::html_text(shown.text) + "<br><code>" +
         data::html_text(file.filename().string()) + "</code></div>\n";
}

/// As many as can be read, spread over the whole list.
std::string gallery(const std::vector<Exhibit>& all, const Dataset& dataset, int most,
                    const Limits& limits) {
  std::string html;
  const auto count = static_cast<std::size_t>(std::max(0, most));
  const std::size_t step = std::max<std::size_t>(1, count == 0 ? all.size() : all.size() / count);
  int shown = 0;
  for (std::size_t i = 0; i < all.size() && shown < most; i += step) {
    try {
      html += figure(all[i], dataset, limits);
      ++shown;
    } catch (const Error&) {
      continue;  // the gallery shows what can be read, as promised
    }
  }
  return html;
}

std::string name_of(const Dataset& dataset, int cls) {
  return printable(dataset.names[static_cast<std::size_t>(cls)], 24);
}

Exhibit exhibit_of(const Miss& miss, const Dataset& dataset) {
  const Truth& truth = dataset.items[static_cast<std::size_t>(miss.item)].truths[miss.truth];
  Exhibit shown{miss.item, truth.box, std::nullopt,
                format("{}, {:.0f} x {:.0f} input pixels", name_of(dataset, truth.cls), miss.width,
                       miss.height)};
  if (miss.box) {
    shown.box = miss.box->box;
    shown.text += format("; {} {:.2f}, IoU {:.2f}", name_of(dataset, miss.box->cls),
                         miss.box->score, miss.iou);
  }
  return shown;
}

Exhibit exhibit_of(const FalseBox& wrong, const Dataset& dataset) {
  Exhibit shown{wrong.box.item, std::nullopt, wrong.box.box,
                format("{} {:.2f}", name_of(dataset, wrong.box.cls), wrong.box.score)};
  if (wrong.truth >= 0) {
    const Truth& truth = dataset.items[static_cast<std::size_t>(wrong.box.item)]
                             .truths[static_cast<std::size_t>(wrong.truth)];
    shown.truth = truth.box;
    shown.text += format("; {}, IoU {:.2f}", name_of(dataset, truth.cls), wrong.iou);
  }
  return shown;
}

template <class Cause, class Found, std::size_t N>
std::string section(std::string_view title, const std::vector<Found>& all,
                    const std::array<std::string_view, N>& texts, const Dataset& dataset, int most,
                    const Limits& limits) {
  std::string html = "<h2>" + std::string(title) + "</h2>\n";
  for (std::size_t k = 0; k < N; ++k) {
    std::vector<Exhibit> shown;
    for (const Found& one : all) {
      if (one.cause == static_cast<Cause>(k)) shown.push_back(exhibit_of(one, dataset));
    }
    if (shown.empty()) continue;
    html += format("<h3>{} {} <small>{}</small></h3>\n",
                   grouped(static_cast<std::int64_t>(shown.size())), word(static_cast<Cause>(k)),
                   texts[k]);
    html += gallery(shown, dataset, most, limits);
  }
  return html;
}

}  // namespace

std::string causes_html(const Causes& causes, const Dataset& dataset, std::string_view title,
                        int most, const Limits& limits) {
  std::string body = format(
      "<p>{} of {} truths found; {} missed, {} false boxes. Truths are green, boxes red.</p>\n",
      grouped(causes.found), grouped(causes.truths), grouped(std::ssize(causes.misses)),
      grouped(std::ssize(causes.false_boxes)));
  body += section<MissCause>("Missed", causes.misses, kMissTexts, dataset, most, limits);
  body +=
      section<FalseCause>("False boxes", causes.false_boxes, kFalseTexts, dataset, most, limits);
  return data::html_page(title, body);
}

}  // namespace syolo

#include <algorithm>
#include <cmath>

#include "syolo/base/text.h"
#include "syolo/data/page.h"
#include "syolo/image/codec.h"
#include "syolo/image/draw.h"

namespace syolo::data {
namespace {

constexpr std::string_view kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;color:#1d2430;background:#fff;max-width:1100px;"
    "margin:2em auto;padding:0 1em}h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;"
    "border-top:1px solid #d5dae1;padding-top:.8em}small{color:#5b6675;font-weight:normal}"
    "code{font-size:.85em;overflow-wrap:anywhere}table{border-collapse:collapse}"
    "td,th{padding:.15em .8em;text-align:right;border-bottom:1px solid #e3e7ec}"
    "td:first-child,th:first-child{text-align:left}.finding{display:inline-block;"
    "vertical-align:top;width:500px;margin:0 1em 1em 0}.finding img{margin-right:6px;"
    "vertical-align:top}.error,.warning,.note{font-size:.75em;color:#fff;padding:.1em .5em;"
    "border-radius:3px}.error{background:#b3261e}.warning{background:#9a6700}"
    ".note{background:#57606a}svg{max-width:100%;height:auto}svg text{font:12px system-ui,"
    "sans-serif;fill:#1d2430}";

std::string img(const Image& image) {
  return "<img alt=\"\" width=\"" + std::to_string(image.width) +
         "\" src=\"data:image/jpeg;base64," + base64(encode_jpeg(image.view(), 80)) + "\">";
}

/// Mean of the source pixels under one target pixel.
void average(const Image& image, int x0, int x1, int y0, int y1, std::byte* dst) {
  for (int c = 0; c < image.channels; ++c) {
    std::uint64_t sum = 0;
    for (int y = y0; y < y1; ++y) {
      for (int x = x0; x < x1; ++x) {
        const auto at = (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) +
                         static_cast<std::size_t>(x)) *
                            static_cast<std::size_t>(image.channels) +
                        static_cast<std::size_t>(c);
        sum += std::to_integer<unsigned>(image.pixels[at]);
      }
    }
    const auto count = static_cast<std::uint64_t>(x1 - x0) * static_cast<std::uint64_t>(y1 - y0);
    dst[c] = static_cast<std::byte>((sum + count / 2) / count);
  }
}

Image cut(const Image& image, int x, int y, int width, int height) {
  Image part(width, height, image.channels);
  const auto pixel = static_cast<std::size_t>(image.channels);
  for (int row = 0; row < height; ++row) {
    const auto from = (static_cast<std::size_t>(y + row) * static_cast<std::size_t>(image.width) +
                       static_cast<std::size_t>(x)) *
                      pixel;
    const std::size_t bytes = static_cast<std::size_t>(width) * pixel;
    std::copy_n(
        image.pixels.begin() + static_cast<std::ptrdiff_t>(from), bytes,
        part.pixels.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row) * bytes));
  }
  return part;
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string result;
  for (const char c : printable(text, 2000)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string html_page(std::string_view title, std::string_view body) {
  std::string page = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>";
  page += html_text(title);
  page += "</title><style>";
  page += kStyle;
  page += "</style></head><body>\n<h1>";
  page += html_text(title);
  page += "</h1>\n";
  page += body;
  return page + "</body></html>\n";
}

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned value = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      value = value << 8 | (k < count ? std::to_integer<unsigned>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= count ? kDigits[value >> (18 - 6 * k) & 63U] : '=';
    }
  }
  return text;
}

Image scaled(const Image& image, Size size) {
  Image result(size.width, size.height, image.channels);
  std::byte* dst = result.pixels.data();
  for (int y = 0; y < size.height; ++y) {
    const int y0 = static_cast<int>(std::int64_t{y} * image.height / size.height);
    const int y1 =
        std::max(y0 + 1, static_cast<int>(std::int64_t{y + 1} * image.height / size.height));
    for (int x = 0; x < size.width; ++x, dst += image.channels) {
      const int x0 = static_cast<int>(std::int64_t{x} * image.width / size.width);
      const int x1 =
          std::max(x0 + 1, static_cast<int>(std::int64_t{x + 1} * image.width / size.width));
      average(image, x0, x1, y0, y1, dst);
    }
  }
  return result;
}

std::string thumbnail(const Image& image, std::span<const Truth> truths, const Truth* marked,
                      int width) {
  const double scale =
      std::min(1.0, static_cast<double>(width) / std::max(image.width, image.height));
  const Size size = {std::max(1, static_cast<int>(std::lround(image.width * scale))),
                     std::max(1, static_cast<int>(std::lround(image.height * scale)))};
  Image small = scaled(image, size);
  const auto frame = [&](const Truth& truth, Color color, int thickness) {
    const auto s = static_cast<float>(scale);
    const Box box = to_box(truth.box);
    // What has no area is shown as a small frame around its place.
    constexpr float kLeast = 6;
    const float dx = std::max(0.F, (kLeast - box.width() * s) / 2);
    const float dy = std::max(0.F, (kLeast - box.height() * s) / 2);
    draw_frame(small, {box.x1 * s - dx, box.y1 * s - dy, box.x2 * s + dx, box.y2 * s + dy}, color,
               thickness);
  };
  for (const Truth& truth : truths) frame(truth, class_color(truth.cls), 1);
  if (marked != nullptr) frame(*marked, {230, 30, 30}, 2);
  return img(small);
}

std::string crop(const Image& image, const Truth& truth, int side) {
  const double margin = std::max({8.0, 0.25 * truth.box.w, 0.25 * truth.box.h});
  const int x = std::clamp(static_cast<int>(truth.box.x - margin), 0, image.width - 1);
  const int y = std::clamp(static_cast<int>(truth.box.y - margin), 0, image.height - 1);
  const int right =
      std::clamp(static_cast<int>(truth.box.x + truth.box.w + margin), x + 1, image.width);
  const int bottom =
      std::clamp(static_cast<int>(truth.box.y + truth.box.h + margin), y + 1, image.height);
  const Image part = cut(image, x, y, right - x, bottom - y);
  const double scale = static_cast<double>(side) / std::max(part.width, part.height);
  return img(scaled(part, {std::max(1, static_cast<int>(std::lround(part.width * scale))),
                           std::max(1, static_cast<int>(std::lround(part.height * scale)))}));
}

}  // namespace syolo::data

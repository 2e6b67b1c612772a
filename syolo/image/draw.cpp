// Frames and labels straight into the pixels, cut off at the picture's borders.

#include "syolo/image/draw.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "syolo/image/font_impl.h"

namespace syolo {
namespace {

struct Rect {
  int x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};

// Rec. 709 brightness of a colour as the eye weighs it, 0..1; gamma taken as 2.2.
float luminance(Color color) {
  const auto linear = [](unsigned char v) {
    return std::pow(static_cast<float>(v) / 255.0F, 2.2F);
  };
  return 0.2126F * linear(color.r) + 0.7152F * linear(color.g) + 0.0722F * linear(color.b);
}

// One pixel's bytes in the picture's own format.
struct Ink {
  std::array<std::byte, 8> bytes{};
  std::size_t size = 0;
};

Ink ink_for(const Image& image, Color color) {
  std::array<unsigned, 4> values = {color.r, color.g, color.b, 255};
  if (image.channels == 1) values[0] = (299U * color.r + 587U * color.g + 114U * color.b) / 1000U;
  Ink ink;
  for (int c = 0; c < image.channels; ++c) {
    const unsigned value = values[static_cast<std::size_t>(c)];
    if (image.bits == 8) {
      ink.bytes[ink.size++] = static_cast<std::byte>(value);
    } else {
      const auto wide = static_cast<std::uint16_t>(value * 257);
      std::memcpy(ink.bytes.data() + ink.size, &wide, 2);
      ink.size += 2;
    }
  }
  return ink;
}

void fill(Image& image, Rect rect, const Ink& ink) {
  const int x1 = std::max(rect.x1, 0), x2 = std::min(rect.x2, image.width);
  const int y1 = std::max(rect.y1, 0), y2 = std::min(rect.y2, image.height);
  for (int y = y1; y < y2; ++y) {
    const std::size_t row = static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width);
    std::byte* at = image.pixels.data() + (row + static_cast<std::size_t>(x1)) * ink.size;
    for (int x = x1; x < x2; ++x, at += ink.size) std::memcpy(at, ink.bytes.data(), ink.size);
  }
}

// Far outside stays outside without leaving the range of int.
int pixel(float value) {
  if (!(value > -1e6F)) return -1'000'000;
  return value < 1e6F ? static_cast<int>(std::lround(value)) : 1'000'000;
}

// Characters of UTF-8 text; bytes that are none become U+FFFD each.
std::vector<char32_t> characters(std::string_view text) {
  std::vector<char32_t> codes;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t more = lead < 0x80 ? 0 : lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    bool valid = lead < 0x80 || (lead >= 0xC2 && lead < 0xF5 && i + more < text.size());
    char32_t code = more == 0 ? lead : lead & (0x3FU >> more);
    for (std::size_t k = 1; valid && k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      valid = (next & 0xC0U) == 0x80;
      code = code << 6 | (next & 0x3FU);
    }
    codes.push_back(valid ? code : 0xFFFD);
    i += valid ? more + 1 : 1;
  }
  return codes;
}

void draw_characters(Image& image, int x, int y, const std::vector<char32_t>& codes, const Ink& ink,
                     int scale) {
  for (const char32_t code : codes) {
    if (x >= image.width) break;
    const image::Glyph& glyph = image::glyph_of(code);
    for (int row = 0; row < image::kGlyphHeight; ++row) {
      for (int column = 0; column < image::kGlyphWidth; ++column) {
        if (!glyph.pixel(column, row)) continue;
        const int px = x + column * scale, py = y + row * scale;
        fill(image, {px, py, px + scale, py + scale}, ink);
      }
    }
    x += image::kGlyphWidth * scale;
  }
}

// Rows 0 and 15 of the font are empty but for accents and underlines, so labels need little air.
constexpr int kPadX = 3, kPadTop = 0, kPadBottom = 1;

}  // namespace

Color class_color(int cls) {
  // Turning by the golden angle keeps any number of hues apart; brightness and saturation
  // change every few classes, for those whose hues come close again.
  const int n = std::max(cls, 0);
  const float hue = std::fmod(static_cast<float>(n % 3600) * 137.50776F + 204.0F, 360.0F) / 60.0F;
  constexpr std::array<float, 3> kSaturation = {0.85F, 0.60F, 0.95F};
  constexpr std::array<float, 3> kValue = {0.98F, 1.0F, 0.82F};
  const auto level = static_cast<std::size_t>(n / 8 % 3);
  const auto channel = [&](float offset) {
    const float k = std::fmod(offset + hue, 6.0F);
    const float dip = std::clamp(std::min(k, 4.0F - k), 0.0F, 1.0F);
    const float value = kValue[level] * (1.0F - kSaturation[level] * dip);
    return static_cast<unsigned char>(std::lround(255.0F * value));
  };
  return {channel(5.0F), channel(3.0F), channel(1.0F)};
}

void draw_frame(Image& image, Box box, Color color, int thickness) {
  const Ink ink = ink_for(image, color);
  const Rect outer{pixel(box.x1), pixel(box.y1), pixel(box.x2), pixel(box.y2)};
  const int width = outer.x2 - outer.x1, height = outer.y2 - outer.y1;
  if (width <= 0 || height <= 0) return;
  const int t = std::clamp(thickness, 1, std::max(1, std::min(width, height)));
  fill(image, {outer.x1, outer.y1, outer.x2, outer.y1 + t}, ink);
  fill(image, {outer.x1, outer.y2 - t, outer.x2, outer.y2}, ink);
  fill(image, {outer.x1, outer.y1, outer.x1 + t, outer.y2}, ink);
  fill(image, {outer.x2 - t, outer.y1, outer.x2, outer.y2}, ink);
}

void draw_label(Image& image, float x, float y, std::string_view text, Color background,
                int scale) {
  const std::vector<char32_t> codes = characters(text);
  const int s = std::max(scale, 1);
  const int count = static_cast<int>(std::min<std::size_t>(codes.size(), 10'000));
  const int width = (count * image::kGlyphWidth + 2 * kPadX - 1) * s;
  const int height = (image::kGlyphHeight + kPadTop + kPadBottom) * s;
  const int left = std::max(0, std::min(pixel(x), image.width - width));
  const int top = std::max(0, std::min(pixel(y) - height, image.height - height));
  fill(image, {left, top, left + width, top + height}, ink_for(image, background));

  // Black on all but dark colours: the contrast ratios of both are equal at 0.18.
  const bool dark_text = luminance(background) > 0.18F;
  const Ink ink = ink_for(image, dark_text ? Color{0, 0, 0} : Color{255, 255, 255});
  draw_characters(image, left + kPadX * s - s / 2, top + kPadTop * s, codes, ink, s);
}

void draw_text(Image& image, int x, int y, std::string_view text, Color color) {
  draw_characters(image, x, y, characters(text), ink_for(image, color), 1);
}

std::size_t text_width(std::string_view text) {
  return characters(text).size();
}

void draw_detection(Image& image, Box box, int cls, std::string_view label) {
  const Color color = class_color(cls);
  const int side = std::max(image.width, image.height);
  const int scale = std::max(1, (side + 500) / 1000);
  const int thickness = std::max(2, (side + 150) / 300);
  draw_frame(image, clipped(box, image.size()), color, thickness);
  draw_label(image, std::max(box.x1, 0.0F), box.y1 + static_cast<float>(thickness) / 2.0F, label,
             color, scale);
}

}  // namespace syolo

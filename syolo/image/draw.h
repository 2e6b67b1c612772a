// Drawing detections: boxes with readable labels, for any number of classes.
#pragma once

#include <cstddef>
#include <string_view>

#include "syolo/image/image.h"

namespace syolo {

struct Color {
  unsigned char r = 0, g = 0, b = 0;
};
/// A distinct colour for every class number; neighbours differ clearly; dark or light text fits.
Color class_color(int cls);

/// A frame of `thickness` inside the box. Parts outside the picture are cut off.
void draw_frame(Image& image, Box box, Color color, int thickness);

/// Text on a filled background whose lower left corner is at (x, y), moved inside the picture.
/// UTF-8; characters without a glyph print as a box. `scale` multiplies the 8x16 bitmap font.
void draw_label(Image& image, float x, float y, std::string_view text, Color background, int scale);

/// Text alone in the 8x16 bitmap font, its upper left corner at (x, y); parts outside are cut off.
void draw_text(Image& image, int x, int y, std::string_view text, Color color);
std::size_t text_width(std::string_view text);  // in characters

/// Frame and label at a size that suits the picture.
void draw_detection(Image& image, Box box, int cls, std::string_view label);

}  // namespace syolo

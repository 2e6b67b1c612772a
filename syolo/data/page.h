// Pieces of self-contained HTML pages: text, pictures inside the page, the frame around all.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "syolo/data/dataset.h"
#include "syolo/image/image.h"

namespace syolo::data {

std::string html_text(std::string_view text);  // escaped, printable
std::string html_page(std::string_view title, std::string_view body);
std::string base64(std::span<const std::byte> bytes);

/// The picture at most `width` wide as an <img>, labels drawn, `marked` in red.
std::string thumbnail(const Image& image, std::span<const Truth> truths, const Truth* marked,
                      int width);
/// The surroundings of a box as an <img> of at most `side` pixels.
std::string crop(const Image& image, const Truth& truth, int side);

/// The picture at another size, bilinear after averaging; 8 bits.
Image scaled(const Image& image, Size size);

}  // namespace syolo::data

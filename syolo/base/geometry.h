// Boxes, sizes and the map between image and network coordinates.
#pragma once

namespace syolo {

/// Corners in pixels; pixel i covers [i, i+1).
struct Box {
  float x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  float width() const { return x2 - x1; }
  float height() const { return y2 - y1; }
  bool operator==(const Box&) const = default;
};

struct Size {
  int width = 0, height = 0;
  bool operator==(const Size&) const = default;
};

/// The part of `box` inside an image of this size (empty boxes may result).
Box clipped(Box box, Size image);

/// net = image * s + t, per axis: what preprocessing did to an image of size `image`.
struct ImageMap {
  double sx = 1, sy = 1, tx = 0, ty = 0;
  Size image;
  Box to_net(Box box) const;
  Box to_image(Box box) const;
};

}  // namespace syolo

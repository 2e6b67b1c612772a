// A large picture cut into overlapping windows, and what was found in them joined again.
#pragma once

#include <vector>

#include "syolo/boxes/postprocess.h"

namespace syolo {

/// A part of a picture, pixels.
struct Window {
  int x = 0, y = 0, width = 0, height = 0;
  bool operator==(const Window&) const = default;
};

/// Windows of the size `tile` that cover the picture, row by row, evenly spread; neighbours share
/// at least `overlap` (in [0, 0.9]) of a tile. A side of the picture that is no longer than the
/// tile's is not cut, so a small picture is one window.
/// @throws Error(input) for more than 10,000 windows
std::vector<Window> windows(Size image, Size tile, double overlap);

/// What was found in one window, in pixels of the picture.
struct WindowDetections {
  Window window;
  std::vector<Detection> detections;
};

/// The detections of the picture: one for each object, however many windows saw it. Those of a
/// single window come out as they are, but for the order.
///
/// Two detections of different windows agree by the IoU of what lies in both windows, when they
/// have one class (any if options.agnostic) and it is > options.overlap. From the best agreement
/// down they are taken for one object, of which no window has two. A box within 3 % of a side
/// where its window ends but the picture goes on is a part of an object. An object that some
/// window saw whole is the best of these boxes; one in parts is the box around them with the best
/// score. O(n^2) in the number of detections.
/// @param image  size of the picture
/// @param options  overlap, agnostic, max_candidates (the best of all windows are looked at),
///                 max_detections
/// @return sorted as by postprocess()
std::vector<Detection> joined(const std::vector<WindowDetections>& found, Size image,
                              const NmsOptions& options);

}  // namespace syolo

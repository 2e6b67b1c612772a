// Large pictures -> detections: the whole picture and overlapping tiles of it, one by one.
#pragma once

#include "syolo/boxes/seams.h"
#include "syolo/runtime/detector.h"

namespace syolo {

struct TileOptions {
  Size tile;             // picture pixels; {0, 0}: pictures are not cut
  double overlap = 0.2;  // of a tile, what neighbours share at least: [0, 0.9]
};

class TiledDetector {
 public:
  /// @param nms  what the detector was made with
  TiledDetector(Detector detector, const TileOptions& tiles, NmsOptions nms);
  /// Objects larger than what tiles share are found in the whole picture, which is always looked
  /// at. A picture that is not larger than a tile gives what the detector alone gives.
  /// @throws Error(input) for more than 10,000 tiles
  std::vector<Detection> operator()(ImageView image);
  const StageTimes& times() const { return times_; }  // of the last call, all tiles
  int tiles() const { return tiles_; }                // of the last call; 0: not cut
  const Preprocess& preprocess() const { return detector_.preprocess(); }

 private:
  std::vector<Detection> look(ImageView image);

  Detector detector_;
  TileOptions options_;
  NmsOptions nms_;
  StageTimes times_;
  int tiles_ = 0;
};

}  // namespace syolo

// The table of layer types. A new one: its file, and its line here.
#include "syolo/graph/layers/rows.h"

#include <array>

namespace syolo {

std::span<const LayerType> layer_types() {
  static const std::array rows = {
      activation_layer(),     avgpool_layer(),       batchnorm_layer(), connected_layer(),
      convolutional_layer(),  cost_layer(),          dropout_layer(),   empty_layer(),
      gaussian_yolo_layer(),  local_avgpool_layer(), maxpool_layer(),   region_layer(),
      reorg3d_layer(),        reorg_layer(),         route_layer(),     sam_layer(),
      scale_channels_layer(), shortcut_layer(),      silence_layer(),   softmax_layer(),
      upsample_layer(),       yolo_layer()};
  return rows;
}

}  // namespace syolo

// The functions that rows.cpp lists, one per section name.
#pragma once

#include "syolo/graph/cfg.h"

namespace syolo {

LayerType activation_layer();
LayerType avgpool_layer();
LayerType batchnorm_layer();
LayerType connected_layer();
LayerType convolutional_layer();
LayerType cost_layer();
LayerType dropout_layer();
LayerType empty_layer();
LayerType gaussian_yolo_layer();
LayerType local_avgpool_layer();
LayerType maxpool_layer();
LayerType region_layer();
LayerType reorg3d_layer();
LayerType reorg_layer();
LayerType route_layer();
LayerType sam_layer();
LayerType scale_channels_layer();
LayerType shortcut_layer();
LayerType silence_layer();
LayerType softmax_layer();
LayerType upsample_layer();
LayerType yolo_layer();

}  // namespace syolo

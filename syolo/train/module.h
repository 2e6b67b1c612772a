// What the program and the training module agree on; base/module.h opens it. Both come from one
// build; the version tells others apart.
#pragma once

#include "syolo/train/layers.h"
#include "syolo/train/trainer.h"

namespace syolo {

/// Raised with every change of trainer.h, layers.h or of this file.
inline constexpr int kTrainModuleVersion = 8;
inline constexpr const char* kTrainModuleName = "libsyolo_train.so";
inline constexpr const char* kTrainModuleEntry = "syolo_train_module";

struct TrainModule {
  int version = 0;
  std::string library;  // "LibTorch 1.13.0"
  TrainOptions (*completed)(TrainOptions options, const Graph& graph,
                            std::int64_t images) = nullptr;
  TrainResult (*train)(const Model& model, const Dataset& data, const TrainOptions& options,
                       TrainObserver& observer) = nullptr;
  std::vector<Tensor> (*layers)(const Model& model, const Tensor& input) = nullptr;
};

}  // namespace syolo

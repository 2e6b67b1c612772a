// The entry of the training module.
#include "syolo/train/module.h"

extern "C" const void* syolo_train_module() {
  static const syolo::TrainModule module = {syolo::kTrainModuleVersion, syolo::train_library(),
                                            syolo::completed, syolo::train_model,
                                            syolo::training_layers};
  return &module;
}

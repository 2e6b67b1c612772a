#include "app/cli/training.h"

#include "syolo/base/module.h"

namespace syolo::cli {

const TrainModule& training() {
  const OpenedModule opened = open_module(kTrainModuleName, kTrainModuleEntry, "training");
  const auto* module = static_cast<const TrainModule*>(opened.entry);
  if (module == nullptr || module->version != kTrainModuleVersion) {
    throw Error(ErrorKind::unsupported,
                format("expected a build with training, found: {}",
                       module == nullptr ? opened.reason : "a module of another build"),
                {}, "install LibTorch and build again");
  }
  return *module;
}

}  // namespace syolo::cli

#include "syolo/train/recipe_impl.h"

namespace syolo {

TrainOptions completed(TrainOptions options, const Graph& graph, std::int64_t images) {
  if (options.recipe == TrainRecipe::scaled_yolov4) return train::scaled_completed(options);
  return train::darknet_completed(std::move(options), graph, images);
}

std::unique_ptr<train::Recipe> train::make_recipe(const Graph& graph, const TrainOptions& options,
                                                  const RunSize& size) {
  if (options.recipe == TrainRecipe::darknet) return darknet_recipe(graph, options, size);
  return scaled_recipe(graph, options, size);
}

}  // namespace syolo

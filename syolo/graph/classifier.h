// Networks that say what a whole picture shows.
#pragma once

#include "syolo/graph/graph.h"

namespace syolo {

/// No detection head, and [softmax] at the end: its channels are the classes' probabilities.
bool is_classifier(const Graph& graph);

}  // namespace syolo

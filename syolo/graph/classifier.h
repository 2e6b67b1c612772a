// Networks that say what a whole picture shows.
#pragma once

#include "syolo/graph/graph.h"
#include "syolo/graph/program.h"

namespace syolo {

/// [softmax] gives the program's last value.
bool ends_in_softmax(const Program& program);

/// No detection head, and [softmax] at the end: its channels are the classes' probabilities.
bool is_classifier(const Graph& graph);

}  // namespace syolo

// How much memory this process can still get.
#pragma once

#include <cstdint>

namespace syolo {

/// What the system could give without swapping, and what the group's limit leaves (cgroup v2); 0
/// when the system says neither.
std::int64_t available_memory();

}  // namespace syolo

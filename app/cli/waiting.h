// How the threads of the kernels wait for each other.
#pragma once

namespace syolo::cli {

/// Starts this program again with GOMP_SPINCOUNT set, unless the user has set it or
/// OMP_WAIT_POLICY: GNU's OpenMP reads it only while it is being loaded. Waiting threads then turn
/// for microseconds instead of milliseconds before they sleep, so that another busy program takes
/// its share of the processor and not nearly all of it (docs/adr/0015). Returns where that is not
/// possible: the results are the same, only slower on a busy machine.
void wait_briefly(char** argv);

}  // namespace syolo::cli

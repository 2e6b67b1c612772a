// Ctrl-C and SIGTERM. While a Polling object lives, the first signal only sets a flag that the
// running loop reads; otherwise, and at the second signal, the process ends at once with exit 8.
#pragma once

namespace syolo::cli {

/// Also makes writing to a closed pipe an error instead of a signal.
void install_signal_handlers();
bool interrupted();

class Polling {
 public:
  Polling();
  ~Polling();
  Polling(const Polling&) = delete;
  Polling& operator=(const Polling&) = delete;
};

}  // namespace syolo::cli

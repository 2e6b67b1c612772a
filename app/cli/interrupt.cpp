#include "app/cli/interrupt.h"

#include <unistd.h>
#include <csignal>

#include "app/cli/command.h"

namespace syolo::cli {
namespace {

// A signal handler reaches nothing but objects of static storage.
volatile std::sig_atomic_t stop_asked = 0;
volatile std::sig_atomic_t polling = 0;

void on_signal(int /*signal*/) {
  if (polling != 0 && stop_asked == 0) {
    stop_asked = 1;
    return;
  }
  constexpr char kText[] = "\nstopped\n";
  [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  ::_exit(static_cast<int>(Exit::stopped));
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = on_signal;  // without SA_RESTART: a blocked read returns and sees the flag
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);  // nohup, background
  }
  std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() {
  return stop_asked != 0;
}

Polling::Polling() {
  polling = 1;
}
Polling::~Polling() {
  polling = 0;
}

}  // namespace syolo::cli

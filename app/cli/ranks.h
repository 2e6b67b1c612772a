// Several processes of one training: where this one stands among them, and on one machine the one
// that starts and watches them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/cli/command.h"
#include "syolo/train/trainer.h"

namespace syolo::cli {

/// What torchrun (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), mpirun or run_ranks() say in the
/// environment; a single rank without them. @throws Error(usage) for values that make no place
RankPlace place_from_environment();

/// Threads of each process of this machine, unless said: its part of the processors.
int threads_of_rank(const RankPlace& place);

/// While it lives the process that started this one hears from it every second.
class Heartbeat {
 public:
  Heartbeat();
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  struct Beating;
  std::unique_ptr<Beating> beating_;
};

struct RankCommands {
  std::vector<std::string> first;  // arguments of a rank
  std::vector<std::string> again;  // once the run has a state
  Path folder;                     // of the run
};

/// Starts `ranks` processes of this program and waits for them. When one of them dies, or is not
/// heard of for 30 seconds, the others are ended and all start again from the last state, three
/// times at most. None outlives this process.
/// @return the exit code of the training. @throws Error(rank_lost) after the third time
Exit run_ranks(int ranks, const RankCommands& commands, Console& out);

/// The arguments that this process was started with, without its name.
std::vector<std::string> own_arguments();

}  // namespace syolo::cli

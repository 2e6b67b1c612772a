#include "app/cli/ranks.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "app/cli/console.h"
#include "app/cli/interrupt.h"
#include "syolo/base/parallel.h"
#include "syolo/base/text.h"

namespace syolo::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr const char* kHeartbeat = "SYOLO_HEARTBEAT";  // a pipe's number
constexpr auto kSilence = 30s, kGrace = 5s;
constexpr int kRestarts = 3;

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::optional<int> number(std::initializer_list<const char*> names, int low, int high) {
  for (const char* name : names) {
    const auto text = variable(name);
    if (!text) continue;
    const auto value = parse_int(*text);
    if (!value || *value < low || *value > high) {
      throw Error(ErrorKind::usage, format("{}: expected an integer in {}..{}, found \"{}\"", name,
                                           low, high, printable(*text, 40)));
    }
    return static_cast<int>(*value);
  }
  return std::nullopt;
}

/// A port that nobody listens on now.
int free_port() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool found = listener >= 0 && bind(listener, generic, size) == 0 &&
                     getsockname(listener, generic, &size) == 0;
  if (listener >= 0) close(listener);
  if (!found) throw Error(ErrorKind::io, "expected a free port of this machine, found none");
  return ntohs(address.sin_port);
}

struct Process {
  pid_t pid = -1;
  int heartbeat = -1;  // what it writes to
  int messages = -1;   // what it said on stderr; -1: all could see it
  Clock::time_point heard = Clock::now();
  std::optional<int> status;  // of waitpid
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment_of(int rank, int ranks, int port, int heartbeat) {
  // The first of equal names counts: a torchrun of one process has set some of them already.
  std::vector<std::string> all = {format("RANK={}", rank),
                                  format("WORLD_SIZE={}", ranks),
                                  format("LOCAL_WORLD_SIZE={}", ranks),
                                  "MASTER_ADDR=127.0.0.1",
                                  format("MASTER_PORT={}", port),
                                  format("{}={}", kHeartbeat, heartbeat)};
  for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
  return all;
}

/// A rank, which ends with this process; not in the terminal's group, so that Ctrl-C reaches it
/// once, through this one.
Process start(int rank, int ranks, int port, std::vector<std::string> arguments) {
  Process process;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Error(ErrorKind::io, "expected a pipe, found none");
  process.heartbeat = ends[0];
  if (rank > 0) process.messages = memfd_create("messages", MFD_CLOEXEC);
  arguments.insert(arguments.begin(), "syolo");
  std::vector<std::string> environment = environment_of(rank, ranks, port, ends[1]);
  const std::vector<char*> argv = pointers(arguments), envp = pointers(environment);
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const pid_t parent = getpid();
  process.pid = fork();
  if (process.pid == 0) {  // only what is safe between fork and exec
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(static_cast<int>(Exit::stopped));
    setpgid(0, 0);
    fcntl(ends[1], F_SETFD, 0);
    if (process.messages >= 0) dup2(process.messages, STDERR_FILENO);
    execve(self.c_str(), argv.data(), envp.data());
    _exit(static_cast<int>(Exit::bug));
  }
  close(ends[1]);
  if (process.pid < 0) throw Error(ErrorKind::limit, "expected another process, found no room");
  return process;
}

/// The processes of one try; ends them with itself.
class Watch {
 public:
  explicit Watch(std::vector<Process> processes) : processes_(std::move(processes)) {}
  ~Watch() {
    kill_all();
    for (const Process& process : processes_) {
      if (!process.status) waitpid(process.pid, nullptr, 0);
      close(process.heartbeat);
      if (process.messages >= 0) close(process.messages);
    }
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Until all have ended, or one is lost. @return the code of the training; none when one is lost
  std::optional<Exit> wait() {
    std::optional<Clock::time_point> end;  // of patience with the others
    while (true) {
      listen();
      reap();
      hand_on_signal();
      if (!lost_.empty()) return std::nullopt;
      const bool all =
          std::ranges::all_of(processes_, [](const Process& p) { return p.status.has_value(); });
      if (all || (end && Clock::now() > *end)) return result();
      if (!end && failure()) end = Clock::now() + kGrace;
    }
  }
  const std::string& lost() const { return lost_; }

  /// What those said that failed, where the first rank, whose words all can see, did not.
  std::string unseen() const {
    std::string text;
    if (processes_[0].status && failed(processes_[0])) return text;
    for (const Process& process : processes_) {
      if (process.messages < 0 || !failed(process)) continue;
      char buffer[4096];
      const ssize_t size = pread(process.messages, buffer, sizeof buffer, 0);
      if (size > 0) text.append(buffer, static_cast<std::size_t>(size));
    }
    return text;
  }

 private:
  void kill_all() const {
    for (const Process& process : processes_) {
      if (!process.status) kill(process.pid, SIGKILL);
    }
  }

  void listen() {
    std::vector<pollfd> all;
    for (const Process& process : processes_) {
      all.push_back({process.status ? -1 : process.heartbeat, POLLIN, 0});
    }
    ::poll(all.data(), all.size(), 100);
    for (std::size_t i = 0; i < all.size(); ++i) {
      Process& process = processes_[i];
      char beats[64];
      if ((all[i].revents & POLLIN) != 0 && read(process.heartbeat, beats, sizeof beats) > 0) {
        process.heard = Clock::now();
      } else if (!process.status && Clock::now() - process.heard > kSilence) {
        lost_ = format("rank {} was not heard of for 30 seconds", i);
      }
    }
    if (std::ranges::any_of(all, [](const pollfd& p) { return (p.revents & POLLHUP) != 0; })) {
      std::this_thread::sleep_for(20ms);  // it is about to end
    }
  }

  void reap() {
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      Process& process = processes_[i];
      int status = 0;
      if (process.status || waitpid(process.pid, &status, WNOHANG) != process.pid) continue;
      process.status = status;
      if (WIFSIGNALED(status))
        lost_ = format("rank {} was ended by signal {}", i, WTERMSIG(status));
      if (WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(Exit::lost)) {
        lost_ = format("rank {} lost the others", i);
      }
    }
  }

  void hand_on_signal() {
    if (!interrupted() || std::exchange(handed_on_, true)) return;
    for (const Process& process : processes_) {
      if (!process.status) kill(process.pid, SIGTERM);
    }
  }

  /// The first code that is neither success nor a stop.
  std::optional<Exit> failure() const {
    const auto found = std::ranges::find_if(processes_, failed);
    if (found == processes_.end()) return std::nullopt;
    return static_cast<Exit>(WEXITSTATUS(*found->status));
  }
  static bool failed(const Process& process) {
    if (!process.status) return false;
    const auto code = static_cast<Exit>(WEXITSTATUS(*process.status));
    return code != Exit::done && code != Exit::stopped;
  }
  Exit result() const {
    if (const auto code = failure()) return *code;
    return static_cast<Exit>(WEXITSTATUS(*processes_[0].status));
  }

  std::vector<Process> processes_;
  std::string lost_;
  bool handed_on_ = false;
};

bool has_state(const Path& folder) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "state", none)) {
    if (entry.path().extension() == ".state") return true;
  }
  return false;
}

}  // namespace

RankPlace place_from_environment() {
  constexpr int kMost = 1'000'000;
  RankPlace place;
  const auto ranks = number({"WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}, 1, kMost);
  const auto rank = number({"RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"}, 0, kMost);
  if (!ranks || !rank || *ranks == 1) return place;
  if (*rank >= *ranks) {
    throw Error(ErrorKind::usage,
                format("RANK: expected a number below WORLD_SIZE={}, found {}", *ranks, *rank));
  }
  place.rank = *rank, place.ranks = *ranks;
  place.host = variable("MASTER_ADDR").value_or(place.host);
  place.port = number({"MASTER_PORT"}, 1, 65'535).value_or(29'500);
  return place;
}

int threads_of_rank(const RankPlace& place) {
  const int here = number({"LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"}, 1, 1'000'000)
                       .value_or(place.ranks);
  return std::max(1, cpu_budget().threads() / here);
}

struct Heartbeat::Beating {
  std::jthread thread;
};

Heartbeat::Heartbeat() {
  const auto pipe = number({kHeartbeat}, 0, 1'000'000);
  if (!pipe) return;
  beating_ = std::make_unique<Beating>();
  beating_->thread = std::jthread([fd = *pipe](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      if (i % 10 == 0 && write(fd, "", 1) < 0) return;
      std::this_thread::sleep_for(100ms);
    }
  });
}
Heartbeat::~Heartbeat() = default;

Exit run_ranks(int ranks, const RankCommands& commands, Console& out) {
  const Polling polling;
  for (int tries = 0;; ++tries) {
    const std::vector<std::string>& arguments =
        tries > 0 && has_state(commands.folder) ? commands.again : commands.first;
    const int port = free_port();
    std::vector<Process> processes;
    processes.reserve(static_cast<std::size_t>(ranks));
    for (int rank = 0; rank < ranks; ++rank) {
      processes.push_back(start(rank, ranks, port, arguments));
    }
    Watch watch(std::move(processes));
    const std::optional<Exit> code = watch.wait();
    if (code) {
      if (const std::string said = watch.unseen(); !said.empty()) out.warn(said);
      return *code;
    }
    if (interrupted()) return Exit::stopped;
    if (tries == kRestarts) {
      throw Error(ErrorKind::rank_lost,
                  format("expected all {} processes of the training, found after {} restarts: {}",
                         ranks, kRestarts, watch.lost()),
                  {}, format("syolo train --resume {}", commands.folder.string()));
    }
    out.warn(format("{}; all start again from the last state ({} of {})", watch.lost(), tries + 1,
                    kRestarts));
  }
}

std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> all;
  for (const std::string_view part : split(text, '\0')) all.emplace_back(part);
  if (!all.empty()) all.pop_back();  // behind the last NUL
  if (!all.empty()) all.erase(all.begin());
  return all;
}

}  // namespace syolo::cli

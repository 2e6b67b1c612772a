#include "app/cli/waiting.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace syolo::cli {

void wait_briefly(char** argv) {
  constexpr const char* kSpins = "1000";
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  std::error_code error;
  // The link's own name would be the program's name in lists of processes.
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error || ::setenv("GOMP_SPINCOUNT", kSpins, 1) != 0) return;
  ::execv(self.c_str(), argv);  // returns only when it fails
}

}  // namespace syolo::cli

// syolo doctor: this machine and this build, for reports and for the question "why is it slow".

#include <link.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/json.h"
#include "syolo/base/file.h"
#include "syolo/base/module.h"
#include "syolo/base/parallel.h"
#include "syolo/image/video.h"
#include "syolo/runtime/plan.h"
#include "syolo/train/module.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

/// Instruction sets that make a difference to the engine, as /proc/cpuinfo spells them: the
/// system's view, so what it has switched off is missing.
constexpr std::array<std::string_view, 15> kSets = {
    "sse4_1",      "avx",      "f16c",     "fma",         "avx2",
    "avx_vnni",    "avx512f",  "avx512bw", "avx512_vnni", "avx512_bf16",
    "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8",    "asimd"};

std::string proc_value(const char* file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && trim(std::string_view(line).substr(0, colon)) == key) {
      return std::string(trim(std::string_view(line).substr(colon + 1)));
    }
  }
  return {};
}

std::vector<std::string> instruction_sets() {
  std::string flags = proc_value("/proc/cpuinfo", "flags");
  if (flags.empty()) flags = proc_value("/proc/cpuinfo", "Features");
  std::istringstream words(flags);
  std::vector<std::string> all, out;
  for (std::string word; words >> word;) all.push_back(word);
  for (const std::string_view set : kSets) {
    if (std::find(all.begin(), all.end(), set) != all.end()) out.emplace_back(set);
  }
  return out;
}

/// "libdnnl.so.2.6" and the like: the files that this process has loaded.
std::vector<std::string> libraries() {
  std::vector<std::string> names;
  const auto visit = [](dl_phdr_info* info, std::size_t, void* data) -> int {
    std::error_code error;
    const fs::path real = fs::canonical(info->dlpi_name, error);
    if (error) return 0;
    const std::string name = real.filename().string();
    for (const char* known : {"libdnnl", "libjpeg", "libpng", "libwebp", "libhwy", "libfmt",
                              "libgomp", "libomp", "libopencv_videoio"}) {
      if (name.starts_with(known)) static_cast<std::vector<std::string>*>(data)->push_back(name);
    }
    return 0;
  };
  ::dl_iterate_phdr(visit, &names);
  std::sort(names.begin(), names.end());
  return names;
}

struct Part {
  std::string name;
  bool built;
  std::string why;
};

std::vector<Part> parts() {
  const VideoSupport video = video_support();
  const OpenedModule opened = open_module(kTrainModuleName, kTrainModuleEntry, "training");
  const auto* training = static_cast<const TrainModule*>(opened.entry);
  return {
      {"detection", true, "always built"},
      {"video", video.available, video.text},
      {"training", training != nullptr, training != nullptr ? training->library : opened.reason}};
}

#ifdef NDEBUG
constexpr std::string_view kBuild = "optimised";
#else
constexpr std::string_view kBuild = "with debugging checks";
#endif

#ifdef __clang__
constexpr std::string_view kCompiler = "clang " __clang_version__;
#else
constexpr std::string_view kCompiler = "g++ " __VERSION__;
#endif

Exit run(Console& out) {
  const CpuBudget cpu = cpu_budget();
  const std::vector<std::string> sets = instruction_sets();
  const std::vector<Part> built_parts = parts();  // opens the video module: its libraries count
  const std::vector<std::string> loaded = libraries();
  const EngineInfo engine = engine_info();
  const std::string memory = proc_value("/proc/meminfo", "MemTotal");
  const std::int64_t memory_kib = parse_int(memory.substr(0, memory.find(' '))).value_or(0);
  if (out.globals.json) {
    Json built = Json::array();
    for (const Part& part : built_parts) {
      built.push_back({{"name", part.name}, {"built", part.built}, {"why", part.why}});
    }
    out.print(document({{"version", SYOLO_VERSION},
                        {"compiler", kCompiler},
                        {"build", kBuild},
                        {"cpu", cpu_model()},
                        {"cores", cpu.cores},
                        {"affinity", cpu.affinity},
                        {"quota", cpu.quota > 0 ? Json(cpu.quota) : Json(nullptr)},
                        {"threads", cpu.threads()},
                        {"memory_bytes", memory_kib * 1024},
                        {"instruction_sets", sets},
                        {"engine",
                         {{"library", "oneDNN " + engine.library},
                          {"instruction_sets", engine.instruction_sets},
                          {"bf16", engine.bf16}}},
                        {"libraries", loaded},
                        {"parts", std::move(built)}}));
    return Exit::done;
  }
  const auto row = [&out](std::string_view name, const std::string& text) {
    out.print(format("{:<14} {}\n", name, text));
  };
  const auto joined = [](const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text.empty() ? std::string("none of those the engine uses") : text;
  };
  row("syolo", format("{} ({}, {})", SYOLO_VERSION, kBuild, kCompiler));
  row("processor", printable(cpu_model()));
  row("cores", format("{} online, {} allowed by affinity, quota {}", cpu.cores, cpu.affinity,
                      cpu.quota > 0 ? format("{:.2f}", cpu.quota) : std::string("none")));
  row("threads", format("{} (--threads N changes it)", cpu.threads()));
  row("memory", mebibytes(memory_kib * 1024));
  row("instructions", joined(sets));
  row("engine", format("oneDNN {} uses {}; --precision bf16: {}", engine.library,
                       engine.instruction_sets, engine.bf16 ? "yes" : "no"));
  row("libraries", joined(loaded));
  for (const Part& part : built_parts) {
    row(part.name, format("{}: {}", part.built ? "yes" : "left out", part.why));
  }
  return Exit::done;
}

Action bind(CLI::App& /*cli*/) {
  return run;
}

}  // namespace

Command doctor_command() {
  return {"doctor", "", "this machine and this build", "[--json]", "syolo doctor", bind};
}

}  // namespace syolo::cli

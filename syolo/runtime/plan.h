// Plan, then run: everything that can fail, and every choice, happens in make_plan; a Session
// only computes. A plan is immutable and shared by sessions on several threads.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "syolo/base/file.h"
#include "syolo/boxes/decode.h"
#include "syolo/weights/model.h"

namespace syolo {

enum class Precision { f32, bf16, automatic };  // automatic: bf16 where the processor has it
enum class Tune {
  heuristic,  // no timing
  cached,     // choices measured earlier on this machine, heuristic where there are none
  measure     // time the candidates now and store the choices
};

/// How feature maps lie in memory. automatic: in blocks of channels where the library has kernels
/// for it; channels last where AMX computes bf16, which it does for no other. The others are for
/// comparisons and tests.
enum class MapLayout { automatic, channels_last, planar };

struct PlanOptions {
  Precision precision = Precision::f32;
  int threads = 0;  // 0 = what this process may use
  Tune tune = Tune::cached;
  Path cache;  // of measured choices; empty = the user's cache folder
  std::int64_t max_memory = std::int64_t{4} << 30;
  MapLayout layout = MapLayout::automatic;
  bool keep_nodes = false;  // every layer's output stays readable (trace); slower, larger
};

/// What computes here, as the kernel library itself found it (an emulator, a hypervisor or
/// ONEDNN_MAX_CPU_ISA may allow less than the processor announces).
struct EngineInfo {
  std::string library;           // "2.6.3"
  std::string instruction_sets;  // the library's words, of the widest it uses
  bool bf16 = false;             // whether Precision::bf16 is accepted
};
EngineInfo engine_info();

class Plan;  // plan_impl.h

/// @throws Error(limit) when the planned memory exceeds the limit, Error(unsupported) for a
/// precision the processor lacks
std::shared_ptr<const Plan> make_plan(const Model& model, Shape input,
                                      const PlanOptions& options = {});

struct PlanStep {
  NodeId origin;
  std::string what;       // "conv 3x3/2 3->32 mish"
  std::string candidate;  // "direct", "winograd", ...; library's implementation name
  std::string why;        // "only one", "measured 0.41 ms against 0.62 ms", ...
  std::int64_t macs;
};
struct PlanSummary {
  Shape input;
  Precision precision;
  int threads;
  std::vector<PlanStep> steps;
  std::int64_t arena_bytes, arena_lower_bound, weight_bytes;
};
PlanSummary explain(const Plan& plan);
std::string to_text(const PlanSummary& summary);

/// Runs one image at a time; belongs to one thread at a time. Output views stay valid until the
/// next run.
class Session {
 public:
  explicit Session(std::shared_ptr<const Plan> plan);
  ~Session();
  Session(Session&&) noexcept;
  /// @param input  C,H,W values in 0..1
  /// @return       one view per head, raw values, in file order
  std::span<const HeadView> run(std::span<const float> input);
  /// Output of a layer as C,H,W values: heads activated as Darknet's. Any layer with keep_nodes;
  /// otherwise the last one (a classifier's result).
  Tensor node_output(NodeId node) const;
  /// Milliseconds of each step of the last run when timing is on.
  void set_timing(bool on);
  std::span<const double> step_ms() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace syolo

// What a plan holds, and the builder that makes it. Private to the engine.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "syolo/runtime/kernels/kernels.h"
#include "syolo/runtime/onednn_impl.h"
#include "syolo/runtime/pages_impl.h"
#include "syolo/runtime/plan.h"
#include "syolo/runtime/threads_impl.h"
#include "syolo/runtime/tune_impl.h"

namespace syolo {

namespace runtime {

/// One argument of a library primitive: a slot, packed weights, or the scratch buffer.
struct Argument {
  int id = 0;  // DNNL_ARG_...
  dnnl::memory::desc desc;
  int slot = -1;
  std::shared_ptr<dnnl::memory> constant;
  bool scratch = false;
};
struct PrimitiveStep {
  dnnl::primitive primitive;
  std::vector<Argument> arguments;
  int threads = 0;  // made for so few, so that results do not depend on their number; 0: the plan's
};
using KernelStep = std::function<void(const Buffers&)>;

struct Step {
  std::variant<PrimitiveStep, KernelStep> work;
  PlanStep summary;
};

}  // namespace runtime

class Plan {
 public:
  Program program;
  Net net;
  std::vector<HeadSpec> head_specs;
  std::vector<int> head_slots;  // what each head decodes
  std::vector<runtime::Slot> slots;
  std::vector<std::int64_t> offsets;  // of every slot in the arena
  std::vector<int> slot_of_value;     // -1: computed nowhere (removed, or a head's output)
  std::vector<runtime::Step> steps;
  std::unique_ptr<runtime::Pages> constants;  // packed kernels and biases
  std::int64_t arena_bytes = 0, scratch_bytes = 0, lower_bound = 0, weight_bytes = 0;
  Precision precision = Precision::f32;
  int threads = 1;
  dnnl::engine engine;
};

namespace runtime {

Array array_of(const Plan& plan, int slot, const Buffers& buffers);

/// Turns a program into steps and slots, instruction by instruction.
class PlanBuilder {
 public:
  PlanBuilder(const Model& model, Shape input, const PlanOptions& options);
  std::shared_ptr<const Plan> build();

 private:
  int add_slot(const Shape& shape, Storage storage);
  void choose_storages();
  void place_inside_others();
  bool place(ValueId child, ValueId parent, int channel);
  void build_instr(const Instr& instr);
  Where where_of(const Instr& instr) const;
  using UnaryKernel = std::function<void(const Array& src, const MutableArray& dst)>;
  void build_unary(const Instr& instr, UnaryKernel kernel, std::string what);
  void build_slice(const Slice& op, const Instr& instr);
  void build_binary(const Binary& op, const Instr& instr);
  void build_head(const Head& op, const Instr& instr);
  void used_in_last_step(const std::vector<int>& sources, int dst);
  void build_conv(const Conv& op, const Instr& instr);
  struct Choice {
    ConvOffer offer;
    Algorithm algorithm;
    bool fused;  // the activation is a post-operation
    bool fused_residual;
    std::string why;
  };
  Choice choose_conv(const Conv& op, const Instr& instr);
  std::vector<Choice> candidates(const Conv& op, const Instr& instr);
  int threads_for(const ConvOffer& offer, const Conv& op) const;
  std::optional<ConvOffer> offer_for(const ConvRequest& request) const;
  double measure(const Choice& choice, const Conv& op, const Instr& instr);
  /// Chooses for every convolution, on all threads unless candidates are timed.
  void choose_convs();
  /// A convolution whose kernel and bias wait to be brought into the primitive's layout.
  struct Packing {
    const Conv* op;
    int src_channels;
    dnnl::memory kernel, bias;  // without memory until pack_weights()
  };
  void add_constants(const Conv& op, const Instr& instr, const ConvOffer& offer,
                     PrimitiveStep& step);
  /// Folds, packs and places all constants in one block, on all threads.
  void pack_weights();
  void pack(const Packing& packing, std::vector<float>& folded) const;
  int filters_at_once(const Packing& packing, std::size_t per_filter) const;
  void pack_filters(const Packing& packing, int first, int count, const float* values) const;
  void add_epilogue(const Conv& op, const Instr& instr, const Choice& choice);
  void build_pool(const Pool& op, const Instr& instr);
  void build_concat(const Instr& instr);
  void build_weighted_sum(const WeightedSum& op, const Instr& instr);
  void build_batch_norm(const BatchNorm& op, const Instr& instr);
  /// The slot of a value in a layout; converts by an extra step when it is kept in another.
  int in_storage(ValueId value, Storage storage);
  int converted(int slot, const dnnl::memory::desc& desc, Storage storage);
  void add_step(PrimitiveStep step, std::string what, std::string candidate,
                std::string why = "only one", std::int64_t macs = 0);
  void add_kernel(KernelStep kernel, std::string what);
  void finish_memory();

  int slot(ValueId value) const { return plan_->slot_of_value[static_cast<std::size_t>(value)]; }
  Slot& slot_data(int slot) { return plan_->slots[static_cast<std::size_t>(slot)]; }
  const Shape& shape(ValueId value) const { return plan_->program.shape(value); }

  const Model& model_;
  const PlanOptions& options_;
  std::shared_ptr<Plan> plan_;
  Layout layout_ = Layout::planar;
  DType type_ = DType::f32;
  NodeId origin_ = -1;
  TuneCache tune_;
  std::vector<std::optional<Choice>> choices_;  // of each instruction that is a convolution
  std::vector<Packing> packings_;
};

}  // namespace runtime
}  // namespace syolo

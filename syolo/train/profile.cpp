#include "syolo/train/profile_impl.h"

#include "syolo/base/error.h"

namespace syolo::train {

namespace {
/// LibTorch takes plain functions only; the way back of a processor's tensors is in the thread
/// that asked for it.
thread_local Profile* active = nullptr;
}  // namespace

struct Profile::Watch {
  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& operation) {
    if (active != nullptr) active->begin({active->made_by(operation.seqNr()), true});
    return nullptr;
  }
  static void end(const at::RecordFunction& /*operation*/, at::ObserverContext* /*context*/) {
    if (active != nullptr) active->end();
  }
};

Profile::Profile(bool wait) :
    wait_(wait),
    handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(&Watch::begin, &Watch::end)
                                           .scopes({at::RecordScope::BACKWARD_FUNCTION}))),
    last_(std::chrono::steady_clock::now()) {
  SYOLO_ASSERT(active == nullptr, "one profile at a time");
  active = this;
}

Profile::~Profile() {
  at::removeCallback(handle_);
  active = nullptr;
}

std::map<std::string_view, Profile::Seconds> Profile::seconds() {
  pass_time();
  return seconds_;
}

void Profile::pass_time() {
  if (wait_) torch::cuda::synchronize();
  const auto now = std::chrono::steady_clock::now();
  const Running running = running_.empty() ? Running{kRest} : running_.back();
  Seconds& seconds = seconds_[running.part];
  (running.backward ? seconds.backward : seconds.forward) +=
      std::chrono::duration<double>(now - last_).count();
  last_ = now;
}

void Profile::begin(const Running& running) {
  pass_time();
  running_.push_back(running);
}

void Profile::end() {
  pass_time();
  running_.pop_back();
}

std::string_view Profile::made_by(std::int64_t operation) const {
  // Adding to a parameter's gradient has no number of its own.
  if (operation < 0) return kGradients;
  const auto later = made_.upper_bound(static_cast<std::uint64_t>(operation));
  return later == made_.begin() ? kRest : std::prev(later)->second;
}

Span::Span(Profile* profile, std::string_view part) : profile_(profile) {
  if (profile_ == nullptr) return;
  profile_->begin({part});
  profile_->made_[at::sequence_number::peek()] = part;
}

Span::~Span() {
  if (profile_ == nullptr) return;
  profile_->end();
  profile_->made_[at::sequence_number::peek()] =
      profile_->running_.empty() ? Profile::kRest : profile_->running_.back().part;
}

}  // namespace syolo::train

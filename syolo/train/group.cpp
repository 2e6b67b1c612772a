#include "syolo/train/group_impl.h"

#include <chrono>

#include "syolo/base/error.h"
#include "syolo/base/text.h"

#ifdef SYOLO_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif

namespace syolo::train {
namespace {

class Single final : public Group {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void sum(std::span<double> /*values*/) override {}
  std::function<void()> start_sum(const torch::Tensor& /*values*/) override {
    return [] {};
  }
};

#ifdef SYOLO_GLOO

// The leader measures AP while the others wait for it.
constexpr std::chrono::minutes kMeeting{2}, kWork{60};

/// Whatever c10d and Gloo throw, as what it means here.
template <class Work>
auto guarded(const Work& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    const std::string_view first = split(error.what(), '\n')[0];
    throw Error(ErrorKind::rank_lost,
                format("expected all processes of the training, found: {}", printable(first, 160)),
                {}, "--resume goes on from the last state");
  }
}

class Gloo final : public Group {
 public:
  explicit Gloo(const RankPlace& place) : rank_(place.rank), size_(place.ranks) {
    guarded([&] {
      c10d::TCPStoreOptions meeting;
      meeting.port = static_cast<std::uint16_t>(place.port);
      meeting.isServer = place.rank == 0;
      meeting.numWorkers = static_cast<std::size_t>(place.ranks);
      meeting.timeout = kMeeting;
      const auto store = c10::make_intrusive<c10d::TCPStore>(place.host, meeting);
      auto options = c10d::ProcessGroupGloo::Options::create(kWork);
      const bool here = place.host == "127.0.0.1" || place.host == "localhost";
      options->devices.push_back(here ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                      : c10d::ProcessGroupGloo::createDefaultDevice());
      options->threads = 1;
      members_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank_, size_, options);
    });
  }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void sum(std::span<double> values) override {
    const torch::Tensor tensor = torch::from_blob(
        values.data(), {static_cast<std::int64_t>(values.size())}, torch::kFloat64);
    if (size_ > kFew) return start_sum(tensor)();
    guarded([&] { exchange(tensor); });
  }
  std::function<void()> start_sum(const torch::Tensor& values) override {
    return guarded([&] {
      std::vector<torch::Tensor> all = {values};
      const auto work = members_->allreduce(all);
      return std::function<void()>([work] { guarded([&] { work->wait(); }); });
    });
  }

 private:
  // Sums that the computation waits for come hundreds of times a batch: everybody to everybody goes
  // from thread to thread twice, c10d's allreduce eight times (measured: 2 ms).
  static constexpr int kFew = 8;

  void exchange(torch::Tensor values) {
    std::vector<torch::Tensor> all;
    std::vector<std::function<void()>> waits;
    tag_ = (tag_ + 1) % (1 << 30);
    for (int rank = 0; rank < size_; ++rank) {
      all.push_back(rank == rank_ ? values.clone() : torch::empty_like(values));
      if (rank == rank_) continue;
      std::vector<torch::Tensor> to = {values}, from = {all.back()};
      waits.emplace_back([work = members_->recv(from, rank, tag_)] { work->wait(); });
      waits.emplace_back([work = members_->send(to, rank, tag_)] { work->wait(); });
    }
    for (const auto& wait : waits) wait();
    values.zero_();
    for (const torch::Tensor& of_rank : all) values.add_(of_rank);
  }

  int rank_, size_, tag_ = 0;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> members_;
};

#endif

}  // namespace

bool Group::any(bool here) {
  double count = here ? 1 : 0;
  sum({&count, 1});
  return count > 0;
}

std::unique_ptr<Group> group_for(const RankPlace& place) {
  if (place.ranks <= 1) return std::make_unique<Single>();
#ifdef SYOLO_GLOO
  return std::make_unique<Gloo>(place);
#else
  throw Error(ErrorKind::unsupported, "--ranks: expected a build with Gloo, found none", {},
              "install Gloo's headers (libgloo-dev) and build again");
#endif
}

}  // namespace syolo::train

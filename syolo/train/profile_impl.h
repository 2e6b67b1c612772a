// Where the time of training goes: seconds by part of a step. What autograd does on the way back
// counts for the part that made it on the way forward.
#pragma once

#include <chrono>
#include <map>
#include <string_view>
#include <vector>

#include "syolo/train/torch_impl.h"

namespace syolo::train {

/// At most one at a time in a thread. All its time is given to some part: what lies in no span, to
/// `kRest`.
class Profile {
 public:
  static constexpr std::string_view kRest = "rest", kGradients = "gradients";
  struct Seconds {
    double forward = 0, backward = 0;
    double sum() const { return forward + backward; }
  };

  /// @param wait  a GPU is waited for wherever a part begins or ends
  explicit Profile(bool wait = false);
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  /// Until now.
  std::map<std::string_view, Seconds> seconds();

 private:
  friend class Span;
  struct Watch;  // what LibTorch calls for each operation of autograd
  struct Running {
    std::string_view part;
    bool backward = false;
  };
  void begin(const Running& running);
  void end();
  void pass_time();
  std::string_view made_by(std::int64_t operation) const;

  bool wait_;
  std::uint64_t handle_;
  std::chrono::steady_clock::time_point last_;
  std::vector<Running> running_;  // the innermost is the last
  std::map<std::string_view, Seconds> seconds_;
  std::map<std::uint64_t, std::string_view> made_;  // from this operation on, by whom
};

/// The time until the end of its scope is the part's. Nothing without a profile.
/// @param part  lives as long as the profile
class Span {
 public:
  Span(Profile* profile, std::string_view part);
  ~Span();
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  Profile* profile_;
};

}  // namespace syolo::train

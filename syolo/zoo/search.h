// Which members of the family to consider for a machine, and how good they may become. Prices are
// the caller's: nothing is timed here.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "syolo/zoo/recipe.h"

namespace syolo {

enum class SearchBase { tiny, csp, large, any };

/// A member of the family: a base, and how far it is stretched.
struct Member {
  std::string_view base;
  double depth = 1, width = 1;
  int side = 640, top_level = 5;
  bool operator==(const Member&) const = default;
};
Recipe recipe_of(const Member& member, int classes);
/// "yolov4-csp-leaky depth 0.67 width 0.75 input 512 P3-P5".
std::string to_text(const Member& member);

/// What a dataset's objects ask for: the geometric mean of their sides, in shares of the input's
/// side, of the tenth from below and from above.
struct ObjectSizes {
  double small = 0, large = 1;
};

/// The grid of members that are looked at, smallest input first. With `objects`: only inputs at
/// which the small ones cover a cell of the finest level, and as few levels as hold the large ones
/// within 16 cells of the topmost; all inputs when none is large enough.
std::vector<Member> search_grid(SearchBase base, const std::optional<ObjectSizes>& objects = {});
/// GFLOPs of members without building each: at whole cells work is as the input's area.
class WorkTable {
 public:
  explicit WorkTable(int classes) : classes_(classes) {}
  double gflops(const Member& member);

 private:
  int classes_;
  std::map<std::string, double> known_;
};

/// The shallowest member with the same shapes: whoever knows its layers' prices knows the
/// member's.
Member shallowest(Member member);

/// A least-squares fit to published networks: AP = a + b GFLOPs^-0.7 + c ln(side / 640).
struct QualityFit {
  double a = 0, b = 0, c = 0;
  double rms = 0;            // of the points
  double leave_one_out = 0;  // root mean square error at a point that the fit has not seen
  double least_gflops = 0, most_gflops = 0;
  /// 0 at least. Below least_gflops a guess: the AP there, falling slowly.
  double ap(double gflops, int side) const;
  bool within(double gflops) const { return gflops >= least_gflops && gflops <= most_gflops; }
};
struct QualityPoint {
  std::string_view name;
  double gflops, ap;
  int side;
};
std::span<const QualityPoint> quality_points();
QualityFit fit_quality(std::span<const QualityPoint> points);

}  // namespace syolo

// Every method equals its definition written plainly, on sets full of ties, in any order.

#include <gtest/gtest.h>

#include <set>

#include "syolo/boxes/nms.h"
#include "tests/support/boxes.h"

namespace syolo {
namespace {

bool rivals(const Candidate& a, const Candidate& b, const NmsOptions& options) {
  return options.agnostic || a.cls == b.cls;
}

double measure(const Box& a, const Box& b, const NmsOptions& options) {
  switch (options.method) {
    case NmsMethod::greedy_diou:
      return diou(a, b, 0.6);
    case NmsMethod::diou:
      return diou(a, b, options.beta);
    case NmsMethod::weighted:
      return diou(a, b, 1);
    case NmsMethod::model:
    case NmsMethod::iou:
    case NmsMethod::soft:
      break;
  }
  return iou(a, b);
}

std::vector<Candidate> taking_part(std::vector<Candidate> all, const NmsOptions& options) {
  std::erase_if(all, [&](const Candidate& c) {
    return !(c.score > options.confidence) ||
           (!options.classes.empty() && std::find(options.classes.begin(), options.classes.end(),
                                                  c.cls) == options.classes.end());
  });
  std::sort(all.begin(), all.end(), before);
  if (all.size() > static_cast<std::size_t>(options.max_candidates)) {
    all.resize(static_cast<std::size_t>(options.max_candidates));
  }
  return all;
}

std::vector<Candidate> capped(std::vector<Candidate> kept, const NmsOptions& options) {
  std::sort(kept.begin(), kept.end(), before);
  if (kept.size() > static_cast<std::size_t>(options.max_detections)) {
    kept.resize(static_cast<std::size_t>(options.max_detections));
  }
  return kept;
}

/// Darknet's way: every survivor strikes out all later rivals.
std::vector<Candidate> plain_greedy(const std::vector<Candidate>& all, const NmsOptions& options) {
  std::vector<bool> dead(all.size());
  std::vector<Candidate> kept;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (dead[i]) continue;
    kept.push_back(all[i]);
    for (std::size_t j = i + 1; j < all.size(); ++j) {
      if (rivals(all[i], all[j], options) &&
          measure(all[i].box, all[j].box, options) > options.overlap) {
        dead[j] = true;
      }
    }
  }
  return capped(kept, options);
}

/// Bodla et al.: take the highest score, lower all the others, again.
std::vector<Candidate> plain_soft(const std::vector<Candidate>& all, const NmsOptions& options) {
  std::vector<double> scores;
  for (const Candidate& c : all) scores.push_back(c.score);
  std::vector<bool> taken(all.size());
  std::vector<Candidate> kept;
  for (;;) {
    std::size_t best = all.size();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!taken[i] && (best == all.size() || scores[i] > scores[best])) best = i;
    }
    if (best == all.size() || !(static_cast<float>(scores[best]) > options.confidence)) break;
    taken[best] = true;
    kept.push_back(all[best]);
    kept.back().score = static_cast<float>(scores[best]);
    if (kept.size() == static_cast<std::size_t>(options.max_detections)) break;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (taken[i] || !rivals(all[i], all[best], options)) continue;
      const double common = iou(all[best].box, all[i].box);
      scores[i] *= std::exp(-common * common / options.soft_sigma);
    }
  }
  std::sort(kept.begin(), kept.end(), before);
  return kept;
}

/// Sets the box of `kept` to the mean of the others under `weight`; returns how many took part.
template <class Weight>
int average(Candidate& kept, const std::vector<Candidate>& all, Weight weight) {
  double sum[4] = {}, total = 0;
  int members = 0;
  for (const Candidate& c : all) {
    const double w = weight(c);
    if (!(w > 0)) continue;
    const float corners[] = {c.box.x1, c.box.y1, c.box.x2, c.box.y2};
    for (int k = 0; k < 4; ++k) sum[k] += w * corners[k];
    total += w;
    ++members;
  }
  if (members == 0) return 0;
  kept.box = {float(sum[0] / total), float(sum[1] / total), float(sum[2] / total),
              float(sum[3] / total)};
  return members;
}

std::vector<Candidate> plain(std::vector<Candidate> given, const NmsOptions& options) {
  const std::vector<Candidate> all = taking_part(std::move(given), options);
  if (options.method == NmsMethod::soft) return plain_soft(all, options);
  std::vector<Candidate> kept = plain_greedy(all, options);
  if (options.method == NmsMethod::weighted) {
    for (Candidate& k : kept) {
      const Candidate self = k;
      average(k, all, [&](const Candidate& c) {
        if (!rivals(self, c, options)) return 0.0;
        const double m = c == self ? 1 : diou(self.box, c.box);
        return m > 0.8 ? m * c.score : 0;
      });
    }
  }
  if (options.merge && all.size() > 1 && all.size() < 3000) {
    std::vector<Candidate> merged;
    for (Candidate k : kept) {
      const Candidate self = k;
      const int members = average(k, all, [&](const Candidate& c) {
        const bool joins = rivals(self, c, options) && iou(self.box, c.box) > options.overlap;
        return joins ? double{c.score} : 0;
      });
      if (members > 1) merged.push_back(k);
    }
    return merged;
  }
  return kept;
}

NmsOptions random_options(Rng& rng) {
  constexpr NmsMethod kMethods[] = {NmsMethod::model, NmsMethod::iou,  NmsMethod::greedy_diou,
                                    NmsMethod::diou,  NmsMethod::soft, NmsMethod::weighted};
  NmsOptions options;
  options.method = kMethods[rng.below(6)];
  options.confidence = test::between(rng, 0, 0.5);
  options.overlap = test::between(rng, 0, 0.9);
  options.beta = rng.uniform(0.1, 2);
  options.agnostic = rng.chance(0.3);
  options.merge =
      options.method != NmsMethod::soft && options.method != NmsMethod::weighted && rng.chance(0.3);
  options.soft_sigma = rng.uniform(0.1, 1);
  if (rng.chance(0.3)) options.max_candidates = 1 + rng.below(80);
  if (rng.chance(0.3)) options.max_detections = 1 + rng.below(20);
  if (rng.chance(0.2)) options.classes = {rng.below(4), rng.below(4)};
  return options;
}

void expect_near(const std::vector<Candidate>& got, const std::vector<Candidate>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    Candidate same = got[i];
    same.box = want[i].box;
    ASSERT_EQ(same, want[i]) << i;
    // Means of boxes may be summed in another order.
    ASSERT_NEAR(got[i].box.x1, want[i].box.x1, 1e-4) << i;
    ASSERT_NEAR(got[i].box.y1, want[i].box.y1, 1e-4) << i;
    ASSERT_NEAR(got[i].box.x2, want[i].box.x2, 1e-4) << i;
    ASSERT_NEAR(got[i].box.y2, want[i].box.y2, 1e-4) << i;
  }
}

TEST(BoxesNmsLaw, EqualsThePlainDefinition) {
  for (std::uint64_t sample = 0; sample < 600; ++sample) {
    Rng rng = test::test_rng(sample);
    const NmsOptions options = random_options(rng);
    SCOPED_TRACE(testing::Message()
                 << "sample " << sample << " method " << static_cast<int>(options.method));
    const auto given = test::random_candidates(rng, rng.below(160), 1 + rng.below(4));
    expect_near(suppress(given, options), plain(given, options));
  }
}

TEST(BoxesNmsLaw, OrderOfTheInputIsIrrelevant) {
  for (std::uint64_t sample = 0; sample < 200; ++sample) {
    Rng rng = test::test_rng(7'000'000 + sample);
    const NmsOptions options = random_options(rng);
    auto given = test::random_candidates(rng, 120, 3);
    // Also without a place of its own in any of them.
    if (rng.chance(0.3)) {
      for (Candidate& c : given) c.head = c.cell = c.anchor = 0, c.objectness = 0;
    }
    const auto want = suppress(given, options);
    for (int i = 0; i < 3; ++i) {
      test::shuffle(given, rng);
      EXPECT_TRUE(suppress(given, options) == want) << "sample " << sample;
    }
  }
}

TEST(BoxesNmsLaw, SurvivorsDoNotSuppressEachOther) {
  for (std::uint64_t sample = 0; sample < 100; ++sample) {
    Rng rng = test::test_rng(8'000'000 + sample);
    NmsOptions options = random_options(rng);
    options.merge = false;
    if (options.method == NmsMethod::soft || options.method == NmsMethod::weighted) continue;
    const auto kept = suppress(test::random_candidates(rng, 150, 3), options);
    EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end(), before));
    for (std::size_t i = 0; i < kept.size(); ++i) {
      for (std::size_t j = i + 1; j < kept.size(); ++j) {
        if (!rivals(kept[i], kept[j], options)) continue;
        EXPECT_LE(measure(kept[i].box, kept[j].box, options), options.overlap);
      }
    }
    // Suppressing again changes nothing.
    EXPECT_TRUE(suppress(kept, options) == kept);
  }
}

}  // namespace
}  // namespace syolo

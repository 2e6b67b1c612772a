// What a student's answers lack to be its teacher's.
#include "syolo/train/losses/distillation_impl.h"

#include <gtest/gtest.h>

#include <cmath>

namespace syolo::test {
namespace {

using train::Answers;
using train::Distillation;

const torch::TensorOptions kDouble = torch::TensorOptions(torch::kFloat64);

HeadSpec head_of(DecodeForm form, int classes = 2) {
  HeadSpec head;
  head.form = form, head.classes = classes, head.anchors = {{12, 16}};
  return head;
}

double loss(const torch::Tensor& student, const torch::Tensor& teacher,
            const Distillation& options = {}, const HeadSpec& own = head_of(DecodeForm::classic),
            const HeadSpec& other = head_of(DecodeForm::classic)) {
  const std::vector<torch::Tensor> s = {student}, t = {teacher};
  const std::vector<HeadSpec> of_s = {own}, of_t = {other};
  return train::distillation_loss({s, of_s, s}, {t, of_t, t}, {64, 64}, options).item<double>();
}

TEST(Distillation, IsZeroForEqualAnswersAndFeaturesAlone) {
  torch::manual_seed(1);
  const torch::Tensor answers = torch::randn({2, 7, 4, 4}, kDouble);
  const torch::Tensor others = torch::randn({2, 7, 4, 4}, kDouble);
  const Distillation all{.answers = 1, .features = 1, .temperature = 2};
  EXPECT_NEAR(loss(answers, answers, all), 0, 1e-9);
  EXPECT_GT(loss(answers, others, all), 0.1);
  EXPECT_NEAR(loss(3 * answers, answers, {.answers = 0, .features = 1}), 0, 1e-9)
      << "maps count by their shape";
  EXPECT_EQ(loss(answers, others, {.answers = 0, .features = 0}), 0);
}

/// One slot by hand.
TEST(Distillation, IsTheSumOfItsTerms) {
  torch::Tensor student = torch::zeros({1, 7, 1, 1}, kDouble);
  torch::Tensor teacher = student.clone();
  student[0][4] = 1, teacher[0][4] = -2;  // objectness
  student[0][5] = 0.5, teacher[0][5] = 3;
  const auto kl = [](double s, double t) {
    const double p = 1 / (1 + std::exp(-s)), q = 1 / (1 + std::exp(-t));
    return q * std::log(q / p) + (1 - q) * std::log((1 - q) / (1 - p));
  };
  // The only slot has all weight, whatever its objectness; boxes are equal.
  EXPECT_NEAR(loss(student, teacher), kl(1, -2) + kl(0.5, 3) / 2, 1e-9);
  EXPECT_NEAR(loss(student, teacher, {.temperature = 2}), 4 * (kl(0.5, -1) + kl(0.25, 1.5) / 2),
              1e-9);
}

TEST(Distillation, TeachesBoxesAndClassesOfWhatTheTeacherSees) {
  torch::Tensor teacher = torch::zeros({1, 7, 1, 2}, kDouble);
  teacher[0][4][0][0] = 9, teacher[0][4][0][1] = -9;
  const auto with = [&](int entry, int cell) {
    torch::Tensor student = teacher.clone();
    student[0][entry][0][cell] += 2;
    return loss(student, teacher);
  };
  for (const int entry : {0, 2, 5}) {  // x, w, a class
    EXPECT_GT(with(entry, 0), 0.05) << entry;
    EXPECT_LT(with(entry, 1), 1e-3) << entry;
  }
}

TEST(Distillation, ComparesBoxesOfBothForms) {
  const HeadSpec classic = head_of(DecodeForm::classic), other = head_of(DecodeForm::new_coords);
  torch::Tensor student = torch::zeros({1, 7, 1, 1}, kDouble), teacher = student.clone();
  student[0][2] = std::log(1.5);                                    // 1.5 anchors
  teacher[0][2] = std::log(std::sqrt(1.5) / (2 - std::sqrt(1.5)));  // (2 sigma)^2 = 1.5
  student[0][4] = teacher[0][4] = 4;
  EXPECT_NEAR(loss(student, teacher, {}, classic, other), 0, 1e-9);
}

TEST(Distillation, HandsGradientsToTheStudent) {
  torch::manual_seed(1);
  torch::Tensor student = torch::randn({1, 7, 3, 3}, kDouble).set_requires_grad(true);
  const torch::Tensor teacher = torch::randn({1, 7, 3, 3}, kDouble);
  const std::vector<torch::Tensor> s = {student}, t = {teacher};
  const std::vector<HeadSpec> head = {head_of(DecodeForm::classic)};
  const auto value = [&] {
    return train::distillation_loss({s, head, s}, {t, head, t}, {64, 64}, {.features = 1});
  };
  const double before = value().item<double>();
  value().backward();
  EXPECT_TRUE((student.grad() != 0).all().item<bool>());
  {
    const torch::NoGradGuard no_grad;
    student.sub_(student.grad(), 0.05);
  }
  EXPECT_LT(value().item<double>(), before);
}

}  // namespace
}  // namespace syolo::test

#include "syolo/train/losses/distillation_impl.h"

#include "syolo/train/head_boxes_impl.h"
#include "syolo/train/overlap_impl.h"

namespace syolo::train {
namespace {

/// KL of two coins, by their logits: of what the teacher says to what the student says.
torch::Tensor divergence(const torch::Tensor& student, const torch::Tensor& teacher,
                         double temperature) {
  const torch::Tensor s = student / temperature, t = teacher / temperature;
  const torch::Tensor q = torch::sigmoid(t);
  return (q * (torch::log_sigmoid(t) - torch::log_sigmoid(s)) +
          (1 - q) * (torch::log_sigmoid(-t) - torch::log_sigmoid(-s))) *
         (temperature * temperature);
}

/// N, anchor, entries, H, W -> [slots, entries].
torch::Tensor rows(const torch::Tensor& values) {
  return values.permute({0, 1, 3, 4, 2}).reshape({-1, values.size(2)});
}

torch::Tensor head_loss(const torch::Tensor& student, const HeadSpec& of_student,
                        const torch::Tensor& teacher, const HeadSpec& of_teacher, Size input,
                        double temperature) {
  const torch::Tensor s = planes(student, of_student), t = planes(teacher, of_teacher);
  const auto part = [&](std::int64_t first, std::int64_t count) {
    return divergence(s.narrow(2, first, count), t.narrow(2, first, count), temperature);
  };
  const torch::Tensor seen = torch::sigmoid(t.narrow(2, 4, 1));
  const torch::Tensor all = seen.sum().clamp_min(1e-6);
  torch::Tensor loss = part(4, 1).mean();
  if (of_student.classes > 1) {
    loss = loss + (part(5, of_student.classes) * seen).sum() / all / of_student.classes;
  }
  const torch::Tensor boxes = rows(head_boxes(head_outputs(s, of_student), of_student, input));
  const torch::Tensor wanted = rows(head_boxes(head_outputs(t, of_teacher), of_teacher, input));
  const torch::Tensor missing = 1 - overlap(Overlap::ciou, boxes, wanted);
  return loss + (missing * rows(seen).squeeze(1)).sum() / all;
}

torch::Tensor attention(const torch::Tensor& features) {
  const torch::Tensor map = features.to(torch::kFloat32).square().mean(1).flatten(1);
  return map / map.norm(2, 1, true).clamp_min(1e-12);
}

}  // namespace

torch::Tensor distillation_loss(const Answers& student, const Answers& teacher, Size input,
                                const Distillation& options) {
  torch::Tensor loss = torch::zeros({}, student.logits[0].options());
  for (std::size_t i = 0; i < student.logits.size(); ++i) {
    if (options.answers > 0) {
      loss =
          loss + options.answers * head_loss(student.logits[i], student.heads[i], teacher.logits[i],
                                             teacher.heads[i], input, options.temperature);
    }
    if (options.features > 0) {
      const torch::Tensor difference =
          attention(student.features[i]) - attention(teacher.features[i]);
      loss = loss + options.features * difference.square().sum(1).mean();
    }
  }
  return loss * static_cast<double>(student.logits[0].size(0));
}

}  // namespace syolo::train

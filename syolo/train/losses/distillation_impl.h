// Knowledge distillation: a network learns from what a larger one answers, beside the truth.
#pragma once

#include <span>
#include <vector>

#include "syolo/base/geometry.h"
#include "syolo/graph/head.h"
#include "syolo/train/torch_impl.h"

namespace syolo::train {

/// Gains; 0: off.
struct Distillation {
  double answers = 1, features = 0;
  double temperature = 1;  // softens logits; arXiv:1503.02531
};

/// Logits of every head, N,C,H,W, of one kind of network.
struct Answers {
  std::span<const torch::Tensor> logits;
  std::span<const HeadSpec> heads;
  std::span<const torch::Tensor> features;  // what each head's convolution reads
};

/// What the student's answers lack to be the teacher's, summed over the pictures. Of each head:
/// - objectness: mean over the slots of the divergence of the two, times the temperature squared;
/// - classes alike, and 1 - CIoU of the boxes: means weighted by the teacher's objectness, so that
///   only what it sees is taught (arXiv:1805.06361);
/// - features: squared difference of the attention maps, the channels' mean squares at length 1
///   (arXiv:1612.03928), which needs no layer between the two.
/// Forms of heads may differ; grids, anchors per cell and classes are the same.
torch::Tensor distillation_loss(const Answers& student, const Answers& teacher, Size input,
                                const Distillation& options);

}  // namespace syolo::train

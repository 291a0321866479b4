// The references of optimizers against PyTorch 1.13 in double precision: after three steps of
//   w = torch.tensor([1, -0.5, 0.25]), gradients [0.5, -0.25, 2], [-1, 0.125, 0.5], [0.25, 0, -0.75], learning rate
//   0.1.
#include "reference/optimizer.h"

#include <gtest/gtest.h>

namespace bnlab::reference {
namespace {

using Kind = OptimizerRule::Kind;

void expect_after_three_steps(const OptimizerRule& rule, const std::vector<double>& expected, double clip_norm = 0.0) {
  Array value{{3}, {1.0, -0.5, 0.25}};
  OptimizerMemory memory({3});
  for (const auto& g : std::vector<std::vector<double>>{{0.5, -0.25, 2.0}, {-1.0, 0.125, 0.5}, {0.25, 0.0, -0.75}}) {
    Array gradient{{3}, g};
    const double factor = clipping_factor(std::sqrt(dot(gradient, gradient)), clip_norm);
    for (double& x : gradient.values) x *= factor;
    optimizer_step(value, memory, gradient, rule, 0.1);
  }
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(value.values[i], expected[i], 1e-14) << i;
}

TEST(ReferenceOptimizer, Sgd) {
  // torch.optim.SGD([w], 0.1, momentum=0.9, weight_decay=0.1), then with nesterov=True
  expect_after_three_steps({.kind = Kind::sgd, .momentum = 0.9, .weight_decay = 0.1},
                           {0.97477399999999992, -0.42901199999999995, -0.31782525000000006});
  expect_after_three_steps({.kind = Kind::sgd, .momentum = 0.9, .nesterov = true, .weight_decay = 0.1},
                           {0.97394864600000008, -0.410453073, -0.42831269475});
}

TEST(ReferenceOptimizer, Clipping) {
  // torch.optim.SGD([w], 0.1), torch.nn.utils.clip_grad_norm_([w], 1.0) before each step
  expect_after_three_steps({}, {1.039811650853657, -0.49907252172309846, 0.18424695896986718}, 1.0);
}

TEST(ReferenceOptimizer, Adam) {
  // torch.optim.Adam([w], 0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1), then torch.optim.AdamW
  OptimizerRule rule{
      .kind = Kind::adam, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = 0.1, .decoupled = false};
  expect_after_three_steps(rule, {0.93102043141086299, -0.32414929006780324, 0.037463277637197243});
  rule.decoupled = true;
  expect_after_three_steps(rule, {0.92814329952954944, -0.35114205159342915, 0.033895831083268615});
}

TEST(ReferenceOptimizer, RmsProp) {
  // torch.optim.RMSprop([w], 0.1, alpha=0.9, eps=1e-3, weight_decay=0.1), then with momentum=0.5
  OptimizerRule rule{.kind = Kind::rmsprop, .smoothing = 0.9, .epsilon = 1e-3, .weight_decay = 0.1};
  expect_after_three_steps(rule, {0.85470749699995985, -0.26455090779231499, -0.025441937476118698});
  rule.momentum = 0.5;
  expect_after_three_steps(rule, {0.75742397838329523, -0.10143491384790104, -0.29941704237272498});
}

}  // namespace
}  // namespace bnlab::reference

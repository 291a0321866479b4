#include "training/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace bnlab::training {
namespace {

using config::OptimizerConfig;
using config::ScheduleConfig;
using config::ScheduleType;

/// The rates of all steps, or of the first ones, with a learning rate of 0.8. PyTorch's are from 1.13: the rate before
/// each optimizer.step() of torch.optim.SGD(..., lr=0.8), with one scheduler.step() after each.
void expect_rates(const ScheduleConfig& schedule, const std::vector<double>& expected, std::int64_t steps = 0) {
  OptimizerConfig config;
  config.learning_rate = 0.8;
  config.schedule = schedule;
  const auto count = static_cast<std::int64_t>(expected.size());
  for (std::int64_t step = 1; step <= count; ++step)
    EXPECT_NEAR(learning_rate(config, step, steps ? steps : count), expected[static_cast<std::size_t>(step - 1)], 1e-14)
        << "step " << step;
}

TEST(Schedule, Constant) {
  OptimizerConfig config;
  config.learning_rate = 0.3;
  config.schedule.every = 2;
  for (const std::int64_t step : {1, 2, 3, 1000000}) EXPECT_EQ(learning_rate(config, step, 1000000), 0.3);
}

TEST(Schedule, ConstantAfterWarmUp) {
  // LinearLR(o, 0.25, 1.0, total_iters=4)
  expect_rates({.warmup_steps = 4, .warmup_start = 0.25}, {0.2, 0.35, 0.5, 0.65, 0.8, 0.8});
}

TEST(Schedule, WarmUpMayBeginWithNothingAndNeverEnd) {
  expect_rates({.warmup_steps = 4}, {0.0, 0.2, 0.4, 0.6, 0.8}, 5);
  expect_rates({.type = ScheduleType::cosine, .warmup_steps = 8}, {0.0, 0.1, 0.2}, 3);
}

TEST(Schedule, StepsFallAfterEveryManySteps) {
  expect_rates({.type = ScheduleType::step, .every = 3, .factor = 0.5},
               {0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1});
}

TEST(Schedule, StepsAreCountedFromTheEndOfWarmUp) {
  // SequentialLR(o, [LinearLR(o, 0.1, 1.0, 4), StepLR(o, 2, 0.5)], [4])
  expect_rates({.type = ScheduleType::step, .every = 2, .factor = 0.5, .warmup_steps = 4, .warmup_start = 0.1},
               {0.08, 0.26, 0.44, 0.62, 0.8, 0.8, 0.4, 0.4, 0.2, 0.2});
}

TEST(Schedule, AFactorAboveOneRaisesTheRate) {
  expect_rates({.type = ScheduleType::step, .every = 1, .factor = 10}, {0.8, 8.0, 80.0});
}

TEST(Schedule, Exponential) {
  // ExponentialLR(o, 0.5 ** (1 / 3))
  expect_rates({.type = ScheduleType::exponential, .every = 3, .factor = 0.5},
               {0.8, 0.63496042078727988, 0.50396841995794939, 0.4, 0.31748021039364005, 0.25198420997897475, 0.2});
}

TEST(Schedule, Doubling) {
  // ExponentialLR(o, 2 ** (1 / 4))
  expect_rates({.type = ScheduleType::doubling, .every = 4},
               {0.8, 0.95136569200217691, 1.131370849898476, 1.3454342644059432, 1.6, 1.9027313840043534,
                2.2627416997969516, 2.6908685288118859, 3.2});
}

TEST(Schedule, Cosine) {
  // CosineAnnealingLR(o, 10, 0.1 * 0.8)
  expect_rates({.type = ScheduleType::cosine, .final_fraction = 0.1},
               {0.8, 0.78238034586625527, 0.73124611797498096, 0.6516026908252901, 0.5512461179749808, 0.44,
                0.32875388202501882, 0.22839730917470963, 0.14875388202501894, 0.097619654133744738});
}

TEST(Schedule, CosineAfterWarmUp) {
  // SequentialLR(o, [LinearLR(o, 0.25, 1.0, 3), CosineAnnealingLR(o, 7)], [3])
  expect_rates({.type = ScheduleType::cosine, .warmup_steps = 3, .warmup_start = 0.25},
               {0.2, 0.4, 0.6, 0.8, 0.76038754716096768, 0.6493959207434935, 0.4890083735825258, 0.3109916264174743,
                0.15060407925650662, 0.039612452839032385});
}

TEST(Schedule, OneCycle) {
  // OneCycleLR(o, 0.8, total_steps=11, pct_start=0.3, div_factor=1 / 0.04, final_div_factor=0.04 / 0.001)
  expect_rates(
      {.type = ScheduleType::one_cycle, .final_fraction = 0.001, .peak = 0.3, .initial_fraction = 0.04},
      {0.032, 0.33787289098778867, 0.76820913977809402, 0.78381339225635327, 0.70767262992560909, 0.58108789415016127,
       0.42484019966440845, 0.26458023508758644, 0.12661737069884949, 0.033600532532597788, 0.0008});
  // total_steps=10, pct_start=0.45, div_factor=2, final_div_factor=inf
  expect_rates({.type = ScheduleType::one_cycle, .final_fraction = 0.0, .peak = 0.45, .initial_fraction = 0.5},
               {0.4, 0.47530203962825329, 0.64450418679126287, 0.78019377358048381, 0.78379718944579901,
                0.66194429357811413, 0.45692593530931414, 0.23383399479924549, 0.063498586867527476, 0.0});
}

TEST(Schedule, OneCycleOfAFewSteps) {
  // total_steps=4, pct_start=0.1, then total_steps=2, pct_start=0.3: the way up would end before the first step
  expect_rates({.type = ScheduleType::one_cycle, .final_fraction = 0.001, .peak = 0.1},
               {0.74646375135226184, 0.46978981179570539, 0.14354207116925888, 0.0008});
  expect_rates({.type = ScheduleType::one_cycle, .final_fraction = 0.001, .peak = 0.3}, {0.64954652482274988, 0.0008});
  // peak * steps = 1: PyTorch divides by zero
  expect_rates({.type = ScheduleType::one_cycle, .final_fraction = 0.5, .peak = 0.5}, {0.8, 0.4});
}

// What configs say about the end: one_cycle is at final_fraction in the last step, cosine in the one after it.
TEST(Schedule, TheLastStep) {
  const auto last = [](const ScheduleConfig& schedule, std::int64_t steps = 5) {
    OptimizerConfig config;
    config.learning_rate = 1;
    config.schedule = schedule;
    return learning_rate(config, steps, steps);
  };
  const auto expect = [](double actual, double expected) { EXPECT_NEAR(actual, expected, 1e-12); };
  expect(last({}), 1.0);
  expect(last({.type = ScheduleType::step, .every = 2, .factor = 0.5}), 0.25);  // after steps 2 and 4
  expect(last({.type = ScheduleType::step, .every = 4, .factor = 0.5}), 0.5);   // the change comes in this step
  expect(last({.type = ScheduleType::step, .every = 5, .factor = 0.5}), 1.0);   // it would come in the next
  expect(last({.type = ScheduleType::exponential, .every = 5, .factor = 0.5}), std::pow(0.5, 0.8));
  expect(last({.type = ScheduleType::doubling, .every = 2}), 4.0);
  expect(last({.type = ScheduleType::cosine, .final_fraction = 0.1}),
         0.1 + 0.9 * (1 + std::cos(0.8 * std::acos(-1.0))) / 2);
  EXPECT_NEAR(last({.type = ScheduleType::cosine, .final_fraction = 0.1}), 0.186, 5e-4);
  EXPECT_NEAR(last({.type = ScheduleType::cosine, .final_fraction = 0.1}, 1000), 0.1, 1e-5);
  expect(last({.type = ScheduleType::cosine, .final_fraction = 0.1, .warmup_steps = 3}), 0.1 + 0.9 / 2);
  expect(last({.type = ScheduleType::one_cycle, .final_fraction = 0.1}), 0.1);
  expect(last({.warmup_steps = 4, .warmup_start = 0.2}), 1.0);
  expect(last({.warmup_steps = 5, .warmup_start = 0.2}), 0.2 + 0.8 * 0.8);
}

TEST(Schedule, IsFiniteHoweverFarItGrows) {
  OptimizerConfig config;
  config.schedule = {.type = ScheduleType::doubling, .every = 1};
  double last = 0;
  for (std::int64_t step = 1; step <= 3000; ++step) {
    const double rate = learning_rate(config, step, 3000);
    EXPECT_GE(rate, last);
    EXPECT_LE(rate, static_cast<double>(std::numeric_limits<float>::max()));
    last = rate;
  }
  EXPECT_EQ(last, static_cast<double>(std::numeric_limits<float>::max()));
}

}  // namespace
}  // namespace bnlab::training

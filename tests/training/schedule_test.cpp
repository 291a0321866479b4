#include "training/schedule.h"

#include <gtest/gtest.h>

namespace bnlab::training {
namespace {

TEST(Schedule, Constant) {
  config::OptimizerConfig config;
  config.learning_rate = 0.3;
  config.schedule.every = 2;
  for (const std::int64_t step : {1, 2, 3, 1000000}) EXPECT_EQ(learning_rate(config, step), 0.3);
}

TEST(Schedule, StepsFallAfterEveryManySteps) {
  config::OptimizerConfig config;
  config.learning_rate = 0.8;
  config.schedule = {.type = config::ScheduleType::step, .every = 3, .factor = 0.5};
  const std::vector<double> expected{0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1};
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_DOUBLE_EQ(learning_rate(config, static_cast<std::int64_t>(i) + 1), expected[i]) << "step " << i + 1;
}

TEST(Schedule, AFactorAboveOneRaisesTheRate) {
  config::OptimizerConfig config;
  config.learning_rate = 0.01;
  config.schedule = {.type = config::ScheduleType::step, .every = 1, .factor = 10};
  EXPECT_DOUBLE_EQ(learning_rate(config, 3), 1.0);
}

}  // namespace
}  // namespace bnlab::training

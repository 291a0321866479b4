// The gradient of a recurrent layer's states, against double precision.
#include "probes/twin_testing.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

void expect_profile(const config::Recurrent& block, NormalizationType type, std::int64_t inputs, std::int64_t steps,
                    const reference::RecurrentOptions& reading) {
  Net net;
  net.recurrent(inputs, block.units, steps, reference::Activation::tanh,
                type == NormalizationType::none ? reference::StepStatistics::none : reference::StepStatistics::per_step,
                {}, reading);
  net.dense(block.units, 5);
  Twin twin(test::small_config(type, {test::block(block)}), probe_of(ProbeType::recurrent_gradients), net);
  twin.run();
  const std::vector<Row> rows = twin.probe.measure("recurrent_gradients", 3);
  const std::vector<Array>& diffs = twin.net.diff_states("recurrent1");
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(steps));
  ASSERT_EQ(diffs.size(), rows.size());
  for (std::size_t t = 0; t < rows.size(); ++t) {
    EXPECT_EQ(rows[t].at("step"), "3");
    EXPECT_EQ(rows[t].at("layer"), "recurrent1");
    EXPECT_EQ(rows[t].at("time"), std::to_string(t + 1));
    const double norm = std::sqrt(squares(diffs[t])), last = std::sqrt(squares(diffs.back()));
    EXPECT_NEAR(std::stod(rows[t].at("gradient_norm")) / norm, 1, 1e-4) << t;
    EXPECT_NEAR(std::stod(rows[t].at("relative")) / (norm / last), 1, 1e-4) << t;
  }
  EXPECT_EQ(rows.back().at("relative"), "1");
}

TEST(RecurrentGradients, AreThoseOfEachState) {
  expect_profile({.units = 17}, NormalizationType::none, 6, 4, {});
  expect_profile({.units = 17}, NormalizationType::batch, 6, 4, {});
  expect_profile(
      {.units = 17, .reads = config::RecurrentReads::pixels, .normalize = config::RecurrentNormalize::separate},
      NormalizationType::batch, 2, 12, {.reads_pixels = true, .order = {}, .separate = true});
}

TEST(RecurrentGradients, NeedARecurrentLayer) {
  config::RunConfig run = conv_run(NormalizationType::batch);
  run.probes = {probe_of(ProbeType::recurrent_gradients)};
  EXPECT_THROW(probes::check(run, network::check(run, test::small_dataset().info)), ConfigError);
}

}  // namespace
}  // namespace bnlab::probes

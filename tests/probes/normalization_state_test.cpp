#include "probes/normalization_state.h"

#include "probes/probe_testing.h"

namespace bnlab::probes {
namespace {

using config::NormalizationType;
using config::ProbeType;
using test::expect_value;
using test::ProbeRun;
using test::Row;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

config::ProbeConfig probe_config() {
  return {.type = ProbeType::normalization_state, .every = 1, .examples = 0, .units = {}};
}

/// Mean and biased variance of the first batch at the first normalization: of a dense layer without a bias.
std::pair<double, double> statistics_of_unit(const ProbeRun& probe, std::size_t unit) {
  const std::vector<float> weights = probe.network.parameters().all()[0]->row_major_value();  // (17, 24)
  std::vector<std::uint32_t> index{0};
  std::vector<float> image(24);
  std::int32_t label = 0;
  std::vector<double> outputs;
  for (std::uint32_t n = 0; n < 6; ++n) {
    index[0] = n;
    probe.scaler.gather(probe.dataset.train, index, image.data(), &label);
    double sum = 0;
    for (std::size_t i = 0; i < 24; ++i)
      sum += static_cast<double>(weights[unit * 24 + i]) * static_cast<double>(image[i]);
    outputs.push_back(sum);
  }
  double mean = 0, variance = 0;
  for (const double y : outputs) mean += y / 6.0;
  for (const double y : outputs) variance += (y - mean) * (y - mean) / 6.0;
  return {mean, variance};
}

TEST(NormalizationState, AfterAStep) {
  auto run = test::small_mlp(NormalizationType::batch);
  run.normalization.running_average_decay = 0.75;
  ProbeRun probe(run, probe_config());
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  probe.network.update_running_statistics();
  layers::Parameter& gamma = *probe.network.parameters().all()[1];
  ASSERT_EQ(gamma.name, "normalization1.gamma");
  const std::vector<float> scale = test::numbers(17, 4);
  gamma.set_row_major_value(scale);
  const std::vector<Row> rows = probe.measure("normalization_state", 1);
  ASSERT_EQ(rows.size(), 17u + 3u);
  for (std::size_t c = 0; c < 17; ++c) {
    const auto [mean, variance] = statistics_of_unit(probe, c);
    const Row& row = rows[c];
    EXPECT_EQ(row.at("layer"), "normalization1");
    EXPECT_EQ(row.at("unit"), std::to_string(c));
    expect_value(row, "gamma", static_cast<double>(scale[c]));
    expect_value(row, "beta", 0);
    EXPECT_NEAR(std::stod(row.at("batch_mean")), mean, 1e-5);
    EXPECT_NEAR(std::stod(row.at("batch_variance")), variance, 1e-5 * (1 + variance));
    EXPECT_NEAR(std::stod(row.at("running_mean")), 0.25 * mean, 1e-5);
    // The running variance starts at 1 and takes the unbiased one of 6 values.
    EXPECT_NEAR(std::stod(row.at("running_variance")), 0.75 + 0.25 * variance * 6 / 5, 1e-5 * (1 + variance));
  }
  EXPECT_EQ(rows[17].at("layer"), "normalization2");
}

TEST(NormalizationState, BeforeTheFirstStep) {
  ProbeRun probe(test::small_conv(NormalizationType::batch), probe_config());
  const std::vector<Row> rows = probe.measure("normalization_state", 0);
  ASSERT_EQ(rows.size(), 20u);
  for (const Row& row : rows) {
    expect_value(row, "gamma", 1);
    expect_value(row, "beta", 0);
    expect_value(row, "running_mean", 0);
    expect_value(row, "running_variance", 1);
    expect_value(row, "batch_mean", nan);
    expect_value(row, "batch_variance", nan);
  }
}

TEST(NormalizationState, WithoutAffine) {
  auto run = test::small_mlp(NormalizationType::batch);
  run.normalization.affine = false;
  ProbeRun probe(run, probe_config());
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  for (const Row& row : probe.measure("normalization_state", 1)) {
    expect_value(row, "gamma", 1);
    expect_value(row, "beta", 0);
    EXPECT_NE(row.at("batch_variance"), "nan");
  }
}

TEST(NormalizationState, WithoutNormalization) {
  ProbeRun probe(test::small_mlp(NormalizationType::none), probe_config());
  EXPECT_TRUE(probe.measure("normalization_state", 1).empty());
}

}  // namespace
}  // namespace bnlab::probes

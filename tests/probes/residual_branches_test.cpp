// The probe of residual branches, against double precision.
#include "probes/twin_testing.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

config::RunConfig residual_run(bool zero_gamma) {
  config::Residual same;
  same.body = {test::dense_block(9, Activation::tanh), test::dense(9), test::block(config::Normalization{})};
  config::Residual wider = same;
  std::get<config::Dense>(wider.body[1].spec).units = 13;
  config::RunConfig run = test::small_config(
      NormalizationType::batch,
      {test::block(config::Flatten{}), test::dense_block(9, Activation::tanh), test::block(same), test::block(wider)});
  run.normalization.zero_gamma_residual = zero_gamma;
  return run;
}

TEST(ResidualBranches, AddNothingWithZeroGamma) {
  for (const bool zero : {true, false}) {
    ProbeRun probe(residual_run(zero), probe_of(ProbeType::residual_branches));
    const std::vector<Row> rows = probe.measure("residual_branches", 0);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].at("layer"), "residual1");
    for (const Row& row : rows) {
      EXPECT_EQ(row.at("branch_magnitude") == "0", zero);
      EXPECT_EQ(row.at("branch_share") == "0", zero);
    }
    EXPECT_EQ(rows[0].at("identity_error") == "0", zero);
    EXPECT_EQ(rows[1].at("identity_error"), "nan");
  }
}

TEST(ResidualBranches, KnownNumbers) {
  ProbeRun probe(residual_run(false), probe_of(ProbeType::residual_branches));
  // The body of the first block gives its last beta alone, the same for each image.
  std::vector<float> beta{0, 1, -3, 0, 0, 0, 0, 0, 2};
  double from_body = 0;
  for (const auto& parameter : probe.network.parameters().all()) {
    if (parameter->name == "normalization3.gamma") parameter->set_row_major_value(std::vector<float>(9, 0.0f));
    if (parameter->name == "normalization3.beta") parameter->set_row_major_value(beta);
  }
  for (const float value : beta) from_body += 6.0 * static_cast<double>(value) * static_cast<double>(value);
  const auto program = probe.network.build(onednn::Mode::observe, 6, false, {"src", "dst"});
  data::BatchOrder order(1, probe.dataset.train.size(), 6, RandomPurpose::probe);
  probe.scaler.gather(probe.dataset.train, order.batch(0), program->images(), program->labels());
  program->forward();
  double sum = 0, largest = 0;
  for (const auto& seen : program->observations()) {
    if (seen.layer != "residual1") continue;
    for (std::size_t i = 0; i < 54; ++i) {
      const auto value = static_cast<double>(seen.data()[i]);
      if (seen.tensor == "dst") sum += value * value;
      if (seen.tensor == "src") largest = std::max(largest, std::abs(value));
    }
  }
  const Row row = probe.measure("residual_branches", 0)[0];
  EXPECT_EQ(row.at("branch_magnitude"), "3");
  expect_near(row, "branch_share", from_body / sum);
  expect_near(row, "identity_error", 3 / largest);
}

TEST(ResidualBranches, NeedResidualLayers) {
  config::RunConfig run = conv_run(NormalizationType::batch);
  run.probes = {probe_of(ProbeType::residual_branches)};
  EXPECT_THROW(check(run, {}), ConfigError);
  EXPECT_NO_THROW(check(run, {{"residual1", layers::LayerKind::residual, {1, 3}}}));
}

}  // namespace
}  // namespace bnlab::probes

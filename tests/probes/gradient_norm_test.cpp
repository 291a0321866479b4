#include "probes/gradient_norm.h"

#include "probes/probe_testing.h"

namespace bnlab::probes {
namespace {

using config::NormalizationType;
using config::ProbeType;
using test::expect_value;
using test::ProbeRun;
using test::Row;

TEST(GradientNorm, IsThatOfEachParameter) {
  for (const auto& run : {test::small_mlp(NormalizationType::batch), test::small_conv(NormalizationType::none)}) {
    ProbeRun probe(run, {.type = ProbeType::gradient_norm, .every = 1, .examples = 0, .units = {}});
    probe.probe->step_done(41);  // the gradients are gone then
    test::run_first_batch(probe.network, probe.dataset, probe.scaler);
    const std::vector<Row> rows = probe.measure("gradient_norm", 41);
    const auto parameters = probe.network.parameters().all();
    ASSERT_EQ(rows.size(), parameters.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].at("step"), "41");
      EXPECT_EQ(rows[i].at("parameter"), parameters[i]->name);
      const double gradient = test::l2_norm(parameters[i]->row_major_diff());
      const double value = test::l2_norm(parameters[i]->row_major_value());
      EXPECT_GT(gradient, 0) << parameters[i]->name;
      expect_value(rows[i], "gradient_norm", gradient);
      expect_value(rows[i], "value_norm", value);
      expect_value(rows[i], "ratio", value > 0 ? gradient / value : std::numeric_limits<double>::quiet_NaN());
    }
  }
}

TEST(GradientNorm, KnownNumbers) {
  ProbeRun probe(test::small_mlp(NormalizationType::batch),
                 {.type = ProbeType::gradient_norm, .every = 1, .examples = 0, .units = {}});
  layers::Parameter& bias = *probe.network.parameters().all().back();
  ASSERT_EQ(bias.count(), 5);
  bias.set_row_major_value(std::vector<float>{0, 6, 0, 8, 0});
  test::set_gradient(bias, {1, -1, 1, -1, 0});
  const Row row = probe.measure("gradient_norm", 1).back();
  EXPECT_EQ(row.at("value_norm"), "10");
  EXPECT_EQ(row.at("gradient_norm"), "2");
  EXPECT_EQ(row.at("ratio"), "0.2");
}

}  // namespace
}  // namespace bnlab::probes

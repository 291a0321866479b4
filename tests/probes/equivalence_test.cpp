// The probe that compares a network with itself under another normalization.
#include "probes/twin_testing.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

config::RunConfig without_biases(NormalizationType type) {
  config::RunConfig run = conv_run(type);
  for (config::Block& block : run.network.layers) {
    if (auto* conv = std::get_if<config::ConvBlock>(&block.spec)) conv->bias = false;
    if (auto* dense = std::get_if<config::DenseBlock>(&block.spec)) dense->bias = false;
  }
  return run;
}

TEST(Equivalence, OfLayerAndGroupNormalization) {
  config::ProbeConfig probe = probe_of(ProbeType::equivalence);
  probe.normalization.emplace();
  probe.normalization->type = NormalizationType::group;
  probe.normalization->groups = 1;
  ProbeRun run(without_biases(NormalizationType::layer), probe);
  const std::vector<Row> rows = run.measure("equivalence", 2);
  ASSERT_EQ(rows.size(), 2 + run.network.parameters().all().size());
  EXPECT_EQ(rows[0].at("tensor"), "output");
  EXPECT_EQ(rows[1].at("tensor"), "input");
  for (const Row& row : rows) {
    EXPECT_LT(std::stod(row.at("error")), 1e-5) << row.at("tensor");
    EXPECT_GT(std::stod(row.at("size")), 0) << row.at("tensor");
  }
}

// Against both networks in double precision: batch normalization with another epsilon.
TEST(Equivalence, TellsHowFarTwoNormalizationsLieApart) {
  config::ProbeConfig probe = probe_of(ProbeType::equivalence);
  probe.normalization.emplace();
  probe.normalization->type = NormalizationType::batch;
  probe.normalization->epsilon = 0.5;
  Twin twin(conv_run(NormalizationType::batch), probe, conv_twin(true));
  twin.run();
  Net other = conv_twin(true, 0.5);
  for (const std::string& name : other.parameter_names()) other.value(name) = twin.net.value(name);
  other.gradients(twin.images, twin.labels, Mode::batch);
  const auto error = [](const Array& own, const Array& against) {
    double difference = 0;
    for (std::int64_t k = 0; k < own.size(); ++k) difference += std::pow(own.values[k] - against.values[k], 2);
    return std::sqrt(difference / squares(own));
  };
  for (const Row& row : twin.probe.measure("equivalence", 0)) {
    const std::string& tensor = row.at("tensor");
    const auto of = [&](Net& net) -> const Array& {
      return tensor == "output" ? net.dst("dense2") : tensor == "input" ? net.diff_src("conv1") : net.gradient(tensor);
    };
    EXPECT_NEAR(std::stod(row.at("error")), error(of(twin.net), of(other)), 1e-4) << tensor;
    EXPECT_NEAR(std::stod(row.at("size")) / std::sqrt(squares(of(twin.net))), 1, 1e-4) << tensor;
    EXPECT_GT(std::stod(row.at("error")), 1e-3) << tensor;
  }
}

TEST(Equivalence, NeedsTheSameParameters) {
  config::ProbeConfig probe = probe_of(ProbeType::equivalence);
  probe.normalization.emplace();
  probe.normalization->type = NormalizationType::group;
  probe.normalization->channels_per_group = 1;
  EXPECT_THROW(ProbeRun(conv_run(NormalizationType::instance), probe), ConfigError);  // its layers have no biases
}

}  // namespace
}  // namespace bnlab::probes

#include "probes/twin_testing.h"

namespace bnlab::probes {
namespace {

double largest(const Array& a) {
  double found = 0;
  for (const double value : a.values) found = std::max(found, std::abs(value));
  return found;
}

double largest_distance(const Array& a, const Array& b) {
  double found = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) found = std::max(found, std::abs(a.values[i] - b.values[i]));
  return found;
}

// The folded network is the evaluated one up to rounding; it differs from the one that normalizes by the batch as much
// as running statistics differ from those of the batch, here by the references' outputs in double precision.
TEST(Folding, TheErrorOfBothStatistics) {
  config::RunConfig run = conv_run(NormalizationType::batch);
  ProbeRun first(run, probe_of(ProbeType::folding));
  for (int step = 0; step < 3; ++step) {
    test::run_first_batch(first.network, first.dataset, first.scaler);
    first.network.update_running_statistics();
  }
  const NpzArrays weights = first.network.weights();
  Twin twin(run, probe_of(ProbeType::folding), conv_twin(true));
  twin.probe.network.set_weights(weights);
  for (const std::string& name : twin.net.state_names()) Twin::take(twin.net.state(name), weights.at(name));
  const Row row = twin.probe.measure("folding", 3).back();
  const Array evaluated = twin.net.forward(twin.images, Mode::frozen);
  const Array by_batch = twin.net.forward(twin.images, Mode::batch);
  EXPECT_EQ(row.at("step"), "3");
  expect_near(row, "size", largest(evaluated), 1e-5);
  EXPECT_LT(std::stod(row.at("error")), 1e-5);
  const double expected = largest_distance(by_batch, evaluated) / largest(by_batch);
  ASSERT_GT(expected, 0.05);
  expect_near(row, "batch_error", expected);
}

}  // namespace
}  // namespace bnlab::probes

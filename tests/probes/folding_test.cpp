#include "probes/twin_testing.h"

namespace bnlab::probes {
namespace {

// The folded network is the evaluated one up to rounding; it differs from the one that normalizes by the batch as much
// as running statistics differ from those of the batch, here by the references' outputs in double precision.
TEST(Folding, TheErrorOfBothStatistics) {
  Twin twin(conv_run(NormalizationType::batch), probe_of(ProbeType::folding), conv_twin(true));
  for (int step = 0; step < 3; ++step) {
    test::run_first_batch(twin.probe.network, twin.probe.dataset, twin.probe.scaler);
    twin.probe.network.update_running_statistics();
  }
  const NpzArrays arrays = twin.probe.network.weights();
  for (const std::string& name : twin.net.state_names()) Twin::take(twin.net.state(name), arrays.at(name));
  const Row row = twin.probe.measure("folding", 3).back();
  const Array evaluated = twin.net.forward(twin.images, Mode::frozen);
  const Array by_batch = twin.net.forward(twin.images, Mode::batch);
  EXPECT_EQ(row.at("step"), "3");
  expect_near(row, "size", reference::max_abs(evaluated), 1e-5);
  EXPECT_LT(std::stod(row.at("error")), 1e-5);
  const double expected = reference::max_relative_error(evaluated, by_batch);
  ASSERT_GT(expected, 0.05);
  expect_near(row, "batch_error", expected);
}

}  // namespace
}  // namespace bnlab::probes

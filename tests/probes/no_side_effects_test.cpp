// What probes leave as it is.
#include "probes/twin_testing.h"

namespace bnlab::probes {
namespace {

// Every probe on a network with dropout leaves weights, statistics and the loss of the next step as they are.
TEST(Probes, ChangeNothing) {
  for (const ProbeType type :
       {ProbeType::channel_moments, ProbeType::layer_gradients, ProbeType::representations, ProbeType::scale_invariance,
        ProbeType::bias_effect, ProbeType::identity_recovery, ProbeType::normalization_gradients,
        ProbeType::weight_growth, ProbeType::statistics_gap}) {
    config::RunConfig run = conv_run(NormalizationType::batch);
    run.network.layers.insert(run.network.layers.begin() + 2, test::block(config::Dropout{.rate = 0.3}));
    ProbeRun probe(run, probe_of(type));
    test::run_first_batch(probe.network, probe.dataset, probe.scaler);
    probe.network.update_running_statistics();
    const NpzArrays gradients = probe.network.gradients();
    probe.probe->gradients_ready(1, 0.1);
    EXPECT_EQ(probe.network.gradients(), gradients) << static_cast<int>(type);
    const NpzArrays weights = probe.network.weights();
    const std::vector<float> batch_mean = probe.network.states()[0]->batch_mean;
    probe.probe->step_done(1);
    EXPECT_EQ(probe.network.weights(), weights) << static_cast<int>(type);
    EXPECT_EQ(probe.network.states()[0]->batch_mean, batch_mean) << static_cast<int>(type);
  }
}

}  // namespace
}  // namespace bnlab::probes

// What probes leave as it is.
#include "probes/twin_testing.h"

namespace bnlab::probes {
namespace {

void make_step(ProbeRun& probe) {
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  probe.network.update_running_statistics();
}

void expect_no_change(const config::RunConfig& run, const config::ProbeConfig& config) {
  ProbeRun probe(run, config), untouched(run, config);
  make_step(probe);
  make_step(untouched);
  const NpzArrays gradients = probe.network.gradients();
  probe.probe->gradients_ready(1, 0.1);
  EXPECT_EQ(probe.network.gradients(), gradients);
  const NpzArrays weights = probe.network.weights();
  const std::vector<float> batch_mean = probe.network.states()[0]->batch_mean;
  probe.probe->step_done(1);
  EXPECT_EQ(probe.network.weights(), weights);
  EXPECT_EQ(probe.network.states()[0]->batch_mean, batch_mean);
  make_step(probe);
  make_step(untouched);
  EXPECT_EQ(probe.network.train().loss(), untouched.network.train().loss());
  EXPECT_EQ(probe.network.gradients(), untouched.network.gradients());
  EXPECT_EQ(probe.network.weights(), untouched.network.weights());
}

// Every probe on a network with dropout leaves weights, gradients, statistics and the loss of the next step as they
// are.
TEST(Probes, ChangeNothing) {
  for (const ProbeType type :
       {ProbeType::channel_moments, ProbeType::layer_gradients, ProbeType::representations, ProbeType::scale_invariance,
        ProbeType::bias_effect, ProbeType::identity_recovery, ProbeType::normalization_gradients,
        ProbeType::weight_growth, ProbeType::statistics_gap, ProbeType::landscape, ProbeType::covariate_shift,
        ProbeType::hessian, ProbeType::input_gradient, ProbeType::folding}) {
    SCOPED_TRACE(config::name_of(type));
    config::RunConfig run = conv_run(NormalizationType::batch);
    run.network.layers.insert(run.network.layers.begin() + 2, test::block(config::Dropout{.rate = 0.3}));
    config::ProbeConfig config = probe_of(type);
    config.statistics = {config::CurvatureStatistics::batch, config::CurvatureStatistics::frozen};
    expect_no_change(run, config);
  }
}

// Noise of the first state, which a probe draws as well, too.
TEST(Probes, OfRecurrentLayersChangeNothing) {
  config::RunConfig run = test::small_config(
      NormalizationType::batch,
      {test::block(config::Recurrent{
          .units = 9, .normalize = config::RecurrentNormalize::separate, .initial_state_noise = 0.5})});
  expect_no_change(run, probe_of(ProbeType::recurrent_gradients));
}

}  // namespace
}  // namespace bnlab::probes

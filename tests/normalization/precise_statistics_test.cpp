// Pooled precise statistics, against double precision.
#include "network/network_testing.h"

namespace bnlab::network_testing {
namespace {

using config::NormalizationType;

// The pooled variance is that of all values, here of values whose mean is 1e4 deviations from zero in some batches.
TEST(NormalizationState, PooledPreciseStatisticsAreThoseOfAllValues) {
  const data::DatasetInfo dataset = dataset_of(3, 2, 2, 5);
  for (const bool is_unbiased : {false, true}) {
    config::RunConfig config = run_config(
        network_of(config::Normalization{}, config::Flatten{}, config::Dense{.units = 5}), NormalizationType::batch);
    config.normalization.precise_variance = config::PreciseVariance::pooled;
    if (!is_unbiased) config.normalization.running_variance = config::RunningVariance::biased;
    Network network(config, dataset, 6);
    std::mt19937_64 generator(71);
    std::vector<std::vector<double>> values(3);  // of each channel
    for (int repeat = 0; repeat < 2; ++repeat) {
      values.assign(3, {});
      network.reset_precise_statistics();
      for (const std::int64_t size : {6, 6, 4}) {
        Batch batch = random_batch(dataset, size, generator);
        for (std::int64_t i = 0; i < batch.images.size(); ++i) {
          double& value = batch.images.values[i];
          value = static_cast<double>(static_cast<float>(value + (size == 4 ? 3e3 : 2e3)));
          values[static_cast<std::size_t>(i / 4 % 3)].push_back(value);
        }
        loss_of(*network.build(Mode::evaluate_batch, size), batch);
        network.accumulate_precise_statistics(size);
      }
      network.use_precise_statistics();
    }
    for (std::size_t c = 0; c < 3; ++c) {
      const auto count = static_cast<double>(values[c].size());
      double mean = 0, squares = 0;
      for (const double value : values[c]) mean += value / count;
      for (const double value : values[c]) squares += (value - mean) * (value - mean);
      const double variance = squares / (is_unbiased ? count - 1 : count);
      EXPECT_NEAR(static_cast<double>(network.states()[0]->population_mean[c]) / mean, 1, 1e-6);
      EXPECT_NEAR(static_cast<double>(network.states()[0]->population_variance[c]) / variance, 1, 1e-5);
    }
  }
}

}  // namespace
}  // namespace bnlab::network_testing

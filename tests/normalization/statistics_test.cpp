// Running, precise and batch statistics over several steps, and evaluation with each.
#include "network/network_testing.h"

namespace bnlab::network_testing {
namespace {

using config::Activation;
using config::NormalizationType;
using config::RunningVariance;

struct Case {
  std::string name;
  bool images;
  std::int64_t batch;
  double decay;
  bool unbiased;
};

class NormalizationStatistics : public ::testing::TestWithParam<Case> {
 protected:
  NormalizationStatistics() {
    const Case& c = GetParam();
    dataset_ = c.images ? dataset_of(2, 4, 3, 5) : dataset_of(9, 1, 1, 5);
    const reference::NormalizationOptions options{.running_average_decay = c.decay,
                                                  .unbiased_running_variance = c.unbiased};
    if (c.images) {
      net_.conv(2, 17, {3, 3}, {{1, 1}, {1, 1}, 1}, false).normalization(17, options);
      net_.activation(reference::Activation::relu).flatten().dense(17 * 12, 5);
    } else {
      net_.flatten().dense(9, 17, false).normalization(17, options);
      net_.activation(reference::Activation::relu).dense(17, 5);
    }
    config_ = run_config(
        c.images ? network_of(conv_block(17, Activation::relu), config::Flatten{}, config::Dense{.units = 5})
                 : network_of(config::Flatten{}, dense_block(17, Activation::relu), config::Dense{.units = 5}),
        NormalizationType::batch);
    config_.normalization.running_average_decay = c.decay;
    config_.normalization.running_variance = c.unbiased ? RunningVariance::unbiased : RunningVariance::biased;
    reference::fill(net_, generator_, 1.5);
    network_ = std::make_unique<Network>(config_, dataset_, c.batch);
    copy_weights(net_, *network_);
  }

  Batch batch(std::int64_t size) { return random_batch(dataset_, size, generator_); }
  const normalization::NormalizationState& state() const { return *network_->states().front(); }
  void train_forward(const Batch& images) {
    loss_of(network_->train(), images);
    network_->update_running_statistics();
    net_.forward(images.images, reference::Mode::train);
  }
  void expect_loss(Executable& executable, const Batch& images, reference::Mode mode) {
    const double expected = net_.loss(images.images, images.labels, mode).loss;
    EXPECT_NEAR(loss_of(executable, images), expected, tolerance * expected);
  }

  std::mt19937_64 generator_{31};
  data::DatasetInfo dataset_;
  config::RunConfig config_;
  reference::Net net_;
  std::unique_ptr<Network> network_;
};

Array array_of(const std::vector<float>& values) {
  return reference::from_floats({static_cast<std::int64_t>(values.size())}, values);
}

TEST_P(NormalizationStatistics, RunningOnesFollowTheReferenceOverSteps) {
  for (int step = 0; step < 7; ++step) {
    train_forward(batch(GetParam().batch));
    expect_close(array_of(state().running_mean), net_.state("normalization1.running_mean"), "running_mean");
    expect_close(array_of(state().running_variance), net_.state("normalization1.running_variance"), "running_variance");
    const auto seen = reference::batch_statistics(net_.src("normalization1"));
    expect_close(array_of(state().batch_mean), seen.mean, "batch_mean");
    expect_close(array_of(state().batch_variance), seen.variance, "batch_variance");
  }
}

TEST_P(NormalizationStatistics, EvaluationWithRunningOnesEqualsTheReference) {
  for (int step = 0; step < 3; ++step) train_forward(batch(GetParam().batch));
  network_->use_running_statistics();
  // Whole batches, then a short last one.
  for (const std::int64_t size : {4, 4, 3, 1})
    expect_loss(*network_->build(Pass::evaluate_population, size), batch(size), reference::Mode::frozen);
}

TEST_P(NormalizationStatistics, EvaluationReadsWhatWasCopiedLast) {
  const auto evaluation = network_->build(Pass::evaluate_population, 4);
  const Batch images = batch(4);
  network_->use_running_statistics();
  const double before = loss_of(*evaluation, images);
  train_forward(batch(GetParam().batch));
  EXPECT_EQ(loss_of(*evaluation, images), before);
  network_->use_running_statistics();
  expect_loss(*evaluation, images, reference::Mode::frozen);
}

TEST_P(NormalizationStatistics, EvaluationWithBatchOnesEqualsTheReferenceAndKeepsItsHandsOff) {
  train_forward(batch(GetParam().batch));
  const NpzArrays weights = network_->weights();
  const std::vector<float> batch_mean = state().batch_mean, batch_variance = state().batch_variance;
  for (const std::int64_t size : {4, 3, 1}) {
    const Batch images = batch(size);
    expect_loss(*network_->build(Pass::evaluate_batch, size), images, reference::Mode::batch);
    const auto seen = reference::batch_statistics(net_.src("normalization1"));
    expect_close(array_of(state().evaluated_mean), seen.mean, "evaluated_mean");
    expect_close(array_of(state().evaluated_variance), seen.variance, "evaluated_variance");
  }
  expect_equal(network_->weights(), weights);
  EXPECT_EQ(state().batch_mean, batch_mean);
  EXPECT_EQ(state().batch_variance, batch_variance);
}

// Algorithm 2 of the paper: the mean of the batches' means, and of their (unbiased) variances. A short last batch
// counts with its own m.
TEST_P(NormalizationStatistics, PreciseOnesAreMeansOverBatches) {
  Array mean = reference::zeros({17}), variance = reference::zeros({17});
  const std::vector<std::int64_t> sizes{GetParam().batch, GetParam().batch, 3};
  for (int repeat = 0; repeat < 2; ++repeat) {  // the second time from a clean start
    mean = reference::zeros({17});
    variance = reference::zeros({17});
    network_->reset_precise_statistics();
    for (const std::int64_t size : sizes) {
      const Batch images = batch(size);
      loss_of(*network_->build(Pass::evaluate_batch, size), images);
      network_->accumulate_precise_statistics(size);
      net_.forward(images.images, reference::Mode::batch);
      const auto seen = reference::batch_statistics(net_.src("normalization1"));
      const Array unbiased = GetParam().unbiased ? reference::unbiased_variance(seen) : seen.variance;
      for (std::size_t c = 0; c < 17; ++c) {
        mean.values[c] += seen.mean.values[c] / static_cast<double>(sizes.size());
        variance.values[c] += unbiased.values[c] / static_cast<double>(sizes.size());
      }
    }
    network_->use_precise_statistics();
  }
  expect_close(array_of(state().population_mean), mean, "population_mean");
  expect_close(array_of(state().population_variance), variance, "population_variance");
  for (const float running : state().running_mean) EXPECT_EQ(running, 0.0f);
  for (const float running : state().running_variance) EXPECT_EQ(running, 1.0f);

  net_.state("normalization1.running_mean") = mean;
  net_.state("normalization1.running_variance") = variance;
  for (const std::int64_t size : {4, 3, 1})
    expect_loss(*network_->build(Pass::evaluate_population, size), batch(size), reference::Mode::frozen);
}

INSTANTIATE_TEST_SUITE_P(
    All, NormalizationStatistics,
    ::testing::Values(Case{"units_unbiased", false, 6, 0.9, true}, Case{"units_biased", false, 6, 0.5, false},
                      Case{"one_value_unbiased", false, 1, 0.9, true}, Case{"two_values_unbiased", false, 2, 0.9, true},
                      Case{"without_memory", false, 6, 0.0, true}, Case{"slow", false, 6, 0.999, true},
                      Case{"images_unbiased", true, 4, 0.9, true}, Case{"images_biased", true, 1, 0.75, false}),
    [](const auto& test) { return test.param.name; });

TEST(NormalizationState, OfAFrozenNormalizationNeverMoves) {
  config::RunConfig config =
      run_config(network_of(config::Flatten{}, dense_block(17, Activation::relu), config::Dense{.units = 5}),
                 NormalizationType::frozen);
  const data::DatasetInfo dataset = dataset_of(9, 1, 1, 5);
  Network network(config, dataset, 6);
  std::mt19937_64 generator(32);
  NpzArrays weights = network.weights();
  weights["normalization1.running_mean"] = to_npy(layer_testing::random_array({17}, generator));
  weights["normalization1.running_variance"] = to_npy(reference::random_uniform({17}, generator, 0.5, 2.0));
  network.set_weights(weights);
  const Batch images = random_batch(dataset, 6, generator);
  const double loss = loss_of(network.train(), images);
  network.update_running_statistics();
  expect_equal(network.weights(), weights);

  // Evaluation normalizes as training does, with running and with precise statistics.
  const auto evaluation = network.build(Pass::evaluate_population, 6);
  network.use_running_statistics();
  EXPECT_NEAR(loss_of(*evaluation, images), loss, 1e-6);
  network.reset_precise_statistics();
  loss_of(*network.build(Pass::evaluate_batch, 6), images);
  network.accumulate_precise_statistics(6);
  network.use_precise_statistics();
  EXPECT_NEAR(loss_of(*evaluation, images), loss, 1e-6);
}

TEST(NormalizationState, PreciseStatisticsOfNoBatchAreAnError) {
  const config::RunConfig config =
      run_config(network_of(config::Flatten{}, dense_block(3, Activation::relu), config::Dense{.units = 5}),
                 NormalizationType::batch);
  Network network(config, dataset_of(9, 1, 1, 5), 6);
  network.reset_precise_statistics();
  EXPECT_THROW(network.use_precise_statistics(), std::logic_error);
}

}  // namespace
}  // namespace bnlab::network_testing

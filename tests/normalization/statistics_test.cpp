// Running, precise and batch statistics over several steps, and evaluation with each.
#include <filesystem>

#include "config/names.h"
#include "network/network_testing.h"
#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::network_testing {
namespace {

using config::Activation;
using config::NormalizationType;
using config::RunningVariance;

/// A type, and what of its config is not the default. renorm: with limits that r and d often reach.
struct Kind {
  NormalizationType type = NormalizationType::batch;
  std::int64_t virtual_batch_size = 32;
  config::LpNorm norm = config::LpNorm::l2;
  bool norm_is_raw = false;
};

struct Case {
  std::string name;
  bool images;
  std::int64_t batch;
  double decay;
  bool unbiased;
  Kind kind = {};
};

reference::NormalizationOptions options_of(const Case& c) {
  reference::NormalizationOptions options{.running_average_decay = c.decay, .unbiased_running_variance = c.unbiased};
  switch (c.kind.type) {
    case NormalizationType::ghost:
      options.method = reference::Method::ghost;
      options.virtual_batch_size = c.kind.virtual_batch_size;
      break;
    case NormalizationType::lp:
      options.method = reference::Method::lp;
      if (c.kind.norm_is_raw) options.norm_of = reference::NormOf::raw;
      options.norm = c.kind.norm == config::LpNorm::l1   ? reference::Norm::l1
                     : c.kind.norm == config::LpNorm::l2 ? reference::Norm::l2
                                                         : reference::Norm::linf;
      break;
    case NormalizationType::batch_renorm:
      options.method = reference::Method::renorm;
      options.r_max = {1.1};
      options.d_max = {0.2};
      break;
    default:
      break;
  }
  return options;
}

class NormalizationStatistics : public ::testing::TestWithParam<Case> {
 protected:
  NormalizationStatistics() {
    const Case& c = GetParam();
    dataset_ = c.images ? dataset_of(2, 4, 3, 5) : dataset_of(9, 1, 1, 5);
    net_ = net_of(options_of(c));
    config_ = run_config(
        c.images ? network_of(conv_block(17, Activation::relu), config::Flatten{}, config::Dense{.units = 5})
                 : network_of(config::Flatten{}, dense_block(17, Activation::relu), config::Dense{.units = 5}),
        c.kind.type);
    config_.normalization.running_average_decay = c.decay;
    config_.normalization.virtual_batch_size = c.kind.virtual_batch_size;
    config_.normalization.norm = c.kind.norm;
    if (c.kind.norm_is_raw) config_.normalization.norm_of = config::NormOf::raw;
    config_.normalization.r_max = {.initial = 1.1, .final = 1.1, .begin = 0, .end = 0};
    config_.normalization.d_max = {.initial = 0.2, .final = 0.2, .begin = 0, .end = 0};
    config_.normalization.running_variance = c.unbiased ? RunningVariance::unbiased : RunningVariance::biased;
    reference::fill(net_, generator_, 1.5);
    network_ = std::make_unique<Network>(config_, dataset_, c.batch);
    copy_weights(net_, *network_);
  }

  static reference::Net net_of(const reference::NormalizationOptions& options) {
    reference::Net net;
    if (GetParam().images) {
      net.conv(2, 17, {3, 3}, {{1, 1}, {1, 1}, 1}, false).normalization(17, options);
      net.activation(reference::Activation::relu).flatten().dense(17 * 12, 5);
    } else {
      net.flatten().dense(9, 17, false).normalization(17, options);
      net.activation(reference::Activation::relu).dense(17, 5);
    }
    return net;
  }
  static bool is_noisy() { return GetParam().kind.type == NormalizationType::noisy_batch; }

  Batch batch(std::int64_t size) { return random_batch(dataset_, size, generator_); }
  const normalization::NormalizationState& state() const { return *network_->states().front(); }
  void train_forward(const Batch& images) {
    const double loss = loss_of(network_->train(), images);
    network_->update_running_statistics();
    const double expected = net_.loss(images.images, images.labels, reference::Mode::train).loss;
    if (is_noisy()) return;  // the statistics are those before the noise
    EXPECT_NEAR(loss, expected, tolerance * expected);
  }
  /// Evaluation knows no correction of batch renormalization, which is batch normalization there.
  void expect_loss(Executable& executable, const Batch& images, reference::Mode mode) {
    reference::NormalizationOptions options = options_of(GetParam());
    if (options.method == reference::Method::renorm) options.method = reference::Method::batch;
    reference::Net net = net_of(options);
    for (const std::string& name : net.parameter_names()) net.value(name) = net_.value(name);
    for (const std::string& name : net.state_names()) net.state(name) = net_.state(name);
    const double expected = net.loss(images.images, images.labels, mode).loss;
    EXPECT_NEAR(loss_of(executable, images), expected, tolerance * expected);
  }
  /// What the batch of the last reference forward gives to running statistics.
  reference::Statistics seen(bool unbiased) const {
    reference::NormalizationOptions options = options_of(GetParam());
    options.unbiased_running_variance = unbiased;
    return reference::running_term(options, net_.src("normalization1"));
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
    const auto biased = seen(false);
    expect_close(array_of(state().batch_mean), biased.mean, "batch_mean");
    expect_close(array_of(state().batch_variance), biased.variance, "batch_variance");
  }
}

TEST_P(NormalizationStatistics, EvaluationWithRunningOnesEqualsTheReference) {
  for (int step = 0; step < 3; ++step) train_forward(batch(GetParam().batch));
  network_->use_running_statistics();
  // Whole batches, then a short last one.
  for (const std::int64_t size : {4, 4, 3, 1})
    expect_loss(*network_->build(Mode::evaluate_population, size), batch(size), reference::Mode::frozen);
}

TEST_P(NormalizationStatistics, EvaluationReadsWhatWasCopiedLast) {
  const auto evaluation = network_->build(Mode::evaluate_population, 4);
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
  // Of one image by itself a channel of vectors has one value.
  for (const std::int64_t size : {6, 3, GetParam().images ? 1 : 2}) {
    const Batch images = batch(size);
    expect_loss(*network_->build(Mode::evaluate_batch, size), images, reference::Mode::batch);
    net_.forward(images.images, reference::Mode::batch);
    const auto biased = seen(false);
    expect_close(array_of(state().evaluated_mean), biased.mean, "evaluated_mean");
    expect_close(array_of(state().evaluated_variance), biased.variance, "evaluated_variance");
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
      loss_of(*network_->build(Mode::evaluate_batch, size), images);
      network_->accumulate_precise_statistics(size);
      net_.forward(images.images, reference::Mode::batch);
      const auto term = seen(GetParam().unbiased);
      for (std::size_t c = 0; c < 17; ++c) {
        mean.values[c] += term.mean.values[c] / static_cast<double>(sizes.size());
        variance.values[c] += term.variance.values[c] / static_cast<double>(sizes.size());
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
    expect_loss(*network_->build(Mode::evaluate_population, size), batch(size), reference::Mode::frozen);
}

INSTANTIATE_TEST_SUITE_P(
    All, NormalizationStatistics,
    ::testing::Values(Case{"units_unbiased", false, 6, 0.9, true}, Case{"units_biased", false, 6, 0.5, false},
                      Case{"two_values_unbiased", false, 2, 0.9, true}, Case{"without_memory", false, 6, 0.0, true},
                      Case{"slow", false, 6, 0.999, true}, Case{"images_unbiased", true, 4, 0.9, true},
                      Case{"images_biased", true, 1, 0.75, false}),
    [](const auto& test) { return test.param.name; });

// One value has no variance. Neither the batch nor the last of its virtual batches may be one image of a dense layer.
class SetsOfOneValue : public ::testing::Test {
 protected:
  static std::string error_of(const config::RunConfig& run, const data::DatasetInfo& dataset, std::int64_t batch) {
    try {
      Network network(run, dataset, batch);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }
  static void expect(const std::string& text, const std::string& start, const std::string& place) {
    EXPECT_TRUE(text.starts_with(start)) << text;
    EXPECT_NE(text.find(place + ": "), std::string::npos) << text;
    EXPECT_NE(text.find("normalizes over 1 value"), std::string::npos) << text;
  }

  const data::DatasetInfo vectors = dataset_of(9, 1, 1, 5), images = dataset_of(2, 4, 3, 5);
  const config::NetworkConfig dense =
      network_of(config::Flatten{}, dense_block(17, Activation::relu), config::Dense{.units = 5});
  const config::NetworkConfig conv =
      network_of(conv_block(17, Activation::relu), config::Flatten{}, config::Dense{.units = 5});
};

TEST_F(SetsOfOneValue, AreRefused) {
  const auto point = network_of(conv_block(17, Activation::relu), config::GlobalAvgPool{}, config::Normalization{},
                                config::Flatten{}, config::Dense{.units = 5});
  const auto recurrent = network_of(config::Recurrent{.units = 6}, config::Dense{.units = 5});
  for (const NormalizationType type :
       {NormalizationType::batch, NormalizationType::batch_renorm, NormalizationType::ghost,
        NormalizationType::noisy_batch, NormalizationType::lp}) {
    expect(error_of(run_config(dense, type), vectors, 1), "training.batch_size: must be at least 2, got 1",
           "normalization1");
    expect(error_of(run_config(point, type), images, 1), "training.batch_size", "normalization2");
    expect(error_of(run_config(recurrent, type), images, 1), "training.batch_size", "normalization1.step1");
    EXPECT_EQ(error_of(run_config(dense, type), vectors, 2), "");
    EXPECT_EQ(error_of(run_config(conv, type), images, 1), "");
  }
  for (const NormalizationType type :
       {NormalizationType::frozen, NormalizationType::none, NormalizationType::layer, NormalizationType::noise})
    EXPECT_EQ(error_of(run_config(dense, type), vectors, 1), "") << config::name_of(type);
}

TEST_F(SetsOfOneValue, OfVirtualBatchesAreRefused) {
  for (const NormalizationType type : {NormalizationType::ghost, NormalizationType::batch_renorm}) {
    config::RunConfig run = run_config(dense, type);
    run.normalization.virtual_batch_size = 3;
    expect(error_of(run, vectors, 7),
           "normalization.virtual_batch_size: must not leave 1 image over of the 7 of a batch", "normalization1");
    EXPECT_EQ(error_of(run, vectors, 8), "");
    run.normalization.virtual_batch_size = 1;
    expect(error_of(run, vectors, 8), "normalization.virtual_batch_size: must be at least 2, got 1", "normalization1");
    run.network = conv;
    EXPECT_EQ(error_of(run, images, 7), "");
  }
}

TEST_F(SetsOfOneValue, OfFurtherProgramsAreRefused) {
  Network network(run_config(dense, NormalizationType::batch), vectors, 4);
  EXPECT_THROW(network.build(Mode::evaluate_batch, 1), ConfigError);
  EXPECT_THROW(network.build(Mode::observe, 1), ConfigError);
  EXPECT_NO_THROW(network.build(Mode::evaluate_population, 1));
}

// A config is checked without data, where it says how large its batches are.
TEST_F(SetsOfOneValue, AreRefusedWithoutData) {
  config::RunConfig run = run_config(dense, NormalizationType::batch);
  run.training.batch_size = 1;
  EXPECT_THROW(network::check(run, vectors), ConfigError);
  run.training.composition = config::BatchComposition::full_batch;
  EXPECT_NO_THROW(network::check(run, vectors));
}

Kind ghost_of(std::int64_t images) { return {.type = NormalizationType::ghost, .virtual_batch_size = images}; }
Kind lp_of(config::LpNorm norm, bool is_raw = false) {
  return {.type = NormalizationType::lp, .norm = norm, .norm_is_raw = is_raw};
}
const Kind renorm{.type = NormalizationType::batch_renorm}, noisy{.type = NormalizationType::noisy_batch};

// A ghost batch that is smaller than the others comes last in batches of 7, 8 and 10; of images it may be one alone.
INSTANTIATE_TEST_SUITE_P(
    OtherTypes, NormalizationStatistics,
    ::testing::Values(
        Case{"ghost_unbiased", false, 8, 0.9, true, ghost_of(3)},
        Case{"ghost_biased", false, 8, 0.5, false, ghost_of(3)},
        Case{"ghost_smaller_last", false, 10, 0.9, true, ghost_of(4)},
        Case{"ghost_whole", false, 8, 0.9, true, ghost_of(4)}, Case{"ghost_one", false, 7, 0.9, true, ghost_of(32)},
        Case{"ghost_images_unbiased", true, 7, 0.9, true, ghost_of(3)},
        Case{"ghost_images_biased", true, 7, 0.75, false, ghost_of(2)},
        Case{"l1_unbiased", false, 6, 0.9, true, lp_of(config::LpNorm::l1)},
        Case{"l1_images_biased", true, 4, 0.75, false, lp_of(config::LpNorm::l1)},
        Case{"l2_unbiased", false, 6, 0.9, true, lp_of(config::LpNorm::l2)},
        Case{"l2_images_biased", true, 4, 0.75, false, lp_of(config::LpNorm::l2)},
        Case{"raw_l2_unbiased", true, 4, 0.75, true, lp_of(config::LpNorm::l2, true)},
        Case{"linf_unbiased", false, 6, 0.9, true, lp_of(config::LpNorm::linf)},
        Case{"linf_images_biased", true, 4, 0.75, false, lp_of(config::LpNorm::linf)},
        Case{"renorm_unbiased", false, 6, 0.9, true, renorm}, Case{"renorm_biased", false, 6, 0.5, false, renorm},
        Case{"renorm_images_unbiased", true, 4, 0.9, true, renorm},
        Case{"renorm_images_biased", true, 4, 0.75, false, renorm}, Case{"noisy_unbiased", false, 6, 0.9, true, noisy},
        Case{"noisy_images_biased", true, 4, 0.75, false, noisy}),
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
  const auto evaluation = network.build(Mode::evaluate_population, 6);
  network.use_running_statistics();
  EXPECT_NEAR(loss_of(*evaluation, images), loss, 1e-6);
  network.reset_precise_statistics();
  loss_of(*network.build(Mode::evaluate_batch, 6), images);
  network.accumulate_precise_statistics(6);
  network.use_precise_statistics();
  EXPECT_NEAR(loss_of(*evaluation, images), loss, 1e-6);
}

// What normalizes each image by itself, or adds noise, has nothing to carry from training to evaluation.
TEST(NormalizationState, OfTypesWithoutStatisticsIsNotInFiles) {
  for (const NormalizationType type : {NormalizationType::layer, NormalizationType::instance, NormalizationType::group,
                                       NormalizationType::local_response, NormalizationType::noise}) {
    SCOPED_TRACE(config::name_of(type));
    config::RunConfig config =
        run_config(network_of(conv_block(18, Activation::relu), config::Flatten{}, config::Dense{.units = 5}), type);
    config.normalization.groups = 3;
    const data::DatasetInfo dataset = dataset_of(2, 4, 3, 5);
    Network network(config, dataset, 6), other(config, dataset, 6);
    EXPECT_FALSE(network.has_population_statistics());
    std::mt19937_64 generator(33);
    const NpzArrays initial = network.weights();
    for (const auto& [name, array] : initial) EXPECT_EQ(name.find("running"), std::string::npos) << name;
    const bool is_affine = type != NormalizationType::local_response && type != NormalizationType::noise;
    EXPECT_EQ(initial.count("normalization1.gamma"), is_affine ? 1U : 0U);
    EXPECT_EQ(initial.count("normalization1.beta"), is_affine ? 1U : 0U);
    for (int step = 0; step < 3; ++step) {
      forward_backward(network.train(), random_batch(dataset, 6, generator));
      network.update_running_statistics();
    }
    expect_equal(network.weights(), initial);

    NpzArrays weights = initial;
    for (auto& [name, array] : weights) array = to_npy(layer_testing::random_array(array.shape, generator));
    const test::TemporaryFolder folder;
    const std::filesystem::path file = folder.path() / "weights.npz";
    network.set_weights(weights);
    write_npz(file, network.weights());
    other.set_weights(read_npz(file));
    expect_equal(other.weights(), weights);
    const Batch images = random_batch(dataset, 6, generator);
    for (const Mode mode : {Mode::evaluate_population, Mode::evaluate_batch})
      EXPECT_EQ(loss_of(*network.build(mode, 6), images), loss_of(*other.build(mode, 6), images));
  }
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

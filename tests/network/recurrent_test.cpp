// Recurrent blocks in whole networks, against double precision.
#include "network/blocks_testing.h"
#include "util/errors.h"
#include "util/random.h"

namespace bnlab::network_testing {
namespace {

struct RecurrentCase {
  const char* name;
  StepStatistics statistics;
  Activation activation;
  reference::Activation expected;
};

class RecurrentBlock : public ::testing::TestWithParam<RecurrentCase> {
 protected:
  static config::RunConfig config_of(const RecurrentCase& c, const config::NetworkConfig& network) {
    config::RunConfig config =
        run_config(network, c.statistics == StepStatistics::none ? NormalizationType::none : NormalizationType::batch);
    if (c.statistics == StepStatistics::shared) config.normalization.recurrent_statistics = RecurrentStatistics::shared;
    config.normalization.initial_gamma = 0.1;
    return config;
  }
};

TEST_P(RecurrentBlock, EqualsTheReference) {
  const RecurrentCase& c = GetParam();
  for (const std::int64_t units : {1, 17, 100})
    for (const auto& dataset : {dataset_of(1, 6, 5, 5), dataset_of(3, 4, 3, 5), dataset_of(2, 1, 4, 5)}) {
      const config::Recurrent block{.units = units, .activation = c.activation};
      Net net;
      net.recurrent(dataset.channels * dataset.width, units, dataset.height, c.expected, c.statistics);
      net.dense(units, 5);
      const auto config = config_of(c, network_of(block, config::Dense{.units = 5}));
      expect_equals(config, dataset, net, 7);
      expect_training_equals(config, dataset, net, 7, 7);
    }
}

// Behind other layers, whose layout is oneDNN's choice, and with a residual and a concat block.
TEST_P(RecurrentBlock, BehindOtherBlocksEqualsTheReference) {
  const RecurrentCase& c = GetParam();
  const bool normalized = c.statistics != StepStatistics::none;
  const config::Recurrent block{.units = 20, .activation = c.activation};
  config::Concat concat;
  concat.branches = {{Block{residual_block(9, 17)}}, {}};
  Net net;
  add_conv_tanh(net, 2, 17, normalized).concat({Net().residual(residual_body(17, 9, 17, normalized), {}), {}});
  net.recurrent(34 * 4, 20, 5, c.expected, c.statistics).dense(20, 5);
  expect_equals(config_of(c, network_of(conv_tanh(17), concat, block, config::Dense{.units = 5})),
                dataset_of(2, 5, 4, 5), net, 8);
}

TEST_P(RecurrentBlock, ShowsTheLastStepToProbes) {
  const RecurrentCase& c = GetParam();
  const data::DatasetInfo dataset = dataset_of(1, 4, 5, 5);
  Net net;
  net.recurrent(5, 17, 4, c.expected, c.statistics).dense(17, 5);
  std::mt19937_64 generator(8);
  reference::fill(net, generator);
  Network network(
      config_of(c, network_of(config::Recurrent{.units = 17, .activation = c.activation}, config::Dense{.units = 5})),
      dataset, 7);
  copy_weights(net, network);
  const auto observer = network.build(Mode::observe, 7);
  const Batch batch = random_batch(dataset, 7, generator);
  loss_of(*observer, batch);
  net.forward(batch.images, reference::Mode::batch);
  ASSERT_EQ(observer->observations().size(), 2u);
  const auto seen = [&](std::size_t i) {
    EXPECT_EQ(observer->observations()[i].layer, "recurrent1");
    return reference::from_floats({7, 17}, {observer->observations()[i].data(), 7 * 17});
  };
  EXPECT_EQ(observer->observations()[0].tensor, "input");
  expect_close(seen(1), net.dst("recurrent1"), "output");
  expect_close(reference::activation_forward(seen(0), c.expected), net.dst("recurrent1"), "f of the input");
}

INSTANTIATE_TEST_SUITE_P(
    All, RecurrentBlock,
    ::testing::Values(
        RecurrentCase{"none", StepStatistics::none, Activation::tanh, reference::Activation::tanh},
        RecurrentCase{"none_softplus", StepStatistics::none, Activation::softplus, reference::Activation::softplus},
        RecurrentCase{"per_step", StepStatistics::per_step, Activation::tanh, reference::Activation::tanh},
        RecurrentCase{"per_step_gelu", StepStatistics::per_step, Activation::gelu, reference::Activation::gelu},
        RecurrentCase{"shared", StepStatistics::shared, Activation::tanh, reference::Activation::tanh},
        RecurrentCase{"shared_sigmoid", StepStatistics::shared, Activation::sigmoid, reference::Activation::sigmoid}),
    [](const auto& test) { return std::string(test.param.name); });

// Orders of Philox4x32-10 and Fisher-Yates, from a program that shares nothing with this one.
const std::vector<std::int64_t> order_3_of_4{1, 0, 3, 2};
const std::vector<std::int64_t> order_3_of_12{2, 3, 9, 4, 8, 1, 6, 5, 10, 0, 11, 7};

struct OptionsCase {
  const char* name;
  StepStatistics statistics;
  bool reads_pixels = false;
  bool is_permuted = false;
  bool is_separate = false;
  bool is_noisy = false;
};

class RecurrentOptions : public ::testing::TestWithParam<OptionsCase> {};

TEST_P(RecurrentOptions, EqualTheReference) {
  const OptionsCase& c = GetParam();
  const std::int64_t units = 17, batch_size = 7;
  config::Recurrent block{.units = units};
  reference::RecurrentOptions reading{.reads_pixels = c.reads_pixels, .order = {}, .separate = c.is_separate};
  if (c.reads_pixels) block.reads = config::RecurrentReads::pixels;
  if (c.is_permuted) {
    block.permutation = 3;
    reading.order = c.reads_pixels ? order_3_of_12 : order_3_of_4;
  }
  if (c.is_separate) block.normalize = config::RecurrentNormalize::separate;
  if (c.is_noisy) {
    block.initial_state_noise = 0.5;
    std::vector<float> noise(static_cast<std::size_t>(batch_size * units));
    BulkRandom(1, RandomPurpose::noise, RandomStream::substream_of("recurrent1.initial_state"))
        .normal(std::uint64_t{1} << 32, noise);  // of step 1
    reading.initial_state = reference::from_floats({batch_size, units}, noise);
    for (double& value : reading.initial_state.values) value *= 0.5;
  }
  config::RunConfig config =
      run_config(network_of(block, config::Dense{.units = 5}),
                 c.statistics == StepStatistics::none ? NormalizationType::none : NormalizationType::batch);
  if (c.statistics == StepStatistics::shared) config.normalization.recurrent_statistics = RecurrentStatistics::shared;
  // Behind a convolution as well: there the gradient of the input is wanted, too.
  const data::DatasetInfo dataset = dataset_of(2, 4, 3, 5);
  const auto net_of = [&](std::int64_t channels) {
    Net net;
    if (channels != 2) net.conv(2, channels, {3, 3}, same).activation(reference::Activation::tanh);
    net.recurrent(channels * (c.reads_pixels ? 1 : 3), units, c.reads_pixels ? 12 : 4, reference::Activation::tanh,
                  c.statistics, {}, reading);
    return net.dense(units, 5);
  };
  expect_equals(config, dataset, net_of(2), batch_size);
  expect_training_equals(config, dataset, net_of(2), batch_size, 7);
  config.network = network_of(config::Conv{.channels = 3}, tanh_block, block, config::Dense{.units = 5});
  expect_equals(config, dataset, net_of(3), batch_size);
}

INSTANTIATE_TEST_SUITE_P(
    All, RecurrentOptions,
    ::testing::Values(OptionsCase{.name = "pixels", .statistics = StepStatistics::per_step, .reads_pixels = true},
                      OptionsCase{.name = "permuted_rows", .statistics = StepStatistics::none, .is_permuted = true},
                      OptionsCase{.name = "separate", .statistics = StepStatistics::per_step, .is_separate = true},
                      OptionsCase{.name = "separate_shared",
                                  .statistics = StepStatistics::shared,
                                  .is_separate = true,
                                  .is_noisy = true},
                      OptionsCase{.name = "noisy", .statistics = StepStatistics::per_step, .is_noisy = true},
                      OptionsCase{.name = "noisy_none", .statistics = StepStatistics::none, .is_noisy = true},
                      OptionsCase{.name = "everything",
                                  .statistics = StepStatistics::per_step,
                                  .reads_pixels = true,
                                  .is_permuted = true,
                                  .is_separate = true,
                                  .is_noisy = true}),
    [](const auto& test) { return std::string(test.param.name); });

// Without gamma and beta both sums are added as they are.
TEST(RecurrentOptions, SeparateWithoutAffine) {
  const data::DatasetInfo dataset = dataset_of(1, 4, 3, 5);
  config::RunConfig config =
      run_config(network_of(config::Recurrent{.units = 6, .normalize = config::RecurrentNormalize::separate},
                            config::Dense{.units = 5}),
                 NormalizationType::batch);
  Network with(config, dataset, 7);
  config.normalization.affine = false;
  Network without(config, dataset, 7);
  std::mt19937_64 generator(12);
  const Batch batch = random_batch(dataset, 7, generator);
  for (Network* network : {&with, &without}) forward_backward(network->train(), batch);
  EXPECT_NEAR(without.train().loss(), with.train().loss(), 1e-6);
  NpzArrays gradients = with.gradients();
  for (const auto& [name, array] : without.gradients())
    expect_close(to_array(array), to_array(gradients.at(name)), name);
  EXPECT_EQ(gradients.size(), without.gradients().size() + 3);
}

std::vector<std::string> names_of(const NpzArrays& arrays) {
  std::vector<std::string> names;
  for (const auto& [name, array] : arrays) names.push_back(name);
  return names;
}

TEST(RecurrentBlock, HasItsNames) {
  const auto names = [](NormalizationType type, RecurrentStatistics statistics, bool affine,
                        std::optional<config::RecurrentNormalize> normalize = std::nullopt) {
    config::RunConfig config =
        run_config(network_of(config::Recurrent{.units = 3, .normalize = normalize}, config::Dense{.units = 5}), type);
    config.normalization.recurrent_statistics = statistics;
    config.normalization.affine = affine;
    std::vector<std::string> all = names_of(Network(config, dataset_of(1, 2, 4, 5), 4).weights());
    std::erase_if(all, [](const std::string& name) { return name.starts_with("dense"); });
    return all;
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(names(NormalizationType::none, RecurrentStatistics::per_step, true),
            (List{"recurrent1.bias", "recurrent1.hidden_weights", "recurrent1.input_weights"}));
  EXPECT_EQ(names(NormalizationType::batch, RecurrentStatistics::per_step, true),
            (List{"normalization1.beta", "normalization1.gamma", "normalization1.step1.running_mean",
                  "normalization1.step1.running_variance", "normalization1.step2.running_mean",
                  "normalization1.step2.running_variance", "recurrent1.hidden_weights", "recurrent1.input_weights"}));
  EXPECT_EQ(
      names(NormalizationType::batch, RecurrentStatistics::shared, true, config::RecurrentNormalize::separate),
      (List{"normalization1.hidden.beta", "normalization1.hidden.gamma", "normalization1.hidden.running_mean",
            "normalization1.hidden.running_variance", "normalization1.input.gamma", "normalization1.input.running_mean",
            "normalization1.input.running_variance", "recurrent1.hidden_weights", "recurrent1.input_weights"}));
  EXPECT_EQ(names(NormalizationType::batch, RecurrentStatistics::shared, false),
            (List{"normalization1.running_mean", "normalization1.running_variance", "recurrent1.hidden_weights",
                  "recurrent1.input_weights"}));
}

// The precise statistics of one batch are those of that batch, or their mean over the steps.
TEST(RecurrentBlock, HasPreciseStatistics) {
  const data::DatasetInfo dataset = dataset_of(1, 3, 4, 5);
  for (const bool is_shared : {false, true}) {
    config::RunConfig config =
        run_config(network_of(config::Recurrent{.units = 6}, config::Dense{.units = 5}), NormalizationType::batch);
    config.normalization.running_variance = config::RunningVariance::biased;
    if (is_shared) config.normalization.recurrent_statistics = RecurrentStatistics::shared;
    Network network(config, dataset, 7);
    Net net;
    net.recurrent(4, 6, 3, reference::Activation::tanh, is_shared ? StepStatistics::shared : StepStatistics::per_step,
                  {.running_average_decay = 0.0, .unbiased_running_variance = false});
    net.dense(6, 5);
    std::mt19937_64 generator(9);
    reference::fill(net, generator);
    copy_weights(net, network);
    const Batch batch = random_batch(dataset, 7, generator);
    net.forward(batch.images, reference::Mode::train);
    network.reset_precise_statistics();
    loss_of(*network.build(Mode::evaluate_batch, 7), batch);
    network.accumulate_precise_statistics(7);
    network.use_precise_statistics();
    for (std::size_t t = 0; t < 3; ++t) {
      const std::string state = "normalization1." + (is_shared ? "" : "step" + std::to_string(t + 1) + ".");
      const auto& actual = *network.states()[t];
      expect_close(reference::from_floats({6}, actual.population_mean), net.state(state + "running_mean"), "mean");
      expect_close(reference::from_floats({6}, actual.population_variance), net.state(state + "running_variance"),
                   "variance");
    }
  }
}

TEST(RecurrentBlock, KeepsItsSharedStatisticsInFiles) {
  const data::DatasetInfo dataset = dataset_of(1, 3, 4, 5);
  config::RunConfig config =
      run_config(network_of(config::Recurrent{.units = 6}, config::Dense{.units = 5}), NormalizationType::batch);
  config.normalization.recurrent_statistics = RecurrentStatistics::shared;
  Network network(config, dataset, 7), other(config, dataset, 7);
  std::mt19937_64 generator(10);
  for (int step = 0; step < 3; ++step) {
    loss_of(network.train(), random_batch(dataset, 7, generator));
    network.update_running_statistics();
  }
  other.set_weights(network.weights());
  expect_equal(other.weights(), network.weights());
  const Batch batch = random_batch(dataset, 7, generator);
  for (Network* n : {&network, &other}) n->use_running_statistics();
  EXPECT_EQ(loss_of(*network.build(Mode::evaluate_population, 7), batch),
            loss_of(*other.build(Mode::evaluate_population, 7), batch));
}

TEST(RecurrentBlock, NeedsAnImage) {
  try {
    network::check(run_config(network_of(config::Flatten{}, config::Recurrent{.units = 6}, config::Dense{.units = 5})),
                   dataset_of(1, 3, 4, 5));
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("recurrent1: recurrent needs an image"), std::string::npos)
        << error.what();
  }
}

TEST(RecurrentBlock, RefusesTooManyPixels) {
  const config::Recurrent block{.units = 6, .reads = config::RecurrentReads::pixels};
  const auto check = [&](std::int64_t width) {
    network::check(run_config(network_of(block, config::Dense{.units = 5})), dataset_of(1, 64, width, 5));
  };
  EXPECT_NO_THROW(check(64));
  EXPECT_THROW(check(65), ConfigError);
}

}  // namespace
}  // namespace bnlab::network_testing

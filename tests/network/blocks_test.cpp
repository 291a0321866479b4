// Residual, concat, dropout and recurrent blocks in whole networks, against double precision.
#include "layers/dropout.h"
#include "network/network_testing.h"
#include "training/optimizer.h"
#include "util/errors.h"

namespace bnlab::network_testing {
namespace {

using config::Activation;
using config::Block;
using config::NormalizationType;
using config::RecurrentStatistics;
using config::Shortcut;
using reference::Net;
using reference::StepStatistics;
using Blocks = std::vector<Block>;

const reference::ConvGeometry same{{1, 1}, {1, 1}, 1};
const reference::ConvGeometry strided{{2, 2}, {1, 1}, 1};

// ---- blocks and their twins: smooth functions, so that nothing but rounding lies between the two -------------------

config::ConvBlock conv_tanh(std::int64_t channels, std::int64_t stride = 1) {
  config::ConvBlock block = conv_block(channels, Activation::tanh);
  block.stride = {stride, stride};
  if (stride > 1) block.padding = {.same = false, .extent = {1, 1}};
  return block;
}

Net& add_conv_tanh(Net& net, std::int64_t inputs, std::int64_t outputs, bool normalized, std::int64_t stride = 1) {
  net.conv(inputs, outputs, {3, 3}, stride > 1 ? strided : same, !normalized);
  if (normalized) net.normalization(outputs);
  return net.activation(reference::Activation::tanh);
}

/// conv, normalization, tanh, conv, normalization, as a residual body ends.
config::Residual residual_block(std::int64_t middle, std::int64_t outputs, std::int64_t stride = 1) {
  config::Residual block;
  block.body = {Block{conv_tanh(middle, stride)}, Block{config::Conv{.channels = outputs}},
                Block{config::Normalization{}}};
  return block;
}

Net residual_body(std::int64_t inputs, std::int64_t middle, std::int64_t outputs, bool normalized,
                  std::int64_t stride = 1) {
  Net net;
  add_conv_tanh(net, inputs, middle, normalized, stride).conv(middle, outputs, {3, 3}, same, !normalized);
  if (normalized) net.normalization(outputs);
  return net;
}

Net projection(std::int64_t inputs, std::int64_t outputs, bool normalized, std::int64_t stride) {
  Net net;
  net.conv(inputs, outputs, {1, 1}, {{stride, stride}, {0, 0}, 1}, !normalized);
  if (normalized) net.normalization(outputs);
  return net;
}

const config::ActivationBlock tanh_block{Activation::tanh};

/// Loss, every gradient, the values that probes see, and the loss with running statistics.
void expect_equals(const config::RunConfig& config, const data::DatasetInfo& dataset, Net net, std::int64_t batch_size,
                   std::uint64_t seed = 1) {
  expect_reference(config, dataset, net, batch_size, reference::Mode::batch, seed);
  Network network(config, dataset, batch_size);
  copy_weights(net, network);
  std::mt19937_64 generator(seed + 1000);
  const Batch batch = random_batch(dataset, batch_size, generator);
  const auto observer = network.build(Pass::observe, batch_size);
  loss_of(*observer, batch);
  net.forward(batch.images, reference::Mode::batch);
  const std::vector<std::string> layers = net.layer_names();
  for (const auto& seen : observer->observations()) {
    if (std::find(layers.begin(), layers.end(), seen.layer) == layers.end() || seen.layer.starts_with("recurrent"))
      continue;  // within a block
    const Array& expected = seen.tensor == "input" ? net.src(seen.layer) : net.dst(seen.layer);
    expect_close(
        reference::from_floats(seen.shape, {seen.data(), static_cast<std::size_t>(reference::volume(seen.shape))}),
        reference::reshape(expected, seen.shape), seen.layer + " " + seen.tensor);
  }
  network.use_running_statistics();
  const double expected = net.loss(batch.images, batch.labels, reference::Mode::frozen).loss;
  const double loss = loss_of(*network.build(Pass::evaluate_population, batch_size), batch);
  EXPECT_NEAR(loss, expected, tolerance * std::max(1.0, expected));
}

void expect_training_equals(const config::RunConfig& config, const data::DatasetInfo& dataset, Net net,
                            std::int64_t batch_size, std::uint64_t seed, double allowed = tolerance) {
  std::mt19937_64 generator(seed);
  reference::fill(net, generator);
  Network network(config, dataset, batch_size);
  copy_weights(net, network);
  const config::OptimizerConfig optimizer_config = with_momentum(0.5, 0.0);
  const auto optimizer = training::make_optimizer(optimizer_config, network.parameters(), 1);
  for (int step = 0; step < 4; ++step) {
    const Batch batch = random_batch(dataset, batch_size, generator);
    forward_backward(network.train(), batch);
    network.update_running_statistics();
    optimizer->step(0.05);
    const double expected = net.train_step(batch.images, batch.labels, {.learning_rate = 0.05, .momentum = 0.5}).loss;
    EXPECT_NEAR(network.train().loss(), expected, allowed * expected) << "step " << step + 1;
  }
  expect_same_weights(network, net, allowed);
}

// ---- residual ------------------------------------------------------------------------------------------------------

struct ResidualCase {
  const char* name;
  Shortcut shortcut;
  std::int64_t inputs, outputs, stride;
  bool normalized;
  bool has_scalar;
};

class ResidualBlock : public ::testing::TestWithParam<ResidualCase> {};

TEST_P(ResidualBlock, EqualsTheReference) {
  const ResidualCase& c = GetParam();
  config::Residual block = residual_block(19, c.outputs, c.stride);
  block.shortcut = c.shortcut;
  if (c.has_scalar) block.scalar = 0.0;
  Net shortcut;
  if (c.shortcut == Shortcut::projection) shortcut = projection(c.inputs, c.outputs, c.normalized, c.stride);
  if (c.shortcut == Shortcut::padding) shortcut.padding_shortcut(c.outputs, c.stride);
  const auto type = c.normalized ? NormalizationType::batch : NormalizationType::none;
  const std::int64_t height = (9 + c.stride - 1) / c.stride, width = (7 + c.stride - 1) / c.stride;

  // Behind a layer with weights, and before any: there the gradient of the input is wanted, or nothing at all.
  Net behind;
  add_conv_tanh(behind, 3, c.inputs, c.normalized);
  behind.residual(residual_body(c.inputs, 19, c.outputs, c.normalized, c.stride), shortcut, c.has_scalar);
  behind.activation(reference::Activation::tanh).flatten().dense(c.outputs * height * width, 5);
  const auto behind_config = run_config(
      network_of(conv_tanh(c.inputs), block, tanh_block, config::Flatten{}, config::Dense{.units = 5}), type);
  expect_equals(behind_config, dataset_of(3, 9, 7, 5), behind, 4);
  expect_training_equals(behind_config, dataset_of(3, 9, 7, 5), behind, 4, 2);

  Net first;
  first.residual(residual_body(c.inputs, 19, c.outputs, c.normalized, c.stride), shortcut, c.has_scalar);
  first.activation(reference::Activation::tanh).flatten().dense(c.outputs * height * width, 5);
  const auto first_config =
      run_config(network_of(block, tanh_block, config::Flatten{}, config::Dense{.units = 5}), type);
  expect_equals(first_config, dataset_of(c.inputs, 9, 7, 5), first, 3);
  expect_training_equals(first_config, dataset_of(c.inputs, 9, 7, 5), first, 3, 3);
}

INSTANTIATE_TEST_SUITE_P(
    All, ResidualBlock,
    ::testing::Values(ResidualCase{"identity", Shortcut::identity, 17, 17, 1, true, false},
                      ResidualCase{"identity_plain", Shortcut::identity, 32, 32, 1, false, false},
                      ResidualCase{"identity_scalar", Shortcut::identity, 17, 17, 1, false, true},
                      ResidualCase{"projection", Shortcut::projection, 17, 33, 2, true, false},
                      ResidualCase{"projection_plain", Shortcut::projection, 1, 16, 2, false, false},
                      ResidualCase{"projection_scalar", Shortcut::projection, 5, 32, 1, true, true},
                      ResidualCase{"padding", Shortcut::padding, 17, 33, 2, true, false},
                      ResidualCase{"padding_of_channels", Shortcut::padding, 3, 16, 1, true, false},
                      ResidualCase{"padding_scalar", Shortcut::padding, 16, 32, 2, false, true}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ResidualBlock, OfVectors) {
  config::Residual same_size, projected;
  same_size.body = {Block{dense_block(17, Activation::tanh)}, Block{config::Dense{.units = 17}}};
  projected.body = {Block{dense_block(20, Activation::tanh)}};
  Net body, wider, shortcut;
  body.dense(17, 17, false).normalization(17).activation(reference::Activation::tanh).dense(17, 17);
  wider.dense(17, 20, false).normalization(20).activation(reference::Activation::tanh);
  shortcut.dense(17, 20, false).normalization(20);
  Net net;
  net.flatten().dense(12, 17).residual(body, {}, true).residual(wider, shortcut, true).dense(20, 5);
  config::NetworkConfig network =
      network_of(config::Flatten{}, config::Dense{.units = 17}, same_size, projected, config::Dense{.units = 5});
  network.residual_scalar = 1.0;
  expect_equals(run_config(network, NormalizationType::batch), dataset_of(1, 4, 3, 5), net, 6);
}

// Nothing before the block and nothing in it has parameters: only the factor learns.
TEST(ResidualBlock, WithoutParametersButTheScalar) {
  config::Residual block;
  block.body = {Block{tanh_block}};
  block.scalar = 0.5;
  Net net;
  net.residual(Net().activation(reference::Activation::tanh), {}, true).flatten().dense(3 * 20, 5);
  const auto config = run_config(network_of(block, config::Flatten{}, config::Dense{.units = 5}));
  expect_equals(config, dataset_of(3, 4, 5, 5), net, 3);
  expect_training_equals(config, dataset_of(3, 4, 5, 5), net, 3, 4);
}

TEST(ResidualBlock, InAResidualBlock) {
  config::Residual inner = residual_block(16, 16), outer;
  outer.body = {Block{inner}, Block{tanh_block}, Block{config::Conv{.channels = 24}}};
  Net body;
  body.residual(residual_body(16, 16, 16, true), {}).activation(reference::Activation::tanh);
  body.conv(16, 24, {3, 3}, same);
  Net net;
  add_conv_tanh(net, 2, 16, true).residual(body, projection(16, 24, true, 1)).global_avg_pool().flatten().dense(24, 5);
  expect_equals(run_config(network_of(conv_tanh(16), outer, config::GlobalAvgPool{}, config::Dense{.units = 5}),
                           NormalizationType::batch),
                dataset_of(2, 5, 6, 5), net, 4);
}

// A ReLU behind a normalization may be merged with it, in a body as elsewhere.
TEST(ResidualBlock, WithMergedReluEqualsTheReference) {
  config::Residual block;
  block.body = {Block{conv_block(17, Activation::relu)}, Block{config::Conv{.channels = 17}},
                Block{config::Normalization{}}};
  Net body;
  body.conv(17, 17, {3, 3}, same, false).normalization(17).activation(reference::Activation::relu);
  body.conv(17, 17, {3, 3}, same, false).normalization(17);
  Net net;
  net.conv(2, 17, {3, 3}, same, false).normalization(17).activation(reference::Activation::relu);
  net.residual(body, {}).activation(reference::Activation::relu).global_avg_pool().flatten().dense(17, 5);
  expect_reference(
      run_config(network_of(conv_block(17, Activation::relu), block, config::ActivationBlock{Activation::relu},
                            config::GlobalAvgPool{}, config::Dense{.units = 5}),
                 NormalizationType::batch),
      dataset_of(2, 5, 4, 5), net, 3, reference::Mode::batch);
}

// ---- concat --------------------------------------------------------------------------------------------------------

TEST(ConcatBlock, OfAnyChannelsEqualsTheReference) {
  for (const auto& [first, second] : std::vector<std::pair<std::int64_t, std::int64_t>>{{17, 5}, {16, 32}, {1, 1}})
    for (const auto type : {NormalizationType::none, NormalizationType::batch}) {
      const bool normalized = type == NormalizationType::batch;
      config::Concat block;
      block.branches = {
          {Block{conv_tanh(first)}},
          {},
          {Block{config::MaxPool{config::Pool{.kernel = {3, 3}, .stride = config::Extent{1, 1}, .padding = {1, 1}}}},
           Block{conv_tanh(second)}}};
      Net one, pooled;
      add_conv_tanh(one, 3, first, normalized);
      pooled.max_pool({{3, 3}, {1, 1}, {1, 1}});
      add_conv_tanh(pooled, 3, second, normalized);
      Net net;
      const std::int64_t channels = first + 3 + second;
      net.conv(2, 3, {3, 3}, same).concat({one, {}, pooled}).activation(reference::Activation::sigmoid);
      net.conv(channels, 4, {1, 1}, {}).flatten().dense(4 * 30, 5);
      const auto config = run_config(
          network_of(config::Conv{.channels = 3}, block, config::ActivationBlock{Activation::sigmoid},
                     config::Conv{.channels = 4, .kernel = {1, 1}}, config::Flatten{}, config::Dense{.units = 5}),
          type);
      expect_equals(config, dataset_of(2, 5, 6, 5), net, 4);
      expect_training_equals(config, dataset_of(2, 5, 6, 5), net, 4, 5);
    }
}

TEST(ConcatBlock, BeforeAnyParameterAndOfVectors) {
  config::Concat images, vectors;
  images.branches = {{Block{conv_tanh(5)}}, {}, {Block{tanh_block}}};
  vectors.branches = {{}, {Block{dense_block(7, Activation::tanh)}}, {Block{tanh_block}}};
  Net conv, dense;
  add_conv_tanh(conv, 3, 5, true);
  dense.dense(11 * 12, 7, false).normalization(7).activation(reference::Activation::tanh);
  const Net tanh = Net().activation(reference::Activation::tanh);
  Net net;
  net.concat({conv, {}, tanh}).flatten().concat({{}, dense, tanh}).dense(2 * 11 * 12 + 7, 5);
  const auto config =
      run_config(network_of(images, config::Flatten{}, vectors, config::Dense{.units = 5}), NormalizationType::batch);
  expect_equals(config, dataset_of(3, 4, 3, 5), net, 4);
  expect_training_equals(config, dataset_of(3, 4, 3, 5), net, 4, 6);
}

TEST(ConcatBlock, OfOneBranchAndAResidualBlockInABranch) {
  config::Concat one, two;
  one.branches = {{Block{conv_tanh(7)}}};
  two.branches = {{Block{residual_block(9, 7)}, Block{conv_tanh(6, 2)}},
                  {Block{config::AvgPool{}}, Block{conv_tanh(18)}}};
  Net single, with_residual, pooled;
  add_conv_tanh(single, 2, 7, true);
  with_residual.residual(residual_body(7, 9, 7, true), {});
  add_conv_tanh(with_residual, 7, 6, true, 2);
  pooled.avg_pool();
  add_conv_tanh(pooled, 7, 18, true);
  Net net;
  net.concat({single}).concat({with_residual, pooled}).activation(reference::Activation::tanh);
  net.global_avg_pool().flatten().dense(24, 5);
  expect_equals(run_config(network_of(one, two, tanh_block, config::GlobalAvgPool{}, config::Dense{.units = 5}),
                           NormalizationType::batch),
                dataset_of(2, 6, 4, 5), net, 4);
}

TEST(ConcatBlock, OfGlobalAverages) {
  config::Concat block;
  block.branches = {{Block{conv_tanh(17)}, Block{config::GlobalAvgPool{}}}, {Block{config::GlobalAvgPool{}}}};
  Net one;
  add_conv_tanh(one, 3, 17, true).global_avg_pool().flatten();
  Net net;
  net.concat({one, Net().global_avg_pool().flatten()}).dense(20, 5);
  expect_equals(run_config(network_of(block, config::Dense{.units = 5}), NormalizationType::batch),
                dataset_of(3, 5, 4, 5), net, 4);
}

// ---- recurrent -----------------------------------------------------------------------------------------------------

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
  const auto observer = network.build(Pass::observe, 7);
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

std::vector<std::string> names_of(const NpzArrays& arrays) {
  std::vector<std::string> names;
  for (const auto& [name, array] : arrays) names.push_back(name);
  return names;
}

TEST(RecurrentBlock, HasItsNames) {
  const auto names = [](NormalizationType type, RecurrentStatistics statistics, bool affine) {
    config::RunConfig config = run_config(network_of(config::Recurrent{.units = 3}, config::Dense{.units = 5}), type);
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
    loss_of(*network.build(Pass::evaluate_batch, 7), batch);
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
  EXPECT_EQ(loss_of(*network.build(Pass::evaluate_population, 7), batch),
            loss_of(*other.build(Pass::evaluate_population, 7), batch));
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

// ---- dropout -------------------------------------------------------------------------------------------------------

Array mask_of(const Network& network, const std::string& layer, std::uint64_t seed, std::int64_t step,
              std::int64_t batch_size) {
  NpyArray masks = layers::dropout_masks(network.layers(), seed, step, batch_size).at(layer);
  const Shape shape(masks.shape.begin() + 1, masks.shape.end());
  const auto& values = std::get<std::vector<std::int32_t>>(masks.values);
  return {shape, {values.end() - reference::volume(shape), values.end()}};
}

TEST(DropoutBlock, InANetworkEqualsTheReferenceWithTheSameMasks) {
  const data::DatasetInfo dataset = dataset_of(2, 5, 4, 5);
  config::NetworkConfig blocks =
      network_of(config::Dropout{.rate = 0.25}, conv_tanh(17), config::Dropout{}, config::Flatten{},
                 dense_block(20, Activation::tanh), config::Dropout{}, config::Dense{.units = 5});
  blocks.dropout = 0.5;
  config::RunConfig config = run_config(blocks, NormalizationType::batch);
  config.training.seed = 99;
  Network network(config, dataset, 6);
  std::mt19937_64 generator(11);
  const Batch batch = random_batch(dataset, 6, generator);
  std::vector<double> losses;
  for (const std::int64_t step : {1, 2, 1000}) {
    Net net;
    net.dropout(mask_of(network, "dropout1", 99, step, 6), 0.25);
    add_conv_tanh(net, 2, 17, true).dropout(mask_of(network, "dropout2", 99, step, 6), 0.5).flatten();
    net.dense(17 * 20, 20, false).normalization(20).activation(reference::Activation::tanh);
    net.dropout(mask_of(network, "dropout3", 99, step, 6), 0.5).dense(20, 5);
    std::mt19937_64 fill(12);
    reference::fill(net, fill);
    copy_weights(net, network);
    network.train().set_step(step, 1000);
    forward_backward(network.train(), batch);
    losses.push_back(net.gradients(batch.images, batch.labels, reference::Mode::batch).loss);
    EXPECT_NEAR(network.train().loss(), losses.back(), tolerance * losses.back());
    expect_same_gradients(network, net);
    network.use_running_statistics();
    const double frozen = net.loss(batch.images, batch.labels, reference::Mode::frozen).loss;
    EXPECT_NEAR(loss_of(*network.build(Pass::evaluate_population, 6), batch), frozen, tolerance * frozen);
  }
  EXPECT_NE(losses[0], losses[1]);
}

TEST(DropoutBlock, OfRateZeroIsLeftOut) {
  const auto config = run_config(network_of(config::Flatten{}, config::Dropout{}, config::Dense{.units = 5}));
  const Network network(config, dataset_of(1, 3, 4, 5), 2);
  for (const auto* layer : network.layers()) EXPECT_NE(layer->type(), "dropout");
}

}  // namespace
}  // namespace bnlab::network_testing

// Layers behind one another, where layouts and shapes change between them.
#include "network/network_testing.h"

namespace bnlab::network_testing {
namespace {

using config::Activation;
using config::NormalizationType;

config::Conv conv(std::int64_t channels) { return {.channels = channels}; }
config::ActivationBlock activation(Activation function) { return {function}; }
const reference::ConvGeometry same{{1, 1}, {1, 1}, 1};

TEST(LayerChain, FlattenBetweenPaddedChannelsAndDense) {
  for (const std::int64_t channels : {1, 17, 32, 100}) {
    reference::Net net;
    net.conv(3, channels, {3, 3}, same).activation(reference::Activation::tanh).flatten().dense(channels * 20, 7);
    expect_reference(run_config(network_of(conv(channels), activation(Activation::tanh), config::Flatten{},
                                           config::Dense{.units = 7})),
                     dataset_of(3, 4, 5, 7), net, 3, reference::Mode::batch);
  }
}

TEST(LayerChain, FlattenBeforeActivationAndNormalization) {
  reference::Net net;
  net.conv(3, 17, {3, 3}, same).flatten().activation(reference::Activation::sigmoid);
  net.normalization(17 * 12).activation(reference::Activation::relu).dense(17 * 12, 7);
  expect_reference(
      run_config(network_of(conv(17), config::Flatten{}, activation(Activation::sigmoid), config::Normalization{},
                            activation(Activation::relu), config::Dense{.units = 7}),
                 NormalizationType::batch),
      dataset_of(3, 4, 3, 7), net, 16, reference::Mode::batch);
}

TEST(LayerChain, PoolsBetweenConvolutions) {
  reference::Net net;
  net.conv(2, 17, {3, 3}, same).activation(reference::Activation::sigmoid).avg_pool();
  net.conv(17, 20, {3, 3}, same).activation(reference::Activation::sigmoid).max_pool().flatten().dense(20 * 2 * 2, 7);
  expect_reference(run_config(network_of(conv(17), activation(Activation::sigmoid), config::AvgPool{}, conv(20),
                                         activation(Activation::sigmoid), config::MaxPool{}, config::Flatten{},
                                         config::Dense{.units = 7})),
                   dataset_of(2, 9, 8, 7), net, 3, reference::Mode::batch);
}

TEST(LayerChain, GlobalAverageBeforeDense) {
  for (const auto type : {NormalizationType::none, NormalizationType::batch}) {
    const bool normalized = type == NormalizationType::batch;
    reference::Net net;
    net.conv(3, 17, {3, 3}, same, !normalized);
    if (normalized) net.normalization(17);
    net.activation(reference::Activation::relu).global_avg_pool().flatten().dense(17, 7);
    expect_reference(
        run_config(network_of(conv_block(17, Activation::relu), config::GlobalAvgPool{}, config::Dense{.units = 7}),
                   type),
        dataset_of(3, 5, 6, 7), net, 3, reference::Mode::batch);
  }
}

TEST(LayerChain, GlobalAverageBeforeNormalization) {
  reference::Net net;
  net.conv(3, 17, {3, 3}, same).global_avg_pool().flatten().normalization(17).activation(reference::Activation::tanh);
  net.dense(17, 7);
  expect_reference(run_config(network_of(conv(17), config::GlobalAvgPool{}, config::Normalization{},
                                         activation(Activation::tanh), config::Dense{.units = 7}),
                              NormalizationType::batch),
                   dataset_of(3, 5, 6, 7), net, 4, reference::Mode::batch);
}

// Before the first parameter only the gradient of the input is wanted.
TEST(LayerChain, LayersBeforeTheFirstParameter) {
  reference::Net net;
  net.max_pool().activation(reference::Activation::tanh).avg_pool().flatten().dense(3 * 2 * 2, 7);
  const auto config = run_config(network_of(config::MaxPool{}, activation(Activation::tanh), config::AvgPool{},
                                            config::Flatten{}, config::Dense{.units = 7}));
  expect_reference(config, dataset_of(3, 9, 8, 7), net, 3, reference::Mode::batch);

  Network without(config, dataset_of(3, 9, 8, 7), 3);  // no gradient of the input at all
  copy_weights(net, without);
  std::mt19937_64 generator(41);
  const Batch batch = random_batch(dataset_of(3, 9, 8, 7), 3, generator);
  forward_backward(without.train(), batch);
  net.gradients(batch.images, batch.labels, reference::Mode::batch);
  expect_same_gradients(without, net);
  EXPECT_EQ(without.train().diff_images(), nullptr);
}

TEST(LayerChain, NormalizationOfTheInput) {
  for (const bool affine : {true, false}) {
    reference::Net net;
    net.normalization(3, {.affine = affine}).conv(3, 17, {3, 3}, same).flatten().dense(17 * 12, 7);
    auto config =
        run_config(network_of(config::Normalization{}, conv(17), config::Flatten{}, config::Dense{.units = 7}),
                   NormalizationType::batch);
    config.normalization.affine = affine;
    expect_reference(config, dataset_of(3, 4, 3, 7), net, 4, reference::Mode::batch);

    Network without(config, dataset_of(3, 4, 3, 7), 4);
    copy_weights(net, without);
    std::mt19937_64 generator(42);
    const Batch batch = random_batch(dataset_of(3, 4, 3, 7), 4, generator);
    forward_backward(without.train(), batch);
    net.gradients(batch.images, batch.labels, reference::Mode::batch);
    expect_same_gradients(without, net);
  }
}

TEST(LayerChain, StridesAndGroups) {
  reference::Net net;
  net.conv(4, 34, {3, 3}, {{2, 2}, {1, 1}, 2}).activation(reference::Activation::tanh);
  net.conv(34, 34, {5, 3}, {{1, 1}, {2, 1}, 34}).activation(reference::Activation::tanh);
  net.conv(34, 5, {1, 1}, {{1, 1}, {0, 0}, 1}).global_avg_pool().flatten();
  const config::Conv strided{
      .channels = 34, .stride = {2, 2}, .padding = {.same = false, .extent = {1, 1}}, .groups = 2};
  const config::Conv depthwise{.channels = 34, .kernel = {5, 3}, .groups = 34};
  const config::Conv pointwise{.channels = 5, .kernel = {1, 1}};
  expect_reference(run_config(network_of(strided, activation(Activation::tanh), depthwise, activation(Activation::tanh),
                                         pointwise, config::GlobalAvgPool{})),
                   dataset_of(4, 9, 8, 5), net, 2, reference::Mode::batch);
}

// Of one image of one pixel a channel has one value, which has no variance: there the running statistics normalize.
TEST(LayerChain, BatchOfOneAndImagesOfOnePixel) {
  for (const std::int64_t batch : {1, 3, 6}) {
    reference::Net net;
    net.conv(3, 17, {3, 3}, same, false).normalization(17).activation(reference::Activation::relu);
    net.flatten().dense(17, 100, false).normalization(100).activation(reference::Activation::relu).dense(100, 5);
    expect_reference(run_config(network_of(conv_block(17, Activation::relu), config::Flatten{},
                                           dense_block(100, Activation::relu), config::Dense{.units = 5}),
                                batch == 1 ? NormalizationType::frozen : NormalizationType::batch),
                     dataset_of(3, 1, 1, 5), net, batch, batch == 1 ? reference::Mode::frozen : reference::Mode::batch);
  }
}

}  // namespace
}  // namespace bnlab::network_testing

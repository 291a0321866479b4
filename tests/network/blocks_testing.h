#pragma once
// Blocks and their twins in double precision, and how whole networks of them are compared.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "network/network_testing.h"
#include "training/optimizer.h"

namespace bnlab::network_testing {

using config::Activation;
using config::Block;
using config::NormalizationType;
using config::RecurrentStatistics;
using config::Shortcut;
using reference::Net;
using reference::StepStatistics;
using Blocks = std::vector<Block>;

inline const reference::ConvGeometry same{{1, 1}, {1, 1}, 1};
inline const reference::ConvGeometry strided{{2, 2}, {1, 1}, 1};

// Smooth functions, so that nothing but rounding lies between blocks and their twins.

inline config::ConvBlock conv_tanh(std::int64_t channels, std::int64_t stride = 1) {
  config::ConvBlock block = conv_block(channels, Activation::tanh);
  block.stride = {stride, stride};
  if (stride > 1) block.padding = {.same = false, .extent = {1, 1}};
  return block;
}

inline Net& add_conv_tanh(Net& net, std::int64_t inputs, std::int64_t outputs, bool normalized,
                          std::int64_t stride = 1) {
  net.conv(inputs, outputs, {3, 3}, stride > 1 ? strided : same, !normalized);
  if (normalized) net.normalization(outputs);
  return net.activation(reference::Activation::tanh);
}

/// conv, normalization, tanh, conv, normalization, as a residual body ends.
inline config::Residual residual_block(std::int64_t middle, std::int64_t outputs, std::int64_t stride = 1) {
  config::Residual block;
  block.body = {Block{conv_tanh(middle, stride)}, Block{config::Conv{.channels = outputs}},
                Block{config::Normalization{}}};
  return block;
}

inline Net residual_body(std::int64_t inputs, std::int64_t middle, std::int64_t outputs, bool normalized,
                         std::int64_t stride = 1) {
  Net net;
  add_conv_tanh(net, inputs, middle, normalized, stride).conv(middle, outputs, {3, 3}, same, !normalized);
  if (normalized) net.normalization(outputs);
  return net;
}

inline Net projection(std::int64_t inputs, std::int64_t outputs, bool normalized, std::int64_t stride) {
  Net net;
  net.conv(inputs, outputs, {1, 1}, {{stride, stride}, {0, 0}, 1}, !normalized);
  if (normalized) net.normalization(outputs);
  return net;
}

inline const config::ActivationBlock tanh_block{Activation::tanh};

/// Loss, every gradient, the values that probes see, and the loss with running statistics.
inline void expect_equals(const config::RunConfig& config, const data::DatasetInfo& dataset, Net net,
                          std::int64_t batch_size, std::uint64_t seed = 1) {
  expect_reference(config, dataset, net, batch_size, reference::Mode::batch, seed);
  Network network(config, dataset, batch_size);
  copy_weights(net, network);
  std::mt19937_64 generator(seed + 1000);
  const Batch batch = random_batch(dataset, batch_size, generator);
  const auto observer = network.build(Mode::observe, batch_size);
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
  const double loss = loss_of(*network.build(Mode::evaluate_population, batch_size), batch);
  EXPECT_NEAR(loss, expected, tolerance * std::max(1.0, expected));
}

inline void expect_training_equals(const config::RunConfig& config, const data::DatasetInfo& dataset, Net net,
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

}  // namespace bnlab::network_testing

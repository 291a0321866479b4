#pragma once
// Networks from a few blocks, their twins in double precision, and comparisons of the two.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "layers/layer_testing.h"
#include "network/network.h"
#include "reference/reference.h"

namespace bnlab::network_testing {

using layer_testing::expect_close;
using layer_testing::tolerance;
using network::Executable;
using network::Network;
using onednn::Mode;
using reference::Array;
using reference::Shape;

template <class... Specs>
config::NetworkConfig network_of(const Specs&... specs) {
  return {
      .name = "inline", .description = "", .activation = config::Activation::relu, .layers = {config::Block{specs}...}};
}

inline config::DenseBlock dense_block(std::int64_t units, config::Activation activation) {
  config::DenseBlock block;
  block.units = units;
  block.activation = activation;
  return block;
}

inline config::ConvBlock conv_block(std::int64_t channels, config::Activation activation) {
  config::ConvBlock block;
  block.channels = channels;
  block.activation = activation;
  return block;
}

inline config::RunConfig run_config(config::NetworkConfig network,
                                    config::NormalizationType type = config::NormalizationType::none) {
  config::RunConfig config;
  config.network = std::move(network);
  config.normalization.type = type;
  return config;
}

inline config::OptimizerConfig with_momentum(double momentum, double weight_decay) {
  config::OptimizerConfig config;
  config.momentum = momentum;
  config.weight_decay = weight_decay;
  return config;
}

inline data::DatasetInfo dataset_of(std::int64_t channels, std::int64_t height, std::int64_t width,
                                    std::int64_t classes) {
  return {.name = "test", .channels = channels, .height = height, .width = width, .classes = classes};
}

struct Batch {
  Array images;  // (N, C, H, W)
  std::vector<std::int32_t> labels;
};

inline Batch random_batch(const data::DatasetInfo& dataset, std::int64_t size, std::mt19937_64& generator) {
  Batch batch{layer_testing::random_array({size, dataset.channels, dataset.height, dataset.width}, generator), {}};
  for (std::int64_t n = 0; n < size; ++n)
    batch.labels.push_back(static_cast<std::int32_t>(generator() % static_cast<std::uint64_t>(dataset.classes)));
  return batch;
}

inline void load(Executable& executable, const Batch& batch) {
  ASSERT_EQ(executable.image_values(), batch.images.size());
  const std::vector<float> floats = reference::to_floats(batch.images);
  std::copy(floats.begin(), floats.end(), executable.images());
  std::copy(batch.labels.begin(), batch.labels.end(), executable.labels());
}

inline double loss_of(Executable& executable, const Batch& batch) {
  load(executable, batch);
  executable.forward();
  return executable.loss();
}

inline void forward_backward(Executable& executable, const Batch& batch) {
  load(executable, batch);
  executable.forward();
  executable.backward();
}

inline Array to_array(const NpyArray& array) {
  return reference::from_floats(array.shape, std::get<std::vector<float>>(array.values));
}

inline NpyArray to_npy(const Array& array) { return {array.shape, reference::to_floats(array)}; }

/// Parameters and running statistics of `net` into `network`; every name must be known to both.
inline void copy_weights(reference::Net& net, Network& network) {
  NpzArrays arrays;
  for (const std::string& name : net.parameter_names()) arrays[name] = to_npy(net.value(name));
  for (const std::string& name : net.state_names()) arrays[name] = to_npy(net.state(name));
  network.set_weights(arrays);
}

/// What rounding in a gradient is measured by. A parameter's own largest reference value; but what a normalization
/// takes out again, as a bias or a beta before it, has a gradient of zero, so there it is the same layer's weights or
/// gamma, and where a single sum may cancel, its terms.
inline double gradient_scale(reference::Net& net, const std::string& name) {
  const double own = reference::max_abs(net.gradient(name));
  for (const auto& [last, sibling] :
       std::vector<std::pair<std::string, std::string>>{{".bias", ".weights"}, {".beta", ".gamma"}}) {
    if (!name.ends_with(last)) continue;
    const std::string other = name.substr(0, name.size() - last.size()) + sibling;
    const std::vector<std::string> names = net.parameter_names();
    if (std::find(names.begin(), names.end(), other) == names.end()) break;
    const double scale = reference::max_abs(net.gradient(other));
    if (own < 1e-12 * scale) return scale;
  }
  return std::max(own, net.gradient_terms(name));
}

inline void expect_same_gradients(const Network& network, reference::Net& net, double allowed = tolerance) {
  const NpzArrays gradients = network.gradients();
  EXPECT_EQ(gradients.size(), net.parameter_names().size());
  for (const std::string& name : net.parameter_names()) {
    ASSERT_EQ(gradients.count(name), 1U) << name;
    const Array actual = to_array(gradients.at(name));
    const double own = reference::max_abs(net.gradient(name));
    expect_close(actual, net.gradient(name), "diff " + name,
                 own == 0.0 ? allowed * gradient_scale(net, name) : allowed * gradient_scale(net, name) / own);
  }
}

inline void expect_same_weights(const Network& network, reference::Net& net, double allowed) {
  const NpzArrays weights = network.weights();
  for (const std::string& name : net.parameter_names())
    expect_close(to_array(weights.at(name)), net.value(name), name, allowed);
  for (const std::string& name : net.state_names())
    expect_close(to_array(weights.at(name)), net.state(name), name, allowed);
}

inline Array diff_images(const Executable& executable, const Shape& shape) {
  return reference::from_floats(shape, {executable.diff_images(), static_cast<std::size_t>(reference::volume(shape))});
}

/// Equal names, shapes and values; a failure names the array.
inline void expect_equal(const NpzArrays& actual, const NpzArrays& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, array] : expected) {
    ASSERT_EQ(actual.count(name), 1U) << name;
    EXPECT_EQ(actual.at(name).shape, array.shape) << name;
    EXPECT_TRUE(actual.at(name).values == array.values) << name << " differs";
  }
}

/// Loss, gradient of the images and gradients of all parameters of one batch, with the reference's parameters.
inline void expect_reference(const config::RunConfig& config, const data::DatasetInfo& dataset, reference::Net& net,
                             std::int64_t batch_size, reference::Mode mode, std::uint64_t seed = 1) {
  std::mt19937_64 generator(seed);
  reference::fill(net, generator, 1.5);
  for (const std::string& name : net.state_names()) {
    const bool mean = name.ends_with("mean");
    net.state(name) = reference::random_uniform(net.state(name).shape, generator, mean ? -0.3 : 0.3, mean ? 0.3 : 2.0);
  }
  Network network(config, dataset, batch_size, true);
  copy_weights(net, network);
  const Batch batch = random_batch(dataset, batch_size, generator);
  forward_backward(network.train(), batch);
  const reference::Loss expected = net.loss(batch.images, batch.labels, mode);
  const Array diff = net.backward(expected.diff_logits);
  EXPECT_NEAR(network.train().loss(), expected.loss, tolerance * std::max(1.0, expected.loss));
  expect_close(diff_images(network.train(), diff.shape), diff, "diff images");
  expect_same_gradients(network, net);
}

}  // namespace bnlab::network_testing

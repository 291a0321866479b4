#pragma once
// A dataset in memory and small networks on it, for tests of what happens around a network.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"
#include "data/scaler.h"
#include "network/network.h"

namespace bnlab::test {

/// Numbers in [-1, 1) that look random.
inline std::vector<float> numbers(std::size_t count, std::uint32_t seed) {
  std::vector<float> values(count);
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<std::int32_t>(seed)) / 2147483648.0f;
  }
  return values;
}

inline data::Split split_of(std::size_t count, std::size_t image, std::int64_t classes, std::uint32_t seed) {
  std::vector<std::uint8_t> images;
  for (const float value : numbers(count * image, seed))
    images.push_back(static_cast<std::uint8_t>(127.5f + 127.0f * value));
  std::vector<data::Label> labels;
  for (std::size_t n = 0; n < count; ++n)
    labels.push_back(static_cast<data::Label>(static_cast<std::int64_t>(n * 7 + seed) % classes));
  data::Split split;
  split.images = std::move(images);
  split.labels = std::move(labels);
  return split;
}

/// Images of 2 x 4 x 3 in 5 classes: 23 to train on, 11 to test on, none held out.
inline data::Dataset small_dataset() {
  data::Dataset dataset;
  dataset.info = {.name = "mnist", .channels = 2, .height = 4, .width = 3, .classes = 5};
  dataset.train = split_of(23, 24, 5, 1);
  dataset.test = split_of(11, 24, 5, 2);
  return dataset;
}

template <class Spec>
config::Block block(Spec spec) {
  return {.spec = std::move(spec)};
}

inline config::Block dense_block(std::int64_t units, config::Activation activation) {
  config::DenseBlock spec;
  spec.units = units;
  spec.activation = activation;
  return block(spec);
}

inline config::Block conv_block(std::int64_t channels, config::Activation activation) {
  config::ConvBlock spec;
  spec.channels = channels;
  spec.activation = activation;
  return block(spec);
}

inline config::Block dense(std::int64_t units) {
  config::Dense spec;
  spec.units = units;
  return block(spec);
}

/// `hidden` and a dense layer, batches of 6, evaluation in batches of 4.
inline config::RunConfig small_config(config::NormalizationType normalization, std::vector<config::Block> hidden) {
  config::RunConfig run;
  run.dataset.name = "mnist";
  run.network.layers = std::move(hidden);
  run.network.layers.push_back(dense(5));
  run.normalization.type = normalization;
  run.training.batch_size = 6;
  run.evaluation.batch_size = 4;
  return run;
}

inline config::RunConfig small_mlp(config::NormalizationType normalization,
                                   config::Activation activation = config::Activation::sigmoid) {
  return small_config(normalization,
                      {block(config::Flatten{}), dense_block(17, activation), dense_block(3, activation)});
}

inline config::RunConfig small_conv(config::NormalizationType normalization) {
  return small_config(normalization, {conv_block(3, config::Activation::relu), conv_block(17, config::Activation::tanh),
                                      block(config::Flatten{})});
}

/// Puts the first images of the training split into the training program and runs it forwards and backwards.
inline void run_first_batch(network::Network& network, const data::Dataset& dataset, const data::Scaler& scaler) {
  std::vector<std::uint32_t> indices(static_cast<std::size_t>(network.train().batch_size()));
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::uint32_t>(i);
  scaler.gather(dataset.train, indices, network.train().images(), network.train().labels());
  network.train().forward();
  network.train().backward();
}

inline void set_gradient(layers::Parameter& parameter, const std::vector<float>& values) {
  parameter.set_row_major(static_cast<float*>(parameter.diff.get_data_handle()), values);
}

}  // namespace bnlab::test

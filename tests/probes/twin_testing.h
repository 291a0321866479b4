#pragma once
// A small network and its twin in double precision, for the probes that look inside a network.

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "data/batch_order.h"
#include "network/network_testing.h"
#include "probes/probe_testing.h"
#include "util/random.h"

namespace bnlab::probes {

using config::Activation;
using config::NormalizationType;
using config::ProbeType;
using reference::Array;
using reference::Mode;
using reference::Net;
using test::ProbeRun;
using test::Row;

inline config::ProbeConfig probe_of(ProbeType type) { return {.type = type, .every = 1, .examples = 0, .units = {}}; }

/// A small network, its twin in double precision with the same weights, and the batch that its probe looks at.
struct Twin {
  Twin(const config::RunConfig& run, const config::ProbeConfig& probe_config, Net twin)
      : probe(run, probe_config), net(std::move(twin)) {
    NpzArrays arrays = probe.network.weights();
    for (const std::string& name : net.parameter_names()) take(net.value(name), arrays.at(name));
    for (const std::string& name : net.state_names()) take(net.state(name), arrays.at(name));
    const std::int64_t size = run.training.batch_size;
    data::BatchOrder order(run.training.seed, probe.dataset.train.size(), size, RandomPurpose::probe);
    std::vector<float> floats(static_cast<std::size_t>(size * 24));
    labels.resize(static_cast<std::size_t>(size));
    probe.scaler.gather(probe.dataset.train, order.batch(0), floats.data(), labels.data());
    images = reference::from_floats({size, 2, 4, 3}, floats);
  }

  static void take(Array& array, const NpyArray& values) {
    const auto& floats = std::get<std::vector<float>>(values.values);
    ASSERT_EQ(static_cast<std::int64_t>(floats.size()), array.size());
    for (std::size_t i = 0; i < floats.size(); ++i) array.values[i] = static_cast<double>(floats[i]);
  }

  reference::Loss run(Mode mode = Mode::batch) { return net.gradients(images, labels, mode); }

  ProbeRun probe;
  Net net;
  Array images;
  std::vector<std::int32_t> labels;
};

inline config::RunConfig conv_run(NormalizationType type, double epsilon = 1e-5) {
  config::RunConfig run =
      test::small_config(type, {test::conv_block(3, Activation::tanh), test::conv_block(17, Activation::tanh),
                                test::block(config::Flatten{}), test::dense_block(5, Activation::sigmoid)});
  run.normalization.epsilon = epsilon;
  return run;
}

inline Net conv_twin(bool normalized, double epsilon = 1e-5) {
  const reference::ConvGeometry same{{1, 1}, {1, 1}, 1};
  reference::NormalizationOptions options;
  options.epsilon = epsilon;
  Net net;
  std::int64_t channels = 2;
  for (const std::int64_t outputs : {3, 17}) {
    net.conv(channels, outputs, {3, 3}, same, !normalized);
    if (normalized) net.normalization(outputs, options);
    net.activation(reference::Activation::tanh);
    channels = outputs;
  }
  net.flatten().dense(17 * 12, 5, !normalized);
  if (normalized) net.normalization(5, options);
  return net.activation(reference::Activation::sigmoid).dense(5, 5);
}

inline void expect_near(const Row& row, const std::string& column, double expected, double tolerance = 1e-4) {
  const double found = std::stod(row.at(column));
  EXPECT_NEAR(found, expected, tolerance * std::max(1e-3, std::abs(expected)))
      << row.at("step") << " " << column << " " << (row.contains("layer") ? row.at("layer") : "");
}

inline double squares(const Array& array) {
  double sum = 0;
  for (std::int64_t i = 0; i < array.size(); ++i) sum += array.values[i] * array.values[i];
  return sum;
}

}  // namespace bnlab::probes

#pragma once
// The twin in double precision on the batch of a training step, for the probes that evaluate the training loss.

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "probes/twin_testing.h"

namespace bnlab::probes {

/// Lets the training program see the twin's batch.
inline void give_batch(Twin& twin) {
  network::Executable& training = twin.probe.network.train();
  const std::vector<float> images = reference::to_floats(twin.images);
  std::copy(images.begin(), images.end(), training.images());
  std::copy(twin.labels.begin(), twin.labels.end(), training.labels());
  training.forward();
  training.backward();
}

using Values = std::map<std::string, Array>;
using Gradients = std::map<std::string, Array>;

inline Values values_of(Net& net) {
  Values values;
  for (const std::string& name : net.parameter_names()) values[name] = net.value(name);
  return values;
}

/// Of all parameters, or of gamma and beta.
inline Gradients gradients_of(Net& net, bool all = true) {
  Gradients gradients;
  for (const std::string& name : net.parameter_names())
    if (all || name.ends_with("gamma") || name.ends_with("beta")) gradients[name] = net.gradient(name);
  return gradients;
}

inline double size_of(const Gradients& gradients) {
  double sum = 0;
  for (const auto& [name, gradient] : gradients) sum += squares(gradient);
  return std::sqrt(sum);
}

inline double distance(const Gradients& a, const Gradients& b) {
  double sum = 0;
  for (const auto& [name, gradient] : a)
    for (std::int64_t i = 0; i < gradient.size(); ++i) sum += std::pow(gradient.values[i] - b.at(name).values[i], 2);
  return std::sqrt(sum);
}

}  // namespace bnlab::probes

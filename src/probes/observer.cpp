#include "probes/observer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace bnlab::probes {

using onednn::Observation;

Observer::Observer(const ProbeContext& context, onednn::Watch watch, bool diff_input)
    : context_(context),
      executable_(context.network.observe(context.run.training.batch_size, std::move(watch), diff_input)),
      order_(context.run.training.seed, context.dataset.train.size(), context.run.training.batch_size,
             RandomPurpose::probe) {}

void Observer::load(std::int64_t step, std::int64_t batch) {
  executable_->set_step(std::max<std::int64_t>(step, 1), context_.run.training.steps);
  context_.scaler.gather(context_.dataset.train, order_.batch(batch), executable_->images(), executable_->labels(),
                         executable_->targets());
}

const Observation& Observer::at(const std::string& layer, const std::string& tensor) const {
  for (const Observation& observation : observations())
    if (observation.layer == layer && observation.tensor == tensor) return observation;
  throw std::logic_error("no " + tensor + " of " + layer + " is watched");
}

std::vector<const Observation*> Observer::all(const std::string& tensor) const {
  std::vector<const Observation*> found;
  for (const Observation& observation : observations())
    if (observation.tensor == tensor) found.push_back(&observation);
  if (tensor.starts_with("diff_")) std::reverse(found.begin(), found.end());
  return found;
}

std::size_t size_of(const Observation& observation) {
  return static_cast<std::size_t>(
      std::accumulate(observation.shape.begin(), observation.shape.end(), std::int64_t{1}, std::multiplies<>()));
}

Channels::Channels(const Observation& observation)
    : data(observation.data()),
      images(observation.shape[0]),
      channels(observation.shape[1]),
      plane(observation.shape.size() == 4 ? observation.shape[2] * observation.shape[3] : 1) {}

ChannelStatistics statistics_of(const Channels& values, std::int64_t c) {
  const auto count = static_cast<double>(values.values());
  double sum = 0;
  for (std::int64_t n = 0; n < values.images; ++n)
    for (std::int64_t i = 0; i < values.plane; ++i) sum += static_cast<double>(values.of(n, c)[i]);
  const double mean = sum / count;
  double squares = 0;
  for (std::int64_t n = 0; n < values.images; ++n)
    for (std::int64_t i = 0; i < values.plane; ++i) {
      const double d = static_cast<double>(values.of(n, c)[i]) - mean;
      squares += d * d;
    }
  return {mean, squares / count};
}

double squared_norm(const float* values, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return sum;
}

double norm(const std::vector<float>& values) { return std::sqrt(squared_norm(values.data(), values.size())); }

double relative_error(const float* a, const float* b, std::size_t count, double factor) {
  double difference = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double d = factor * static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += d * d;
  }
  const double size = squared_norm(b, count);
  if (size > 0 || std::isnan(size)) return std::sqrt(difference / size);
  return difference > 0 ? std::numeric_limits<double>::quiet_NaN() : 0.0;
}

ParametersGuard::ParametersGuard(network::Network& network)
    : parameters_(network.parameters()), values_(parameters_.values().begin(), parameters_.values().end()) {}

void ParametersGuard::restore() { std::ranges::copy(values_, parameters_.values().begin()); }

std::string type_of(const network::Network& network, const std::string& layer) {
  for (const layers::Layer* candidate : network.layers())
    if (candidate->name() == layer) return candidate->type();
  throw std::logic_error("no layer " + layer);
}

}  // namespace bnlab::probes

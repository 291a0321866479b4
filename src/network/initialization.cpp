#include "network/initialization.h"

#include <cmath>

#include "util/random.h"

namespace bnlab::network {
namespace {

using config::Distribution;
using config::InitializationScheme;

struct Spread {
  double std;
  Distribution distribution;
};

Spread spread_of(const layers::Parameter& parameter, const config::InitializationConfig& config) {
  const auto fan_in = static_cast<double>(parameter.fan_in);
  const auto fan_out = static_cast<double>(parameter.fan_out);
  switch (config.scheme) {
    case InitializationScheme::gaussian:
      return {config.std, Distribution::normal};
    case InitializationScheme::uniform:
      return {config.bound / std::sqrt(3.0), Distribution::uniform};
    case InitializationScheme::xavier:
      return {std::sqrt(2.0 / (fan_in + fan_out)), config.distribution};
    case InitializationScheme::he:
      break;
  }
  return {std::sqrt(2.0 / fan_in), config.distribution};
}

}  // namespace

std::vector<float> initial_value(const layers::Parameter& parameter, const config::InitializationConfig& config,
                                 std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(parameter.count()), static_cast<float>(parameter.initial_value));
  if (parameter.kind != layers::ParameterKind::weights) return values;
  const Spread spread = spread_of(parameter, config);
  RandomStream random(seed, RandomPurpose::weights, RandomStream::substream_of(parameter.name));
  const double scale = spread.std * config.gain;
  for (float& value : values) {
    // A uniform variable on (-b, b) has the standard deviation b / sqrt(3).
    const double unit =
        spread.distribution == Distribution::normal ? random.normal() : (2.0 * random.uniform() - 1.0) * std::sqrt(3.0);
    value = static_cast<float>(scale * unit);
  }
  return values;
}

}  // namespace bnlab::network

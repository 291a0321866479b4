#include "probes/activation_distribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <numbers>
#include <numeric>

#include "probes/observer.h"
#include "probes/percentiles.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

using config::Activation;
using onednn::Observation;

constexpr double saturated_share = 0.05;                             // of the largest slope
constexpr std::int64_t largest_measurement = std::int64_t{1} << 28;  // values, 1 GiB
struct Moments {
  double mean = 0;
  double standard_deviation = 0;
};

Moments moments_of(const std::vector<float>& values) {
  const auto count = static_cast<double>(values.size());
  const double mean = sum_over(values, [](double value) { return value; }) / count;
  const double squares = sum_over(values, [=](double value) { return (value - mean) * (value - mean); });
  return {mean, std::sqrt(squares / count)};
}

/// An activation function f.
struct Function {
  Activation kind = Activation::identity;
  double negative_slope = 0;  // of leaky_relu
};

/// d gelu(x) / dx = P(x) + x p(x), the distribution and density of the standard normal.
double slope_of_gelu(double x) {
  return std::erfc(-x / std::numbers::sqrt2) / 2 +
         x * std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}

/// At how many of the inputs x, with outputs y = f(x), |f'| is below 5 % of its maximum. Of equal length.
std::size_t count_saturated(const Function& function, std::span<const float> inputs, std::span<const float> outputs) {
  const auto count = [](std::span<const float> values, const auto& is_saturated) {
    std::size_t found = 0;
    for (const float value : values) found += is_saturated(value) ? 1 : 0;
    return found;
  };
  switch (function.kind) {
    case Activation::identity:
      return 0;
    case Activation::relu:
      return count(outputs, [](float y) { return y <= 0.0f; });
    case Activation::leaky_relu: {
      const double below = std::abs(function.negative_slope), limit = saturated_share * std::max(1.0, below);
      return count(inputs, [&](float x) { return (x > 0.0f ? 1.0 : below) < limit; });
    }
    case Activation::elu:  // the slope is y + 1 below 0, and 1 above
      return count(outputs, [](float y) { return static_cast<double>(y) + 1.0 < saturated_share; });
    case Activation::softplus:  // 1 - e^-y, at most 1
      return count(outputs, [](float y) { return -std::expm1(-static_cast<double>(y)) < saturated_share; });
    case Activation::gelu: {
      const double limit = saturated_share * slope_of_gelu(std::numbers::sqrt2);  // the largest
      return count(inputs, [&](float x) { return std::abs(slope_of_gelu(static_cast<double>(x))) < limit; });
    }
    case Activation::sigmoid:
      return count(outputs, [](float y) { return y * (1.0f - y) < 0.05f * 0.25f; });
    case Activation::tanh:
      return count(outputs, [](float y) { return 1.0f - y * y < 0.05f; });
  }
  return 0;
}

/// The values of the wanted units of one tensor, over all batches.
struct Collected {
  std::string layer;
  std::string tensor;
  Function function;                // of the layer
  std::vector<std::int64_t> units;  // those of the config that this layer has
  std::int64_t channels = 0;
  std::vector<float> all;                   // every value, batch by batch in row-major order
  std::vector<std::vector<float>> by_unit;  // as `units`
};

class ActivationDistribution : public Probe {
 public:
  ActivationDistribution(const config::ProbeConfig& config, const ProbeContext& context)
      : batch_(context.run.training.batch_size),
        batches_(std::clamp<std::int64_t>((config.examples + batch_ - 1) / batch_, 1,
                                          context.dataset.train.size() / batch_)),
        observer_(context, {"input", "output"}),
        csv_(context.open_csv("activation_distribution",
                              {"step", "layer", "tensor", "unit", "p5", "p15", "p50", "p85", "p95", "mean",
                               "standard_deviation", "fraction_saturated", "fraction_dead"})) {
    const auto functions = functions_of(context.network);
    for (const Observation& observation : observer_.observations()) {
      const Function function{functions.at(observation.layer), context.run.network.negative_slope};
      collected_.push_back({observation.layer, observation.tensor, function, {}, observation.shape[1], {}, {}});
      for (const std::int64_t unit : config.units)
        if (unit < observation.shape[1]) collected_.back().units.push_back(unit);
      collected_.back().by_unit.resize(collected_.back().units.size());
    }
  }

  void step_done(std::int64_t step) override {
    collect(step);
    for (std::size_t i = 0; i < collected_.size(); i += 2) write(step, collected_[i], collected_[i + 1]);
  }

 private:
  static std::map<std::string, Activation> functions_of(const network::Network& network) {
    std::map<std::string, Activation> functions;
    for (const layers::Layer* layer : network.layers())
      if (const auto function = layer->activation()) functions.emplace(layer->name(), *function);
    return functions;
  }

  void collect(std::int64_t step) {
    for (Collected& tensor : collected_) {
      tensor.all.clear();
      for (auto& values : tensor.by_unit) values.clear();
    }
    for (std::int64_t b = 0; b < batches_; ++b) {
      observer_.load(step, b);
      observer_.forward();
      for (std::size_t i = 0; i < collected_.size(); ++i) append(observer_.observations()[i], collected_[i]);
    }
  }

  static void append(const Observation& observation, Collected& to) {
    const std::span<const float> all = values_of(observation);
    to.all.insert(to.all.end(), all.begin(), all.end());
    const Channels values(observation);
    for (std::size_t u = 0; u < to.units.size(); ++u)
      for (std::int64_t n = 0; n < values.images; ++n) {
        const float* begin = values.of(n, to.units[u]);
        to.by_unit[u].insert(to.by_unit[u].end(), begin, begin + values.plane);
      }
  }

  // Saturation is a matter of both; each has it in its row.
  void write(std::int64_t step, Collected& input, Collected& output) {
    const auto [saturated, dead] = saturation_of_layer(input, output);
    std::vector<double> unit_saturated;
    for (std::size_t u = 0; u < output.units.size(); ++u)
      unit_saturated.push_back(fraction_saturated(output.function, input.by_unit[u], output.by_unit[u]));
    for (Collected* tensor : {&input, &output}) {
      write_row(step, *tensor, "all", tensor->all, saturated, dead);
      for (std::size_t u = 0; u < tensor->units.size(); ++u)
        write_row(step, *tensor, std::to_string(tensor->units[u]), tensor->by_unit[u], unit_saturated[u],
                  unit_saturated[u] == 1.0 ? 1.0 : 0.0);
    }
  }

  static double fraction_saturated(const Function& function, const std::vector<float>& inputs,
                                   const std::vector<float>& outputs) {
    return static_cast<double>(count_saturated(function, inputs, outputs)) / static_cast<double>(outputs.size());
  }

  // Values lie as (batches * N, C, H*W).
  std::pair<double, double> saturation_of_layer(const Collected& input, const Collected& output) const {
    const auto channels = static_cast<std::size_t>(output.channels);
    const auto images = static_cast<std::size_t>(batches_ * batch_);
    const std::size_t plane = output.all.size() / (images * channels);
    std::size_t saturated = 0;
    std::vector<bool> alive(channels, false);
    for (std::size_t i = 0; i < images * channels; ++i) {
      const std::size_t found = count_saturated(output.function, std::span(input.all).subspan(i * plane, plane),
                                                std::span(output.all).subspan(i * plane, plane));
      saturated += found;
      if (found < plane) alive[i % channels] = true;
    }
    const auto dead = std::count(alive.begin(), alive.end(), false);
    return {static_cast<double>(saturated) / static_cast<double>(output.all.size()),
            static_cast<double>(dead) / static_cast<double>(channels)};
  }

  void write_row(std::int64_t step, const Collected& tensor, const std::string& unit, const std::vector<float>& values,
                 double saturated, double dead) {
    const Moments moments = moments_of(values);
    csv_.add(step).add(tensor.layer).add(tensor.tensor).add(unit);
    for (const double value : percentiles_.find(values)) csv_.add(value);
    csv_.add(moments.mean).add(moments.standard_deviation).add(saturated).add(dead).end_row();
  }

  std::int64_t batch_;
  std::int64_t batches_;
  Observer observer_;
  CsvWriter& csv_;
  std::vector<Collected> collected_;
  PercentileFinder percentiles_;
};

}  // namespace

std::unique_ptr<Probe> make_activation_distribution(const config::ProbeConfig& config, const ProbeContext& context) {
  return std::make_unique<ActivationDistribution>(config, context);
}

void check_activation_distribution(const config::ProbeConfig& config, const std::string& path,
                                   const std::vector<network::LayerShape>& layers) {
  std::int64_t widest = 0;
  for (const network::LayerShape& layer : layers)
    if (layer.activation) widest = std::max(widest, layer.dst_shape[1]);
  std::int64_t values = 0;  // of one image, that a measurement holds at once
  for (const network::LayerShape& layer : layers)
    if (layer.activation)
      values +=
          2 * std::accumulate(layer.dst_shape.begin(), layer.dst_shape.end(), std::int64_t{1}, std::multiplies<>());
  if (config.examples > 0 && values > largest_measurement / config.examples)
    throw ConfigError(
        fmt::format("{}.examples: must be at most {} for this network, whose activations are held in memory "
                    "while they are sorted, got {}",
                    path, largest_measurement / values, config.examples));
  for (const std::int64_t unit : config.units)
    if (unit >= widest)
      throw ConfigError(fmt::format("{}.units: the widest activation layer has {} units, counted from 0, got {}", path,
                                    widest, unit));
}

}  // namespace bnlab::probes

#include "probes/activation_distribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>

#include "config/names.h"
#include "probes/observer.h"
#include "probes/percentiles.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

using onednn::Observation;

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

/// How many outputs y = f(x) lie where |f'| is below 5 % of its maximum.
std::size_t count_saturated(const std::string& function, std::span<const float> values) {
  const auto count = [&](const auto& is_saturated) {
    std::size_t found = 0;
    for (const float y : values) found += is_saturated(y) ? 1 : 0;
    return found;
  };
  if (function == "sigmoid") return count([](float y) { return y * (1.0f - y) < 0.05f * 0.25f; });
  if (function == "tanh") return count([](float y) { return 1.0f - y * y < 0.05f; });
  if (function == "relu") return count([](float y) { return y <= 0.0f; });
  return 0;
}

/// The values of the wanted units of one tensor, over all batches.
struct Collected {
  std::string layer;
  std::string tensor;
  std::string function;             // of the layer
  std::vector<std::int64_t> units;  // those of the config that this layer has
  std::int64_t channels = 0;
  std::vector<float> all;                   // every value, batch by batch in plain order
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
    const auto types = layer_types(context.network);
    for (const Observation& observation : observer_.observations()) {
      const std::string& function = types.at(observation.layer);
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

  // Saturation is a matter of the output; the row of the input repeats it.
  void write(std::int64_t step, Collected& input, Collected& output) {
    const auto [saturated, dead] = saturation_of_layer(output);
    std::vector<double> unit_saturated;
    for (const auto& values : output.by_unit) unit_saturated.push_back(fraction_saturated(output.function, values));
    for (Collected* tensor : {&input, &output}) {
      write_row(step, *tensor, "all", tensor->all, saturated, dead);
      for (std::size_t u = 0; u < tensor->units.size(); ++u)
        write_row(step, *tensor, std::to_string(tensor->units[u]), tensor->by_unit[u], unit_saturated[u],
                  unit_saturated[u] == 1.0 ? 1.0 : 0.0);
    }
  }

  static double fraction_saturated(const std::string& function, const std::vector<float>& values) {
    return static_cast<double>(count_saturated(function, values)) / static_cast<double>(values.size());
  }

  // Values lie as (batches * N, C, H*W).
  std::pair<double, double> saturation_of_layer(const Collected& output) const {
    const auto channels = static_cast<std::size_t>(output.channels);
    const auto images = static_cast<std::size_t>(batches_ * batch_);
    const std::size_t plane = output.all.size() / (images * channels);
    std::size_t saturated = 0;
    std::vector<bool> alive(channels, false);
    for (std::size_t i = 0; i < images * channels; ++i) {
      const std::size_t found = count_saturated(output.function, std::span(output.all).subspan(i * plane, plane));
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
  const std::vector<std::string> functions = config::names_of<config::Activation>();
  std::int64_t widest = 0;
  for (const network::LayerShape& layer : layers)
    if (std::find(functions.begin(), functions.end(), layer.type) != functions.end())
      widest = std::max(widest, layer.dst_shape[1]);
  std::int64_t values = 0;  // of one image, that a measurement holds at once
  for (const network::LayerShape& layer : layers)
    if (std::find(functions.begin(), functions.end(), layer.type) != functions.end())
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

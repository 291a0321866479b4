#include "probes/activation_distribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "config/names.h"
#include "probes/observer.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

using onednn::Observation;

constexpr std::int64_t largest_measurement = std::int64_t{1} << 28;  // values, 1 GiB
constexpr std::array percentiles{0.05, 0.15, 0.50, 0.85, 0.95};

/// Percentiles by linear interpolation between order statistics (numpy's default), all nan where a value is; reorders
/// `values`. Requires at least one.
std::array<double, percentiles.size()> percentiles_of(std::vector<float>& values) {
  std::array<double, percentiles.size()> result{};
  if (std::any_of(values.begin(), values.end(), [](float value) { return std::isnan(value); })) {
    result.fill(std::numeric_limits<double>::quiet_NaN());  // nan has no place in an order
    return result;
  }
  auto begin = values.begin();
  for (std::size_t i = 0; i < percentiles.size(); ++i) {
    const double position = percentiles[i] * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::ptrdiff_t>(position);
    const auto place = values.begin() + below;
    std::nth_element(begin, place, values.end());
    const double low = static_cast<double>(*place);
    const bool last = place + 1 == values.end();
    const double high = last ? low : static_cast<double>(*std::min_element(place + 1, values.end()));
    result[i] = low + (position - static_cast<double>(below)) * (high - low);
    begin = place;  // everything before is at most *place
  }
  return result;
}

struct Moments {
  double mean = 0;
  double standard_deviation = 0;
};

Moments moments_of(const std::vector<float>& values) {
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  const double mean = sum / count;
  double squares = 0;
  for (const float value : values) squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
  return {mean, std::sqrt(squares / count)};
}

/// Whether |f'| is below 5 % of its maximum, from the output y = f(x).
bool is_saturated(const std::string& function, float y) {
  if (function == "sigmoid") return y * (1.0f - y) < 0.05f * 0.25f;
  if (function == "tanh") return 1.0f - y * y < 0.05f;
  return function == "relu" && y <= 0.0f;
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
    std::size_t count = 0;
    for (const float y : values) count += is_saturated(function, y);
    return static_cast<double>(count) / static_cast<double>(values.size());
  }

  // Values lie as (batches * N, C, H*W).
  std::pair<double, double> saturation_of_layer(const Collected& output) const {
    const auto channels = static_cast<std::size_t>(output.channels);
    const auto images = static_cast<std::size_t>(batches_ * batch_);
    const std::size_t plane = output.all.size() / (images * channels);
    std::size_t saturated = 0;
    std::vector<bool> alive(channels, false);
    for (std::size_t i = 0; i < output.all.size(); ++i) {
      if (is_saturated(output.function, output.all[i]))
        ++saturated;
      else
        alive[i / plane % channels] = true;
    }
    const auto dead = std::count(alive.begin(), alive.end(), false);
    return {static_cast<double>(saturated) / static_cast<double>(output.all.size()),
            static_cast<double>(dead) / static_cast<double>(channels)};
  }

  void write_row(std::int64_t step, const Collected& tensor, const std::string& unit, std::vector<float>& values,
                 double saturated, double dead) {
    const Moments moments = moments_of(values);
    csv_.add(step).add(tensor.layer).add(tensor.tensor).add(unit);
    for (const double value : percentiles_of(values)) csv_.add(value);
    csv_.add(moments.mean).add(moments.standard_deviation).add(saturated).add(dead).end_row();
  }

  std::int64_t batch_;
  std::int64_t batches_;
  Observer observer_;
  CsvWriter& csv_;
  std::vector<Collected> collected_;
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

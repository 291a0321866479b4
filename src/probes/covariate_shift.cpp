#include "probes/covariate_shift.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "network/assemble.h"
#include "probes/training_loss.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

double product(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

double quotient(double part, double whole) {
  return whole > 0 ? part / whole : std::numeric_limits<double>::quiet_NaN();
}

class CovariateShift : public Probe {
 public:
  CovariateShift(const config::ProbeConfig& config, const ProbeContext& context)
      : network_(context.network),
        loss_(context, context.run.training.batch_size, GradientOf::all_parameters),
        csv_(context.open_csv("covariate_shift", {"step", "layer", "parameter", "normalized", "gradient_norm", "cosine",
                                                  "difference", "relative_difference"})) {
    std::int64_t place = 0;
    for (const layers::Segment& segment : network_.parameters().segments()) {
      if (segment.parameter->kind != layers::ParameterKind::weights) continue;
      ++place;
      if (config.layers.empty() || std::ranges::find(config.layers, place) != config.layers.end())
        arrays_.push_back({place, segment});
    }
  }

  void gradients_ready(std::int64_t step, double /*learning_rate*/) override {
    loss_.take_batch(step);
    loss_.keep_parameters();
  }

  void step_done(std::int64_t step) override {
    if (step == 0) return;
    const NetworkGuard guard(network_);
    const std::span<const float> values = network_.parameters().values();
    const std::vector<float> updated(values.begin(), values.end());
    std::vector<float> mixed = loss_.kept();
    loss_.evaluate(mixed);
    const std::span<const float> diffs = network_.parameters().diffs();
    const std::vector<float> gradient(diffs.begin(), diffs.end());
    for (const Array& array : arrays_) {
      const auto [parameter, offset, length] = array.segment;
      std::copy_n(updated.begin(), offset, mixed.begin());  // the block is in network order
      loss_.evaluate(mixed);
      write(step, array, {gradient.data() + offset, length}, diffs.subspan(offset, length));
    }
  }

 private:
  struct Array {
    std::int64_t place;
    layers::Segment segment;
  };

  void write(std::int64_t step, const Array& array, std::span<const float> before, std::span<const float> after) {
    const layers::Parameter& parameter = *array.segment.parameter;
    const double size = squared_norm(before), difference = distance(before, after);
    csv_.add(step).add(array.place).add(parameter.name).add(network_.is_normalized(parameter) ? "yes" : "no");
    csv_.add(std::sqrt(size)).add(quotient(product(before, after), std::sqrt(size * squared_norm(after))));
    csv_.add(difference).add(quotient(difference, std::sqrt(size))).end_row();
  }

  network::Network& network_;
  TrainingLoss loss_;
  std::vector<Array> arrays_;  // that are measured
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_covariate_shift(const config::ProbeConfig& config, const ProbeContext& context) {
  return std::make_unique<CovariateShift>(config, context);
}

void check_covariate_shift(const config::ProbeConfig& config, const std::string& path, const config::RunConfig& run) {
  if (config.layers.empty()) return;
  const auto assembly = network::assemble(run, data::dataset_info(run.dataset));
  const auto declarations = assembly->parameters.declarations();
  const auto arrays = std::ranges::count(declarations, layers::ParameterKind::weights, &layers::Declaration::kind);
  for (const std::int64_t layer : config.layers)
    if (layer > arrays)
      throw ConfigError(
          fmt::format("{}.layers: the network has {} arrays of weights, counted from 1, got {}", path, arrays, layer));
}

}  // namespace bnlab::probes

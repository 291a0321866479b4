#include "probes/scale_invariance.h"

#include <cmath>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

class ScaleInvariance : public Probe {
 public:
  ScaleInvariance(const config::ProbeConfig& config, const ProbeContext& context)
      : network_(context.network),
        factors_(config.factors),
        observer_(context, {"dst"}),
        csv_(context.open_csv("scale_invariance", {"step", "parameter", "normalized", "factor", "output_error",
                                                   "gradient_error", "loss_change"})) {}

  void step_done(std::int64_t step) override {
    observer_.load(step);
    ParametersGuard guard(network_);
    for (const auto& parameter : network_.parameters().all())
      if (parameter->kind == layers::ParameterKind::weights) measure(step, *parameter, guard);
  }

 private:
  struct Outcome {
    std::vector<float> output;
    std::vector<float> gradient;
    double loss = 0;
  };

  Outcome run(const layers::Parameter& parameter) {
    observer_.forward();
    observer_.backward();
    const std::span<const float> output = values_of(observer_.output());
    return {{output.begin(), output.end()}, parameter.row_major_diff(), observer_.loss()};
  }

  void measure(std::int64_t step, layers::Parameter& parameter, ParametersGuard& guard) {
    const Outcome before = run(parameter);
    const std::vector<float> weights = parameter.row_major_value();
    for (const double factor : factors_) {
      std::vector<float> scaled = weights;
      for (float& value : scaled) value = static_cast<float>(factor * static_cast<double>(value));
      parameter.set_row_major_value(scaled);
      const Outcome after = run(parameter);
      guard.restore();
      csv_.add(step).add(parameter.name).add(network_.is_normalized(parameter) ? "yes" : "no").add(factor);
      csv_.add(relative_error(after.output, before.output));
      csv_.add(relative_error(after.gradient, before.gradient, factor));
      csv_.add(std::abs(after.loss - before.loss) / std::abs(before.loss)).end_row();
    }
  }

  network::Network& network_;
  std::vector<double> factors_;
  Observer observer_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_scale_invariance(const config::ProbeConfig& config, const ProbeContext& context) {
  return std::make_unique<ScaleInvariance>(config, context);
}

}  // namespace bnlab::probes

#include "probes/weight_growth.h"

#include <cmath>
#include <limits>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

constexpr double kNoRatio = std::numeric_limits<double>::quiet_NaN();

class WeightGrowth : public Probe {
 public:
  explicit WeightGrowth(const ProbeContext& context)
      : network_(context.network),
        parameters_(context.network.parameters()),
        csv_(
            context.open_csv("weight_growth", {"step", "parameter", "normalized", "squared_norm", "cosine", "growth",
                                               "squared_step", "ratio", "stored_growth", "stored_ratio", "rotation"})) {
    for (const layers::Segment& segment : parameters_.segments())
      if (segment.parameter->kind == layers::ParameterKind::weights) before_.push_back({.segment = segment});
  }

  void gradients_ready(std::int64_t /*step*/, double learning_rate) override {
    for (Before& before : before_) {
      const float* w = parameters_.values().data() + before.segment.offset;
      const float* g = parameters_.diffs().data() + before.segment.offset;
      double product = 0, grown = 0;
      for (std::size_t i = 0; i < before.segment.length; ++i) {
        const double weight = w[i], derivative = g[i];
        const double stepped = weight - learning_rate * derivative;
        product += weight * derivative;
        grown += stepped * stepped - weight * weight;
      }
      const double gradient = squared_norm({g, before.segment.length});
      before.squared_norm = squared_norm({w, before.segment.length});
      before.cosine = product / std::sqrt(before.squared_norm * gradient);
      before.growth = grown;
      before.squared_step = learning_rate * learning_rate * gradient;
      before.weights.assign(w, w + before.segment.length);
    }
  }

  void step_done(std::int64_t step) override {
    if (step == 0) return;
    for (const Before& before : before_) {
      const float* w = parameters_.values().data() + before.segment.offset;
      const double stored = squared_norm({w, before.segment.length}) - before.squared_norm;
      const layers::Parameter& parameter = *before.segment.parameter;
      csv_.add(step).add(parameter.name).add(network_.is_normalized(parameter) ? "yes" : "no").add(before.squared_norm);
      csv_.add(before.cosine).add(before.growth).add(before.squared_step).add(before.in_squared_steps(before.growth));
      csv_.add(stored).add(before.in_squared_steps(stored)).add(before.angle_to(w)).end_row();
    }
  }

 private:
  struct Before {
    layers::Segment segment;
    double squared_norm = 0;
    double cosine = 0;
    double growth = 0;
    double squared_step = 0;
    std::vector<float> weights = {};

    double in_squared_steps(double grown) const { return squared_step > 0 ? grown / squared_step : kNoRatio; }

    /// From the parts of the step across and along the weights, since acos(1 - x) loses half the digits.
    double angle_to(const float* after) const {
      double product = 0;
      const auto step = [&](std::size_t i) { return static_cast<double>(after[i]) - static_cast<double>(weights[i]); };
      for (std::size_t i = 0; i < weights.size(); ++i) product += step(i) * static_cast<double>(weights[i]);
      if (!(squared_norm > 0) || !(probes::squared_norm({after, weights.size()}) > 0)) return kNoRatio;
      double across = 0;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const double part = step(i) - product / squared_norm * static_cast<double>(weights[i]);
        across += part * part;
      }
      return std::atan2(std::sqrt(across), std::sqrt(squared_norm) + product / std::sqrt(squared_norm));
    }
  };

  const network::Network& network_;
  layers::Parameters& parameters_;
  std::vector<Before> before_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_weight_growth(const ProbeContext& context) {
  return std::make_unique<WeightGrowth>(context);
}

}  // namespace bnlab::probes

#include "probes/gradient_norm.h"

#include <limits>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

class GradientNorm : public Probe {
 public:
  explicit GradientNorm(const ProbeContext& context)
      : parameters_(context.network.parameters()),
        csv_(context.open_csv("gradient_norm", {"step", "parameter", "gradient_norm", "value_norm", "ratio"})) {}

  void gradients_ready(std::int64_t step, double /*learning_rate*/) override {
    for (const layers::Segment& segment : parameters_.segments()) {
      const double gradient = norm(parameters_.diffs().subspan(segment.offset, segment.length));
      const double value = norm(parameters_.values().subspan(segment.offset, segment.length));
      const double ratio = value > 0 ? gradient / value : std::numeric_limits<double>::quiet_NaN();
      csv_.add(step).add(segment.parameter->name).add(gradient).add(value).add(ratio).end_row();
    }
  }

 private:
  layers::Parameters& parameters_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_gradient_norm(const ProbeContext& context) {
  return std::make_unique<GradientNorm>(context);
}

}  // namespace bnlab::probes

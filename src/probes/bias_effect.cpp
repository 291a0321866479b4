#include "probes/bias_effect.h"

#include <cmath>
#include <stdexcept>

#include "probes/observer.h"
#include "util/random.h"

namespace bnlab::probes {
namespace {

class BiasEffect : public Probe {
 public:
  explicit BiasEffect(const ProbeContext& context)
      : network_(context.network),
        seed_(context.run.training.seed),
        observer_(context, {}),
        csv_(context.open_csv("bias_effect", {"step", "parameter", "normalized", "gradient_ratio", "loss_change"})) {}

  void step_done(std::int64_t step) override {
    observer_.load(step);
    ParametersGuard guard(network_);
    for (const auto& parameter : network_.parameters().all())
      if (parameter->kind == layers::ParameterKind::bias) measure(step, *parameter, guard);
  }

 private:
  void measure(std::int64_t step, layers::Parameter& bias, ParametersGuard& guard) {
    observer_.forward();
    observer_.backward();
    const double loss = observer_.loss();
    const double ratio = norm(bias.row_major_diff()) / norm(weights_beside(bias).row_major_diff());
    RandomStream random(seed_, RandomPurpose::probe, RandomStream::substream_of(bias.name));
    std::vector<float> shifted = bias.row_major_value();
    for (float& value : shifted) value += static_cast<float>(random.normal());
    bias.set_row_major_value(shifted);
    observer_.forward();
    guard.restore();
    csv_.add(step).add(bias.name).add(network_.is_normalized(bias) ? "yes" : "no").add(ratio);
    csv_.add(std::abs(observer_.loss() - loss) / std::abs(loss)).end_row();
  }

  const layers::Parameter& weights_beside(const layers::Parameter& bias) const {
    const std::string layer = bias.name.substr(0, bias.name.rfind('.') + 1);
    for (const auto& parameter : network_.parameters().all())
      if (parameter->kind == layers::ParameterKind::weights && parameter->name.starts_with(layer)) return *parameter;
    throw std::logic_error("no weights beside " + bias.name);
  }

  network::Network& network_;
  std::uint64_t seed_;
  Observer observer_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_bias_effect(const ProbeContext& context) { return std::make_unique<BiasEffect>(context); }

}  // namespace bnlab::probes

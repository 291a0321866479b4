#include "probes/identity_recovery.h"

#include <cmath>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

class IdentityRecovery : public Probe {
 public:
  explicit IdentityRecovery(const ProbeContext& context)
      : network_(context.network),
        epsilon_(context.run.normalization.epsilon),
        observer_(context, {"src", "dst"}),
        csv_(context.open_csv("identity_recovery", {"step", "layer", "error"})) {}

  void step_done(std::int64_t step) override {
    observer_.load(step);
    ParametersGuard guard(network_);
    for (const auto& state : network_.states()) {
      observer_.forward();
      undo(*state);
      observer_.forward();
      guard.restore();
      csv_.add(step).add(state->name).add(error_of(state->name)).end_row();
    }
  }

 private:
  void undo(const normalization::NormalizationState& state) {
    const Channels input(observer_.at(state.name, "src"));
    std::vector<float> gamma;
    std::vector<float> beta;
    for (std::int64_t c = 0; c < input.channels; ++c) {
      const ChannelStatistics statistics = statistics_of(input, c);
      gamma.push_back(static_cast<float>(std::sqrt(statistics.variance + epsilon_)));
      beta.push_back(static_cast<float>(statistics.mean));
    }
    state.gamma->set_row_major_value(gamma);
    state.beta->set_row_major_value(beta);
  }

  double error_of(const std::string& layer) const {
    const std::span<const float> input = values_of(observer_.at(layer, "src"));
    return largest_difference(values_of(observer_.at(layer, "dst")), input) / largest_magnitude(input);
  }

  network::Network& network_;
  double epsilon_;
  Observer observer_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_identity_recovery(const ProbeContext& context) {
  return std::make_unique<IdentityRecovery>(context);
}

}  // namespace bnlab::probes

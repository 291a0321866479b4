#include "probes/normalization_state.h"

#include <limits>

namespace bnlab::probes {
namespace {

class NormalizationStateProbe : public Probe {
 public:
  explicit NormalizationStateProbe(const ProbeContext& context)
      : states_(context.network.states()),
        csv_(context.open_csv("normalization_state", {"step", "layer", "unit", "gamma", "beta", "running_mean",
                                                      "running_variance", "batch_mean", "batch_variance"})) {}

  void step_done(std::int64_t step) override {
    for (const auto& state : states_) {
      const std::vector<float> gamma = state->gamma ? state->gamma->row_major_value() : std::vector<float>();
      const std::vector<float> beta = state->beta ? state->beta->row_major_value() : std::vector<float>();
      const bool has_running = state->has_statistics();
      const bool has_batch = step > 0 && !state->frozen && has_running;
      const double none = std::numeric_limits<double>::quiet_NaN();
      for (std::size_t c = 0; c < static_cast<std::size_t>(state->channels); ++c) {
        csv_.add(step).add(state->name).add(static_cast<std::int64_t>(c));
        csv_.add(gamma.empty() ? 1.0 : static_cast<double>(gamma[c]))
            .add(beta.empty() ? 0.0 : static_cast<double>(beta[c]));
        csv_.add(has_running ? static_cast<double>(state->running_mean[c]) : none);
        csv_.add(has_running ? static_cast<double>(state->running_variance[c]) : none);
        csv_.add(has_batch ? static_cast<double>(state->batch_mean[c]) : none);
        csv_.add(has_batch ? static_cast<double>(state->batch_variance[c]) : none);
        csv_.end_row();
      }
    }
  }

 private:
  const normalization::NormalizationStates& states_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_normalization_state(const ProbeContext& context) {
  return std::make_unique<NormalizationStateProbe>(context);
}

}  // namespace bnlab::probes

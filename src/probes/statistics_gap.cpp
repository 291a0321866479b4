#include "probes/statistics_gap.h"

#include <cmath>

#include "network/precise_statistics.h"

namespace bnlab::probes {
namespace {

class StatisticsGap : public Probe {
 public:
  explicit StatisticsGap(const ProbeContext& context)
      : context_(context),
        executable_(context.network.build(onednn::Mode::evaluate_batch, context.run.training.batch_size)),
        csv_(context.open_csv("statistics_gap", {"step", "layer", "running_mean_gap", "running_variance_ratio",
                                                 "batch_mean_gap", "batch_variance_ratio"})) {}

  void step_done(std::int64_t step) override {
    if (step == 0) return;
    executable_->set_step(step, context_.run.training.steps);
    network::measure_precise_statistics(context_.network, *executable_, context_.dataset, context_.scaler,
                                        context_.run);
    for (const auto& state : context_.network.states())
      if (state->has_statistics() && !state->frozen) write(step, *state);
  }

 private:
  void write(std::int64_t step, const normalization::NormalizationState& state) {
    double running_gap = 0, running_ratio = 0, batch_gap = 0, batch_ratio = 0;
    const auto channels = static_cast<std::size_t>(state.channels);
    std::size_t measured = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      const auto mean = static_cast<double>(state.population_mean[c]);
      const auto variance = static_cast<double>(state.population_variance[c]);
      if (variance == 0) continue;  // no deviation to measure by
      ++measured;
      const double batch_variance = normalization::variance_for_population(state, normalization::Measured::in_training,
                                                                           c, context_.run.training.batch_size,
                                                                           context_.run.normalization.running_variance);
      running_gap += std::abs(static_cast<double>(state.running_mean[c]) - mean) / std::sqrt(variance);
      running_ratio += std::log(variance / static_cast<double>(state.running_variance[c]));
      batch_gap += std::abs(static_cast<double>(state.batch_mean[c]) - mean) / std::sqrt(variance);
      batch_ratio += std::log(variance / batch_variance);
    }
    const auto count = static_cast<double>(measured);
    csv_.add(step).add(state.name).add(running_gap / count).add(std::exp(running_ratio / count));
    csv_.add(batch_gap / count).add(std::exp(batch_ratio / count)).end_row();
  }

  ProbeContext context_;
  std::unique_ptr<network::Executable> executable_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_statistics_gap(const ProbeContext& context) {
  return std::make_unique<StatisticsGap>(context);
}

}  // namespace bnlab::probes

#include "probes/normalization_gradients.h"

#include <algorithm>
#include <cmath>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

class NormalizationGradients : public Probe {
 public:
  explicit NormalizationGradients(const ProbeContext& context)
      : network_(context.network),
        epsilon_(context.run.normalization.epsilon),
        observer_(context, {"src", "diff_dst", "diff_src"}),
        csv_(context.open_csv("normalization_gradients",
                              {"step", "layer", "ones_cosine", "normalized_cosine", "identity_error",
                               "ones_cosine_mean", "normalized_cosine_mean"})) {}

  void step_done(std::int64_t step) override {
    observer_.load(step);
    observer_.forward();
    observer_.backward();
    for (const auto& state : network_.states())
      if (has_gradient(state->name)) write(step, *state);
  }

 private:
  struct Outcome {
    double ones_cosine = 0;
    double normalized_cosine = 0;
    double identity_error = 0;
  };

  bool has_gradient(const std::string& layer) const {
    const auto gradients = observer_.all("diff_src");
    return std::any_of(gradients.begin(), gradients.end(), [&](const auto* found) { return found->layer == layer; });
  }

  void write(std::int64_t step, const normalization::NormalizationState& state) {
    Outcome largest;
    Outcome sum;
    const Channels input(observer_.at(state.name, "src"));
    const Channels diff_output(observer_.at(state.name, "diff_dst"));
    const Channels diff_input(observer_.at(state.name, "diff_src"));
    const std::vector<float> gamma = state.gamma ? state.gamma->row_major_value() : std::vector<float>();
    for (std::int64_t c = 0; c < state.channels; ++c) {
      const Outcome outcome = measure(input, diff_output, diff_input, statistics(state, input, c), c,
                                      gamma.empty() ? 1.0 : static_cast<double>(gamma[static_cast<std::size_t>(c)]));
      largest.ones_cosine = larger(largest.ones_cosine, outcome.ones_cosine);
      largest.normalized_cosine = larger(largest.normalized_cosine, outcome.normalized_cosine);
      largest.identity_error = larger(largest.identity_error, outcome.identity_error);
      sum.ones_cosine += outcome.ones_cosine;
      sum.normalized_cosine += outcome.normalized_cosine;
    }
    const auto channels = static_cast<double>(state.channels);
    csv_.add(step).add(state.name).add(largest.ones_cosine).add(largest.normalized_cosine).add(largest.identity_error);
    csv_.add(sum.ones_cosine / channels).add(sum.normalized_cosine / channels).end_row();
  }

  ChannelStatistics statistics(const normalization::NormalizationState& state, const Channels& input,
                               std::int64_t c) const {
    if (!state.frozen) return statistics_of(input, c);
    const auto channel = static_cast<std::size_t>(c);
    return {static_cast<double>(state.running_mean[channel]), static_cast<double>(state.running_variance[channel])};
  }

  // Of channel c of the input y, with gradients g of the output and dy of the input.
  Outcome measure(const Channels& y, const Channels& g, const Channels& dy, const ChannelStatistics& moments,
                  std::int64_t c, double gamma) const {
    const double sigma = std::sqrt(moments.variance + epsilon_), inverse = sigma == 0 ? 0 : 1 / sigma;
    double ones_dy = 0, hat_dy = 0, dy_dy = 0, hat_hat = 0, ones_g = 0, hat_g = 0, g_g = 0;
    for (std::int64_t n = 0; n < y.images; ++n)
      for (std::int64_t i = 0; i < y.plane; ++i) {
        const double hat = (static_cast<double>(y.of(n, c)[i]) - moments.mean) * inverse;
        const auto of_input = static_cast<double>(dy.of(n, c)[i]);
        const auto of_output = static_cast<double>(g.of(n, c)[i]);
        ones_dy += of_input;
        hat_dy += hat * of_input;
        dy_dy += of_input * of_input;
        hat_hat += hat * hat;
        ones_g += of_output;
        hat_g += hat * of_output;
        g_g += of_output * of_output;
      }
    if (dy_dy == 0) return {};
    const auto m = static_cast<double>(y.values());
    const double expected = gamma * gamma * inverse * inverse * (g_g - ones_g * ones_g / m - hat_g * hat_g / m);
    const double normalized_cosine = hat_hat == 0 ? 0 : std::abs(hat_dy) / std::sqrt(hat_hat * dy_dy);
    return {std::abs(ones_dy) / std::sqrt(m * dy_dy), normalized_cosine, std::abs(dy_dy - expected) / dy_dy};
  }

  network::Network& network_;
  double epsilon_;
  Observer observer_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_normalization_gradients(const ProbeContext& context) {
  return std::make_unique<NormalizationGradients>(context);
}

}  // namespace bnlab::probes

#include "probes/recurrent_gradients.h"

#include <limits>
#include <vector>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

class RecurrentGradients : public Probe {
 public:
  explicit RecurrentGradients(const ProbeContext& context)
      : observer_(context, {"diff_state"}),
        csv_(context.open_csv("recurrent_gradients", {"step", "layer", "time", "gradient_norm", "relative"})) {}

  void step_done(std::int64_t step) override {
    observer_.load(step);
    observer_.forward();
    observer_.backward();
    const std::vector<const onednn::Observation*> states = observer_.all("diff_state");
    for (std::size_t first = 0, end = 0; first < states.size(); first = end) {
      while (end < states.size() && states[end]->layer == states[first]->layer) ++end;
      const double last = norm(values_of(*states[end - 1]));
      for (std::size_t i = first; i < end; ++i) {
        const double gradient = norm(values_of(*states[i]));
        const double relative = last > 0 ? gradient / last : std::numeric_limits<double>::quiet_NaN();
        csv_.add(step).add(states[i]->layer).add(static_cast<std::int64_t>(i - first + 1));
        csv_.add(gradient).add(relative).end_row();
      }
    }
  }

 private:
  Observer observer_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_recurrent_gradients(const ProbeContext& context) {
  return std::make_unique<RecurrentGradients>(context);
}

}  // namespace bnlab::probes

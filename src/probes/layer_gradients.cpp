#include "probes/layer_gradients.h"

#include <cmath>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

class LayerGradients : public Probe {
 public:
  explicit LayerGradients(const ProbeContext& context)
      : network_(context.network),
        observer_(context, {"diff_dst"}),
        csv_(context.open_csv("layer_gradients",
                              {"step", "layer", "type", "gradient_norm", "squared_norm", "variance"})) {}

  void step_done(std::int64_t step) override {
    observer_.load(step);
    observer_.forward();
    observer_.backward();
    for (const onednn::Observation* gradient : observer_.all("diff_dst")) write(step, *gradient);
  }

 private:
  void write(std::int64_t step, const onednn::Observation& gradient) {
    const std::size_t count = size_of(gradient);
    const float* values = gradient.data();
    const double squared = squared_norm(values, count);
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]);
    const double mean = sum / static_cast<double>(count);
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double d = static_cast<double>(values[i]) - mean;
      squares += d * d;
    }
    csv_.add(step).add(gradient.layer).add(type_of(network_, gradient.layer));
    csv_.add(std::sqrt(squared)).add(squared).add(squares / static_cast<double>(count)).end_row();
  }

  const network::Network& network_;
  Observer observer_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_layer_gradients(const ProbeContext& context) {
  return std::make_unique<LayerGradients>(context);
}

}  // namespace bnlab::probes

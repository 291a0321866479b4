#include "probes/layer_gradients.h"

#include <cmath>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

// L2 norm, its square, and the variance of the values.
std::vector<double> spread_of(const onednn::Observation& gradient) {
  const std::span<const float> values = values_of(gradient);
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  const double mean = sum / count;
  double squares = 0;
  for (const float value : values) {
    const double d = static_cast<double>(value) - mean;
    squares += d * d;
  }
  const double squared = squared_norm(values);
  return {std::sqrt(squared), squared, squares / count};
}

}  // namespace

std::unique_ptr<Probe> make_layer_gradients(const ProbeContext& context) {
  return make_layer_probe(context, "layer_gradients", "diff_dst", {"gradient_norm", "squared_norm", "variance"},
                          spread_of);
}

}  // namespace bnlab::probes

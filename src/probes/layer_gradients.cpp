#include "probes/layer_gradients.h"

#include <cmath>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

// L2 norm, its square, and the variance of the values.
std::vector<double> spread_of(const onednn::Observation& gradient) {
  const std::span<const float> values = values_of(gradient);
  const auto count = static_cast<double>(values.size());
  const double mean = sum_over(values, [](double value) { return value; }) / count;
  const double squares = sum_over(values, [=](double value) { return (value - mean) * (value - mean); });
  const double squared = squared_norm(values);
  return {std::sqrt(squared), squared, squares / count};
}

}  // namespace

std::unique_ptr<Probe> make_layer_gradients(const ProbeContext& context) {
  return make_layer_probe(context, "layer_gradients", "diff_dst", {"gradient_norm", "squared_norm", "variance"},
                          spread_of);
}

}  // namespace bnlab::probes

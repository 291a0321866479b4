#include "probes/representations.h"

#include <cmath>
#include <limits>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

double dot(const float* a, const float* b, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// Effective rank, mean cosine and both orthogonality gaps of the images' representations.
std::vector<double> geometry_of(const onednn::Observation& output) {
  const auto images = static_cast<std::size_t>(output.shape[0]);
  const std::size_t length = values_of(output).size() / images;
  const float* data = output.data();
  std::vector<double> squared(images);  // the diagonal of M
  double trace = 0;
  for (std::size_t i = 0; i < images; ++i) {
    squared[i] = squared_norm({data + i * length, length});
    trace += squared[i];
  }
  double frobenius = 0;  // squared
  double cosines = 0;
  for (std::size_t i = 0; i < images; ++i) {
    frobenius += squared[i] * squared[i];
    for (std::size_t j = 0; j < i; ++j) {
      const double product = dot(data + i * length, data + j * length, length);
      frobenius += 2 * product * product;
      if (const double lengths = std::sqrt(squared[i]) * std::sqrt(squared[j]); lengths > 0)
        cosines += product / lengths;
    }
  }
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto count = static_cast<double>(images);
  const double pairs = 0.5 * count * (count - 1);
  const double rank = frobenius > 0 ? trace / frobenius * trace : none;
  // ||M / ||M|| - I / sqrt(N)||^2 = 2 - 2 tr(M) / (||M|| sqrt(N)), and ||M / tr(M) - I / N||^2 = 1 / rank - 1 / N.
  // Rounding makes both negative where the images are orthogonal; NaN stays NaN.
  const auto root = [](double square) { return std::sqrt(square < 0 ? 0 : square); };
  return {rank, trace > 0 && pairs > 0 ? cosines / pairs : none, root(2 - 2 * std::sqrt(rank / count)),
          root(1 / rank - 1 / count)};
}

}  // namespace

std::unique_ptr<Probe> make_representations(const ProbeContext& context) {
  return make_layer_probe(context, "representations", "dst",
                          {"effective_rank", "mean_cosine", "orthogonality_gap", "trace_gap"}, geometry_of);
}

}  // namespace bnlab::probes

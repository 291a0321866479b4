#pragma once
// Gradients against central differences of the loss.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "network/network.h"

namespace bnlab::training {

struct GradientCheckOptions {
  int directions = 6;       // random directions for each array, beside the gradient's own
  int elements = 6;         // single values for each array: those with the largest gradients
  double tolerance = 3e-2;  // of the error, see GradientCheckRow; V6 missed 1e-2 by its kinks, up to 2.5e-2
  std::uint64_t seed = 1;   // of the directions
  double rounding = 0;      // norm below which a gradient may be nothing but rounding, which no difference resolves
};

/// What was found for one array.
struct GradientCheckRow {
  std::string name;
  std::int64_t values = 0;
  double gradient_norm = 0;
  /// Largest |gradient . d - central difference along d| / (|gradient| |d|) over the directions d.
  double direction_error = 0;
  /// Largest |gradient_i - central difference| / max |gradient| over the single values.
  double element_error = 0;
  /// Both errors are at most the tolerance, beyond what the differences themselves leave open.
  bool passed = false;
};

/// Checks one gradient. `loss` gives the loss for other values of the array. Each difference is taken at several
/// distances; the one that differs least from its neighbours counts, and that difference is its uncertainty: rounding
/// in f32 at small distances, curvature and the kinks of ReLU and max pooling at large ones. Where it is above 5 % the
/// difference is left out; a gradient of which more than half are left out does not pass. An array whose gradient is
/// zero passes when the differences are below 1e-6. One below `rounding` whose differences are too coarse for it is
/// held to that norm instead.
GradientCheckRow check_gradient(const std::string& name, std::span<const float> values, std::span<const float> gradient,
                                const std::function<double(std::span<const float>)>& loss,
                                const GradientCheckOptions& options);

/// Checks the gradients of the input and of every parameter of `network`, which was built with diff_input, on the batch
/// that lies in its training program, with noise added to its images (their areas of one value make kinks coincide),
/// and factors that start at 0 moved to 0.5. `rounding` becomes 1e-3 of the network's largest gradient: a gradient that
/// is zero but for rounding, as a beta's before another normalization, is held to that.
std::vector<GradientCheckRow> check_gradients(network::Network& network, GradientCheckOptions options);

}  // namespace bnlab::training

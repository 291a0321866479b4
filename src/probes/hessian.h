#pragma once
#include <memory>
#include <string>

#include "probes/probe.h"

namespace bnlab::probes {

/// hessian.csv: the largest eigenvalue of the Hessian H of the training loss over all trainable parameters theta, on
/// training images that are drawn once, all in one batch; a row for each of the config's `statistics`:
///   statistics      batch: statistics of the batch are functions of theta; frozen: they stay those of this theta
///   eigenvalue      v^T H v of the vector v of length 1 that Lanczos' method found (full reorthogonalization)
///   residual        ||H v - eigenvalue v|| / |eigenvalue|
///   iterations      Lanczos steps
///   weight_norm     ||w|| over all arrays of weights with a normalization with statistics right behind them
///   eigenvalue_normalized   eigenvalue ||w||^2, which does not depend on the scale of w; nan where there is no such w
///   eigenvalue_rate  eigenvalue eta / 2, eta the rate of the step (at step 0 optimizer.learning_rate): gradient
///   descent
///                   without momentum on a quadratic function diverges where it is above 1
/// H v is D(h) = (g(theta + h v) - g(theta - h v)) / 2h, h = 1e-4 scale ||theta||, and of the vector that was found
/// (4 D(h) - D(2h)) / 3. Kinks of ReLU and max pooling make both noisy. All are nan where a gradient is not finite.
/// Dropout and noise draw as in the step.
std::unique_ptr<Probe> make_hessian(const config::ProbeConfig& config, const ProbeContext& context);

/// Throws ConfigError where the statistics of the normalization cannot be frozen, or where one batch of so many images
/// can't be normalized. `path` is the probe's place in the config ("probes.0").
void check_hessian(const config::ProbeConfig& config, const std::string& path, const config::RunConfig& run);

}  // namespace bnlab::probes

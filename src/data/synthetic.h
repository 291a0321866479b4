#pragma once
// Datasets that are made, not read: functions of the config's `synthetic` section alone. Training and test examples
// come from different random streams, so a larger dataset of the same seed keeps no example of another split.

#include "config/run_config.h"
#include "data/dataset.h"

namespace bnlab::data {

/// Inputs x ~ N(0, I_d) and targets y = A x, where the entries of A (K, d) are drawn once from N(0, 1 / d), so that a
/// target has a standard deviation of about 1.
Dataset make_gaussian_regression(const DatasetInfo& info, const config::SyntheticConfig& config);

/// K centres ~ N(0, separation^2 I_d), and examples ~ N(centre, I_d); as many of each class as can be, shuffled.
Dataset make_gaussian_clusters(const DatasetInfo& info, const config::SyntheticConfig& config);

/// Digits of strokes (data/drawn_digits.h), as many of each class as can be, shuffled.
Dataset make_drawn_digits(const DatasetInfo& info, const config::SyntheticConfig& config);

}  // namespace bnlab::data

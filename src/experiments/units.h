#pragma once
// Units in which tables show numbers. Files keep fractions and logarithms.

#include <cmath>
#include <string>

#include "config/experiment_config.h"

namespace bnlab::experiments {

/// How a number of a file becomes one that is shown: an accuracy in percent, a difference of accuracies in points, the
/// logarithm of a factor as that factor.
struct Unit {
  std::string name = {};  // "" without one
  double times = 1;
  int decimals = -1;          // -1: as many as the number needs
  bool is_factor = false;     // e to the power of the file's number
  bool is_backwards = false;  // 1 / that factor: larger numbers are shown as smaller ones

  double operator()(double value) const { return is_factor ? std::exp(is_backwards ? -value : value) : value * times; }
};

inline const Unit percent{"%", 100, 1}, points{"points", 100, 2};

/// Whether the quantity is a share of examples, or a difference of shares.
bool is_share(const config::QuantityConfig& quantity);

/// Whether the quantity is a difference of two values, or a distance between them.
bool is_difference(const config::QuantityConfig& quantity);

Unit unit_of(const config::QuantityConfig& quantity);

/// Of a column such as test_accuracy or final_loss, by its last word; accuracy_lost is a difference of accuracies.
Unit unit_of_column(const std::string& column);

}  // namespace bnlab::experiments

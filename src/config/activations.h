#pragma once
// The activation functions that a network or a block can name; src/layers/activation.cpp maps them to oneDNN.

#include "config/kind.h"

namespace bnlab::config {

enum class Activation { identity, relu, leaky_relu, elu, softplus, gelu, sigmoid, tanh };

struct ActivationRow {
  std::string_view name;
  Activation value;
  std::string_view meaning;
  std::string_view paper = {};
  bool keeps_zero = true;  // f(0) = 0

  template <class Visit>
  void traits(Visit&& visit) const {
    visit("keeps_zero", keeps_zero);
  }
};

template <>
struct Names<Activation> {
  using enum Activation;
  static constexpr ActivationRow table[] = {
      {.name = "identity", .value = identity, .meaning = "x"},
      {.name = "relu", .value = relu, .meaning = "max(x, 0)"},
      {.name = "leaky_relu", .value = leaky_relu, .meaning = "x, or network.negative_slope x below 0"},
      {.name = "elu", .value = elu, .meaning = "x, or e^x - 1 below 0", .paper = "Clevert et al. 2016, alpha = 1"},
      {.name = "softplus", .value = softplus, .meaning = "log(1 + e^x)", .keeps_zero = false},
      {.name = "gelu",
       .value = gelu,
       .meaning = "x times the normal distribution at x, by erf",
       .paper = "Hendrycks & Gimpel 2016"},
      {.name = "sigmoid", .value = sigmoid, .meaning = "1 / (1 + e^-x)", .keeps_zero = false},
      {.name = "tanh", .value = tanh, .meaning = "tanh x"},
  };
};

}  // namespace bnlab::config

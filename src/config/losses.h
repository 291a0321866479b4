#pragma once
// The losses that loss.type can name; src/layers/loss.cpp has their formulas.

#include "config/kind.h"

namespace bnlab::config {

enum class LossType { cross_entropy, squared_error };

struct LossRow {
  std::string_view name;
  LossType value;
  std::string_view meaning;
  bool needs_classes = false;  // examples with targets have none
  OwnFields fields = {};

  template <class Visit>
  void traits(Visit&& visit) const {
    visit("needs_classes", needs_classes);
    visit("fields", fields);
  }
};

template <>
struct Names<LossType> {
  using enum LossType;
  static constexpr LossRow table[] = {
      {.name = "cross_entropy",
       .value = cross_entropy,
       .meaning = "of the label and the softmax of the outputs",
       .needs_classes = true,
       .fields = {"label_smoothing"}},
      {.name = "squared_error",
       .value = squared_error,
       .meaning = "(output - target)^2, with no factor 1/2; the target of a class is 1 for the label and 0 otherwise"},
  };
};

}  // namespace bnlab::config

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
       .meaning = "of the softmax",
       .needs_classes = true,
       .fields = {"label_smoothing"}},
      {.name = "squared_error",
       .value = squared_error,
       .meaning = "of the targets, or of classes as 0 and 1, without a factor 1/2"},
  };
};

}  // namespace bnlab::config

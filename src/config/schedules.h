#pragma once
// The learning-rate schedules that optimizer.schedule.type can name; src/training/schedule.cpp has their formulas.

#include "config/kind.h"

namespace bnlab::config {

enum class ScheduleType { constant, step, exponential, cosine, one_cycle, doubling };

struct ScheduleRow {
  std::string_view name;
  ScheduleType value;
  std::string_view meaning;
  std::string_view paper = {};
  OwnFields fields = {};

  template <class Visit>
  void traits(Visit&& visit) const {
    visit("fields", fields);
  }
};

template <>
struct Names<ScheduleType> {
  using enum ScheduleType;
  static constexpr ScheduleRow table[] = {
      {.name = "constant", .value = constant, .meaning = "constant rate", .fields = {"warmup_steps", "warmup_start"}},
      {.name = "step",
       .value = step,
       .meaning = "multiplied by factor every `every` steps",
       .fields = {"every", "factor", "warmup_steps", "warmup_start"}},
      {.name = "exponential",
       .value = exponential,
       .meaning = "multiplied by factor over `every` steps, continuously",
       .fields = {"every", "factor", "warmup_steps", "warmup_start"}},
      {.name = "cosine",
       .value = cosine,
       .meaning = "half a cosine, which would reach final_fraction one step after the last, as PyTorch's "
                  "CosineAnnealingLR",
       .paper = "Loshchilov & Hutter 2017",
       .fields = {"final_fraction", "warmup_steps", "warmup_start"}},
      {.name = "one_cycle",
       .value = one_cycle,
       .meaning = "rises, then falls to final_fraction at the last step, as PyTorch's OneCycleLR",
       .paper = "Smith 2018",
       .fields = {"final_fraction", "initial_fraction", "peak"}},
      {.name = "doubling",
       .value = doubling,
       .meaning = "doubled over `every` steps, continuously",
       .fields = {"every", "warmup_steps", "warmup_start"}},
  };
};

}  // namespace bnlab::config

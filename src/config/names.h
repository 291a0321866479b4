#pragma once
// The names that enumerations have in JSON: one table for each, used to read, to write, to list and to document.

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/run_config.h"

namespace bnlab::config {

template <class E>
struct Named {
  std::string_view name;
  E value;
};

template <class E>
struct Names;

template <>
struct Names<Scaling> {
  static constexpr Named<Scaling> table[] = {{"unit", Scaling::unit},
                                             {"binary", Scaling::binary},
                                             {"standardized", Scaling::standardized},
                                             {"raw", Scaling::raw}};
};
template <>
struct Names<Activation> {
  static constexpr Named<Activation> table[] = {{"identity", Activation::identity},
                                                {"relu", Activation::relu},
                                                {"sigmoid", Activation::sigmoid},
                                                {"tanh", Activation::tanh}};
};
template <>
struct Names<NormalizationType> {
  static constexpr Named<NormalizationType> table[] = {
      {"none", NormalizationType::none}, {"batch", NormalizationType::batch}, {"frozen", NormalizationType::frozen}};
};
template <>
struct Names<Placement> {
  static constexpr Named<Placement> table[] = {{"before_activation", Placement::before_activation},
                                               {"after_activation", Placement::after_activation}};
};
template <>
struct Names<RunningVariance> {
  static constexpr Named<RunningVariance> table[] = {{"biased", RunningVariance::biased},
                                                     {"unbiased", RunningVariance::unbiased}};
};
template <>
struct Names<Population> {
  static constexpr Named<Population> table[] = {{"running_average", Population::running_average},
                                                {"precise", Population::precise}};
};
template <>
struct Names<Statistics> {
  static constexpr Named<Statistics> table[] = {{"population", Statistics::population},
                                                {"running", Statistics::running},
                                                {"precise", Statistics::precise},
                                                {"batch", Statistics::batch}};
};
template <>
struct Names<InitializationScheme> {
  static constexpr Named<InitializationScheme> table[] = {{"gaussian", InitializationScheme::gaussian},
                                                          {"uniform", InitializationScheme::uniform},
                                                          {"xavier", InitializationScheme::xavier},
                                                          {"he", InitializationScheme::he}};
};
template <>
struct Names<Distribution> {
  static constexpr Named<Distribution> table[] = {{"normal", Distribution::normal}, {"uniform", Distribution::uniform}};
};
template <>
struct Names<OptimizerType> {
  static constexpr Named<OptimizerType> table[] = {{"sgd", OptimizerType::sgd}};
};
template <>
struct Names<ScheduleType> {
  static constexpr Named<ScheduleType> table[] = {{"constant", ScheduleType::constant}, {"step", ScheduleType::step}};
};
template <>
struct Names<ProbeType> {
  static constexpr Named<ProbeType> table[] = {{"activation_distribution", ProbeType::activation_distribution},
                                               {"gradient_norm", ProbeType::gradient_norm},
                                               {"normalization_state", ProbeType::normalization_state}};
};

/// The JSON name of `value`.
template <class E>
std::string name_of(E value) {
  for (const auto& row : Names<E>::table)
    if (row.value == value) return std::string(row.name);
  return "?";
}

/// All names of an enumeration, in the order of its table.
template <class E>
std::vector<std::string> names_of() {
  std::vector<std::string> names;
  for (const auto& row : Names<E>::table) names.emplace_back(row.name);
  return names;
}

}  // namespace bnlab::config

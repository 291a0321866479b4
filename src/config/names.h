#pragma once
// The names that choices have in JSON. The tables of kinds, with more columns, are in files of their own.

#include "config/kind.h"
#include "config/run_config.h"

namespace bnlab::config {

template <>
struct Names<Scaling> {
  static constexpr Named<Scaling> table[] = {{"unit", Scaling::unit},
                                             {"binary", Scaling::binary},
                                             {"standardized", Scaling::standardized},
                                             {"raw", Scaling::raw}};
};
template <>
struct Names<Activation> {
  static constexpr Named<Activation> table[] = {{"identity", Activation::identity},     {"relu", Activation::relu},
                                                {"leaky_relu", Activation::leaky_relu}, {"elu", Activation::elu},
                                                {"softplus", Activation::softplus},     {"gelu", Activation::gelu},
                                                {"sigmoid", Activation::sigmoid},       {"tanh", Activation::tanh}};
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
struct Names<RampUnit> {
  static constexpr Named<RampUnit> table[] = {{"fraction", RampUnit::fraction}, {"steps", RampUnit::steps}};
};
template <>
struct Names<LpNorm> {
  static constexpr Named<LpNorm> table[] = {{"l1", LpNorm::l1}, {"l2", LpNorm::l2}, {"linf", LpNorm::linf}};
};
template <>
struct Names<LayerNormOver> {
  static constexpr Named<LayerNormOver> table[] = {{"image", LayerNormOver::image},
                                                   {"position", LayerNormOver::position}};
};
template <>
struct Names<RecurrentStatistics> {
  static constexpr Named<RecurrentStatistics> table[] = {{"per_step", RecurrentStatistics::per_step},
                                                         {"shared", RecurrentStatistics::shared}};
};
template <>
struct Names<Shortcut> {
  static constexpr Named<Shortcut> table[] = {
      {"identity", Shortcut::identity}, {"projection", Shortcut::projection}, {"padding", Shortcut::padding}};
};
template <>
struct Names<RecurrentStart> {
  static constexpr Named<RecurrentStart> table[] = {{"orthogonal", RecurrentStart::orthogonal},
                                                    {"identity", RecurrentStart::identity},
                                                    {"scheme", RecurrentStart::scheme}};
};
template <>
struct Names<InitializationScheme> {
  static constexpr Named<InitializationScheme> table[] = {
      {"gaussian", InitializationScheme::gaussian},     {"uniform", InitializationScheme::uniform},
      {"xavier", InitializationScheme::xavier},         {"he", InitializationScheme::he},
      {"orthogonal", InitializationScheme::orthogonal}, {"identity", InitializationScheme::identity},
      {"pytorch", InitializationScheme::pytorch},       {"fixup", InitializationScheme::fixup}};
};
template <>
struct Names<Distribution> {
  static constexpr Named<Distribution> table[] = {{"normal", Distribution::normal}, {"uniform", Distribution::uniform}};
};
template <>
struct Names<Fan> {
  static constexpr Named<Fan> table[] = {{"in", Fan::in}, {"out", Fan::out}, {"average", Fan::average}};
};
template <>
struct Names<OptimizerType> {
  static constexpr Named<OptimizerType> table[] = {{"sgd", OptimizerType::sgd},
                                                   {"adam", OptimizerType::adam},
                                                   {"adamw", OptimizerType::adamw},
                                                   {"rmsprop", OptimizerType::rmsprop}};
};
template <>
struct Names<Decay> {
  static constexpr Named<Decay> table[] = {{"coupled", Decay::coupled}, {"decoupled", Decay::decoupled}};
};
template <>
struct Names<Trainable> {
  static constexpr Named<Trainable> table[] = {
      {"all", Trainable::all}, {"normalization", Trainable::normalization}, {"random", Trainable::random}};
};
template <>
struct Names<ScheduleType> {
  static constexpr Named<ScheduleType> table[] = {
      {"constant", ScheduleType::constant},       {"step", ScheduleType::step},
      {"exponential", ScheduleType::exponential}, {"cosine", ScheduleType::cosine},
      {"one_cycle", ScheduleType::one_cycle},     {"doubling", ScheduleType::doubling}};
};
template <>
struct Names<BatchComposition> {
  static constexpr Named<BatchComposition> table[] = {{"shuffled", BatchComposition::shuffled},
                                                      {"in_order", BatchComposition::in_order},
                                                      {"by_class", BatchComposition::by_class},
                                                      {"full_batch", BatchComposition::full_batch}};
};
template <>
struct Names<Precision> {
  static constexpr Named<Precision> table[] = {{"f32", Precision::f32}, {"bf16", Precision::bf16}};
};
template <>
struct Names<LossType> {
  static constexpr Named<LossType> table[] = {{"cross_entropy", LossType::cross_entropy},
                                              {"squared_error", LossType::squared_error}};
};
template <>
struct Names<Reduction> {
  static constexpr Named<Reduction> table[] = {{"mean", Reduction::mean}, {"sum", Reduction::sum}};
};
template <>
struct Names<ProbeType> {
  static constexpr Named<ProbeType> table[] = {{"activation_distribution", ProbeType::activation_distribution},
                                               {"gradient_norm", ProbeType::gradient_norm},
                                               {"normalization_state", ProbeType::normalization_state},
                                               {"channel_moments", ProbeType::channel_moments},
                                               {"layer_gradients", ProbeType::layer_gradients},
                                               {"representations", ProbeType::representations},
                                               {"scale_invariance", ProbeType::scale_invariance},
                                               {"bias_effect", ProbeType::bias_effect},
                                               {"identity_recovery", ProbeType::identity_recovery},
                                               {"normalization_gradients", ProbeType::normalization_gradients},
                                               {"weight_growth", ProbeType::weight_growth},
                                               {"statistics_gap", ProbeType::statistics_gap},
                                               {"residual_branches", ProbeType::residual_branches},
                                               {"equivalence", ProbeType::equivalence}};
};

}  // namespace bnlab::config

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
struct Names<Channels> {
  static constexpr Named<Channels> table[] = {{"first", Channels::first}, {"last", Channels::last}};
};
template <>
struct Names<ShiftedSplits> {
  static constexpr Named<ShiftedSplits> table[] = {{"all", ShiftedSplits::all}, {"test", ShiftedSplits::test}};
};
template <>
struct Names<LabelSet> {
  static constexpr Named<LabelSet> table[] = {{"fine", LabelSet::fine}, {"coarse", LabelSet::coarse}};
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
struct Names<NormOf> {
  static constexpr Named<NormOf> table[] = {{"centred", NormOf::centred}, {"raw", NormOf::raw}};
};
template <>
struct Names<GammaDistribution> {
  static constexpr Named<GammaDistribution> table[] = {{"constant", GammaDistribution::constant},
                                                       {"uniform", GammaDistribution::uniform}};
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
struct Names<PreciseVariance> {
  static constexpr Named<PreciseVariance> table[] = {{"mean", PreciseVariance::mean},
                                                     {"pooled", PreciseVariance::pooled}};
};
template <>
struct Names<RecurrentReads> {
  static constexpr Named<RecurrentReads> table[] = {{"rows", RecurrentReads::rows}, {"pixels", RecurrentReads::pixels}};
};
template <>
struct Names<RecurrentNormalize> {
  static constexpr Named<RecurrentNormalize> table[] = {{"sum", RecurrentNormalize::sum},
                                                        {"separate", RecurrentNormalize::separate}};
};
template <>
struct Names<Distribution> {
  static constexpr Named<Distribution> table[] = {{"normal", Distribution::normal}, {"uniform", Distribution::uniform}};
};
template <>
struct Names<Trainable> {
  static constexpr Named<Trainable> table[] = {
      {"all", Trainable::all}, {"normalization", Trainable::normalization}, {"random", Trainable::random}};
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
  static constexpr Named<Precision> table[] = {{"f32", Precision::f32, "single precision"},
                                               {"bf16", Precision::bf16,
                                                "activations, gradients and a copy of the weights in bfloat16; "
                                                "weights, statistics, normalization parameters and "
                                                "loss in f32 (Micikevicius et al. 2018)"}};
};
template <>
struct Names<Reduction> {
  static constexpr Named<Reduction> table[] = {{"mean", Reduction::mean}, {"sum", Reduction::sum}};
};
template <>
struct Names<StepUnit> {
  static constexpr Named<StepUnit> table[] = {{"learning_rate", StepUnit::learning_rate}, {"one", StepUnit::one}};
};
template <>
struct Names<CurvatureStatistics> {
  static constexpr Named<CurvatureStatistics> table[] = {{"batch", CurvatureStatistics::batch},
                                                         {"frozen", CurvatureStatistics::frozen}};
};

}  // namespace bnlab::config

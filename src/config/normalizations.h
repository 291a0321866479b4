#pragma once
// The normalizations that normalization.type can name. Each has its code in src/normalization.

#include <cstdint>
#include <optional>

#include "config/kind.h"

namespace bnlab::config {

enum class NormalizationType {
  none,
  batch,
  batch_renorm,
  ghost,
  frozen,
  noisy_batch,
  noise,
  layer,
  instance,
  group,
  lp,
  local_response
};

struct NormalizationRow {
  std::string_view name;
  NormalizationType value;
  std::string_view meaning;
  std::string_view paper = {};
  /// The axes of (N, C, H, W) over which one mean and variance are taken in training; empty: none are taken.
  std::string_view over = {};
  /// A bias before it is left out (Ioffe & Szegedy 2015, 3.2): the mean of each channel takes it away again. With
  /// frozen statistics beta does a bias's work, and a network trained with batch statistics has none. Means over
  /// several channels leave a bias its effect.
  bool absorbs_bias = false;
  bool has_affine = true;          // it has gamma and beta where normalization.affine is true
  bool has_population = false;     // it keeps running statistics, which normalize in evaluation
  bool has_batch_moments = false;  // several images share statistics in training, and these enter the running ones
  bool fuses_relu = false;         // it can apply the ReLU that follows in the same call
  std::optional<std::int64_t> virtual_batch_size = std::nullopt;  // where the config names none; unset: the whole batch
  OwnFields fields = {};

  template <class Visit>
  void traits(Visit&& visit) const {
    visit("over", over);
    visit("absorbs_bias", absorbs_bias);
    visit("has_affine", has_affine);
    visit("has_population", has_population);
    visit("has_batch_moments", has_batch_moments);
    visit("fuses_relu", fuses_relu);
    visit("virtual_batch_size", virtual_batch_size);
    visit("fields", fields);
  }
};

template <>
struct Names<NormalizationType> {
  using enum NormalizationType;
  static constexpr NormalizationRow table[] = {
      {.name = "none",
       .value = none,
       .meaning = "no normalization; the other fields have no effect",
       .has_affine = false},
      {.name = "batch",
       .value = batch,
       .meaning = "statistics of the batch for each channel",
       .paper = "Ioffe & Szegedy 2015",
       .over = "N, H, W",
       .absorbs_bias = true,
       .has_population = true,
       .has_batch_moments = true,
       .fuses_relu = true,
       .fields = {"precise_variance"}},
      {.name = "batch_renorm",
       .value = batch_renorm,
       .meaning = "batch, corrected towards the running statistics",
       .paper = "Ioffe 2017",
       .over = "N, H, W",
       .absorbs_bias = true,
       .has_population = true,
       .has_batch_moments = true,
       .fields = {"precise_variance", "virtual_batch_size", "r_max", "d_max"}},
      {.name = "ghost",
       .value = ghost,
       .meaning = "batch, with statistics of parts of the batch (virtual batches)",
       .paper = "Hoffer et al. 2017",
       .over = "N, H, W",
       .absorbs_bias = true,
       .has_population = true,
       .has_batch_moments = true,
       .virtual_batch_size = 32,
       .fields = {"virtual_batch_size"}},
      {.name = "frozen",
       .value = frozen,
       .meaning = "the running statistics, which training does not change",
       .absorbs_bias = true,
       .has_population = true,
       .fuses_relu = true},
      {.name = "noisy_batch",
       .value = noisy_batch,
       .meaning = "batch, with noise after it",
       .paper = "Santurkar et al. 2018",
       .over = "N, H, W",
       .absorbs_bias = true,
       .has_population = true,
       .has_batch_moments = true,
       .fields = {"precise_variance", "noise"}},
      {.name = "noise",
       .value = noise,
       .meaning = "the noise of noisy_batch without a normalization",
       .paper = "Santurkar et al. 2018",
       .has_affine = false,
       .fields = {"noise"}},
      {.name = "layer",
       .value = layer,
       .meaning = "statistics of each image, or of each position of an image",
       .paper = "Ba et al. 2016",
       .over = "C, H, W",
       .fields = {"over"}},
      {.name = "instance",
       .value = instance,
       .meaning = "statistics of each channel of each image",
       .paper = "Ulyanov et al. 2016",
       .over = "H, W",
       .absorbs_bias = true},
      {.name = "group",
       .value = group,
       .meaning = "statistics of each group of channels of each image",
       .paper = "Wu & He 2018",
       .over = "C / groups, H, W",
       .fields = {"channels_per_group", "groups"}},
      {.name = "lp",
       .value = lp,
       .meaning = "batch, with the l1, l2 or l-infinity norm as the divisor",
       .paper = "Santurkar et al. 2018, Hoffer et al. 2018",
       .over = "N, H, W",
       .absorbs_bias = true,
       .has_population = true,
       .has_batch_moments = true,
       .fields = {"norm", "norm_of"}},
      {.name = "local_response",
       .value = local_response,
       .meaning = "division by the activity of neighbouring channels",
       .paper = "Krizhevsky et al. 2012",
       .has_affine = false,
       .fields = {"local_response"}},
  };
};

}  // namespace bnlab::config

#pragma once
// The section `dataset` of a config; see run_config.h.

#include <cstdint>
#include <optional>
#include <string>

namespace bnlab::config {

enum class Scaling { unit, binary, standardized, raw };
enum class Channels { first, last };
enum class LabelSet { fine, coarse };
enum class ShiftedSplits { all, test };

/// Random changes of each training image, drawn anew at each visit.
struct AugmentationConfig {
  std::int64_t crop_padding = 0;  // zeros around the image, of which a random part of the old size is taken; 0: off
  bool flip = false;              // mirror left and right with probability 1/2
  bool operator==(const AugmentationConfig&) const = default;
};

/// A fixed change of all images, for fine-tuning on data of another kind, or of the test images alone.
struct ShiftConfig {
  double rotation = 0.0;  // degrees, counterclockwise
  double contrast = 1.0;  // factor of the distance from mid-grey
  double noise = 0.0;     // standard deviation of Gaussian noise, as a fraction of the largest pixel value
  std::optional<ShiftedSplits> splits = std::nullopt;  // unset: all
  bool operator==(const ShiftConfig&) const = default;
};

/// The size of datasets that are made, not read.
struct SyntheticConfig {
  std::int64_t examples = 1000;
  std::int64_t test_examples = 1000;
  std::int64_t dimensions = 10;  // of an input; not of drawn_digits
  std::int64_t outputs = 10;     // targets or classes; not of drawn_digits
  double separation = 3.0;       // gaussian_clusters: standard deviation of the centres, in units of a cluster's own
  std::optional<double> target_std = std::nullopt;  // gaussian_regression: of each target; unset: 1
  std::uint64_t seed = 1;
  bool operator==(const SyntheticConfig&) const = default;
};

struct DatasetConfig {
  std::string name = {};
  std::string path = {};                             // a folder, or an .npz; empty: search
  std::optional<std::string> prefix = std::nullopt;  // idx: what the names of its files begin with
  std::optional<Channels> channels = std::nullopt;  // npz: (N, C, H, W) or (N, H, W, C); unset: inferred from the sizes
  std::optional<LabelSet> labels = std::nullopt;    // cifar100; unset: fine
  Scaling scaling = Scaling::unit;
  std::int64_t limit = 0;                                 // first images of the training file that are used; 0: all
  std::int64_t validation = 0;                            // training images held out, the last ones within the limit
  std::optional<std::int64_t> test_limit = std::nullopt;  // first images of the test file that are used; unset: all
  AugmentationConfig augmentation = {};
  ShiftConfig shift = {};
  SyntheticConfig synthetic = {};
  bool operator==(const DatasetConfig&) const = default;
};

}  // namespace bnlab::config

#pragma once
// Images and labels in memory, as bytes, with the scaling that turns them into floats on their way into a batch.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "config/run_config.h"

namespace bnlab::data {

/// What is known of a dataset without its files.
struct DatasetInfo {
  std::string name;
  std::int64_t channels = 1;
  std::int64_t height = 28;
  std::int64_t width = 28;
  std::int64_t classes = 10;
};

/// Images of one split, bytes in (N, C, H, W) order, and their classes in [0, classes).
struct Split {
  std::vector<std::uint8_t> images;
  std::vector<std::uint8_t> labels;
  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
};

/// A dataset in memory. `train` has the config's limit and validation applied.
struct Dataset {
  DatasetInfo info;
  Split train;
  Split validation;  // may be empty
  Split test;
  std::string sha256;  // of the unpacked files: train images, train labels, test images, test labels, one after another

  std::int64_t image_size() const { return info.channels * info.height * info.width; }
};

/// The names that `load` knows, in the order in which `bnlab list datasets` shows them.
std::vector<std::string> dataset_names();

/// Throws ConfigError with the valid names for a name that is not known.
DatasetInfo dataset_info(const std::string& name);

/// The folder in which load() would find the files, empty where there is none.
std::filesystem::path locate(const config::DatasetConfig& config);

/// Finds and reads the files: `config.path`, then the environment's BNLAB_DATA (the folder itself, or NAME below it),
/// the Debian package's folder, `data/`. Throws DataError naming the folders searched, or the file and what is wrong
/// with it; ConfigError where limit or validation don't fit the data.
Dataset load(const config::DatasetConfig& config);

/// Turns bytes into floats: value * scale[c] + offset[c], or value >= 128 for `binary`.
///   unit: v / 255; raw: v; binary: 0 or 1; standardized: (v / 255 - mean_c) / std_c with mean and (biased) standard
///   deviation of each channel over the training split; a constant channel becomes 0.
class Scaler {
 public:
  Scaler(const Dataset& dataset, config::Scaling scaling);
  /// Writes images `indices` of `split` to `dst`, (N, C, H, W) in f32, and their labels. Allocates nothing.
  void gather(const Split& split, std::span<const std::uint32_t> indices, float* dst, std::int32_t* labels) const;

 private:
  void scale_image(const std::uint8_t* src, float* dst) const;

  std::int64_t channels_;
  std::int64_t plane_;  // height * width
  bool binary_;
  std::vector<float> scale_;   // (C)
  std::vector<float> offset_;  // (C)
};

}  // namespace bnlab::data

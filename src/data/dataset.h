#pragma once
// Examples in memory: images as bytes, or vectors of numbers; each with a class, or with targets. The scaler turns them
// into floats on their way into a batch.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.h"

namespace bnlab::data {

/// What is known of a dataset without its files.
struct DatasetInfo {
  std::string name;
  std::string meaning = {};
  std::int64_t channels = 1;  // of images; or the numbers of an input, whose height and width are then 1
  std::int64_t height = 28;
  std::int64_t width = 28;
  std::int64_t classes = 10;  // K, the outputs of a network: classes, or where has_targets the targets of an example
  bool has_targets = false;   // an example has K real numbers to predict instead of a class

  bool has_images() const { return height > 1 && width > 1; }
};

/// The examples of one split: N inputs, as bytes or as floats, and N classes.
struct Split {
  std::vector<std::uint8_t> images;  // (N, C, H, W); empty where `values` holds the inputs
  std::vector<std::uint8_t> labels;  // (N), in [0, classes); all 0 where there are targets
  std::vector<float> values;         // (N, C); empty where `images` holds the inputs
  std::vector<float> targets;        // (N, K); empty where examples have classes
  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
};

/// A dataset in memory. `train` has the config's limit and validation applied, all splits have its shift.
struct Dataset {
  DatasetInfo info;
  Split train;
  Split validation;  // may be empty
  Split test;
  /// Of the unpacked files one after another (IDX: train images, train labels, test images, test labels; CIFAR-10:
  /// data_batch_1 to 5, test_batch), before limit and shift, which the config tells. Of a dataset that is made: of
  /// inputs and labels or targets, of train and test, floats as little-endian IEEE numbers.
  std::string sha256;

  std::int64_t image_size() const { return info.channels * info.height * info.width; }
};

/// What is known of each dataset that `load` knows, in the order in which `bnlab list datasets` shows them. What the
/// config's section `synthetic` decides is 0.
std::vector<DatasetInfo> datasets();

/// Needs no files. Throws ConfigError with the valid names for a name that is not known, and for scaling, augmentation,
/// shift or synthetic sizes that don't fit the dataset.
DatasetInfo dataset_info(const config::DatasetConfig& config);

/// The folder in which load() would find the files: an empty path for a dataset that needs none, nothing where there is
/// none.
std::optional<std::filesystem::path> locate(const config::DatasetConfig& config);

/// Finds and reads the files: `config.path`, then the environment's BNLAB_DATA (the folder itself, or NAME below it),
/// the Debian package's folder, `data/`; or makes the data. Throws DataError naming the folders searched, or the file
/// and what is wrong with it; ConfigError as dataset_info(), and where limit or validation don't fit the data.
Dataset load(const config::DatasetConfig& config);

}  // namespace bnlab::data

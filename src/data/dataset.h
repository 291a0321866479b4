#pragma once
// Examples in memory: images as bytes, or vectors of numbers; each with a class, or with targets. The scaler turns them
// into floats on their way into a batch.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/values.h"

namespace bnlab::data {

/// What a network has to know of a dataset.
struct DatasetInfo {
  std::string name;
  std::string meaning = {};
  std::int64_t channels = 1;  // of images; or the numbers of an input, whose height and width are then 1
  std::int64_t height = 28;
  std::int64_t width = 28;
  std::int64_t classes = 10;  // K, the outputs of a network: classes, or where has_targets the targets of an example
  bool has_targets = false;   // an example has K real numbers to predict instead of a class
  bool has_floats = false;    // inputs are floats instead of bytes

  bool has_images() const { return height > 1 && width > 1; }
  bool operator==(const DatasetInfo&) const = default;
};

using Label = std::uint16_t;
inline constexpr std::int64_t most_classes = std::int64_t{1} << 16;

/// The examples of one split: N inputs, as bytes or as floats, and N classes.
struct Split {
  Values<std::uint8_t> images;  // (N, C, H, W); empty where `values` holds the inputs
  Values<Label> labels;         // (N), in [0, classes); all 0 where there are targets
  Values<float> values;         // (N, C, H, W); empty where `images` holds the inputs
  Values<float> targets;        // (N, K); empty where examples have classes
  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
};

/// A dataset in memory. `train` has the config's limit and validation applied, `test` its test_limit, all splits have
/// its shift.
struct Dataset {
  DatasetInfo info;
  Split train;
  Split validation;  // may be empty
  Split test;
  /// Of the unpacked files one after another (IDX: train images, train labels, test images, test labels; CIFAR-10:
  /// data_batch_1 to 5, test_batch; CIFAR-100: train, test; npz: the arrays x_train, y_train, x_test, y_test, each as
  /// an .npy file), before limit and shift, which the config tells. Of a dataset that is made: of inputs and labels (as
  /// bytes) or targets, of train and test, floats as little-endian IEEE numbers.
  std::string sha256;
  std::uint64_t bytes = 0;  // of which it is the sum

  const Split& split(config::SplitName name) const {
    return name == config::SplitName::train ? train : name == config::SplitName::validation ? validation : test;
  }
  std::int64_t image_size() const { return info.channels * info.height * info.width; }
};

/// What is known of each dataset that `load` knows, in the order in which `bnlab list datasets` shows them. What the
/// config's section `synthetic` or the files decide is 0.
std::vector<DatasetInfo> datasets();

/// Reads the headers and the labels of files whose sizes are their own (idx, npz), and no others. Throws ConfigError
/// with the valid names for a name that is not known, and for what of the config doesn't fit the dataset: scaling,
/// augmentation, shift, synthetic sizes, fields of other datasets; DataError as load().
DatasetInfo dataset_info(const config::DatasetConfig& config);

/// Where load() would find the files: an empty path for a dataset that needs none, nothing where there are none.
std::optional<std::filesystem::path> locate(const config::DatasetConfig& config);

/// Where the data of a user's own datasets are to be named, for those; empty for others.
std::string place_of_own(const std::string& name);

/// Finds and reads the files: `config.path`, then the environment's BNLAB_DATA (the folder itself, or NAME below it),
/// the Debian package's folder, `data/`; or makes the data. Throws DataError naming the folders and the names searched,
/// or the file and what is wrong with it; ConfigError as dataset_info(), and where a limit or validation don't fit the
/// data. A run of a sweep takes them from it where it can (data/shared_data.h).
Dataset load(const config::DatasetConfig& config);

/// The same before limit, validation and shift, read or made by this process.
Dataset load_whole(const config::DatasetConfig& config);

}  // namespace bnlab::data

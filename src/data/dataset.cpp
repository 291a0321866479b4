#include "data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include "data/cifar.h"
#include "data/idx.h"
#include "data/shift.h"
#include "data/synthetic.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/huge_pages.h"
#include "util/join.h"

namespace bnlab::data {
namespace {

namespace fs = std::filesystem;

// ---- the files of the IDX datasets ---------------------------------------------------------------------------------

/// In the order in which Dataset::sha256 takes them: training images and labels, test images and labels.
constexpr std::array<std::string_view, 4> idx_stems = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                                       "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

/// The file, plain or with ".gz"; empty when neither is there.
fs::path find_file(const fs::path& folder, std::string_view stem) {
  for (const std::string_view extension : {"", ".gz"}) {
    fs::path path = folder / stem;
    path += extension;
    std::error_code unreadable;
    if (fs::is_regular_file(path, unreadable)) return path;
  }
  return {};
}

bool holds_idx_files(const fs::path& folder) {
  return std::any_of(idx_stems.begin(), idx_stems.end(),
                     [&](std::string_view stem) { return !find_file(folder, stem).empty(); });
}

fs::path require_file(const DatasetInfo& info, const fs::path& folder, std::string_view stem) {
  fs::path path = find_file(folder, stem);
  if (path.empty())
    throw DataError(fmt::format("{}: not found, with or without .gz; scripts/fetch_data.sh {} downloads it",
                                (folder / stem).string(), info.name));
  return path;
}

void check_images(const DatasetInfo& info, const fs::path& path, const IdxArray& images) {
  const std::vector<std::int64_t>& shape = images.shape;  // (N, height, width)
  if (shape[0] == 0) throw DataError(fmt::format("{}: expected images, found none", path.string()));
  if (shape[1] != info.height || shape[2] != info.width)
    throw DataError(fmt::format("{}: expected images of {} x {}, found {} x {}", path.string(), info.height, info.width,
                                shape[1], shape[2]));
}

void check_labels(const DatasetInfo& info, const fs::path& path, const std::vector<std::uint8_t>& labels,
                  const fs::path& images_path, std::int64_t images) {
  if (static_cast<std::int64_t>(labels.size()) != images)
    throw DataError(fmt::format("{}: expected {} labels, one for each image of {}, found {}", path.string(), images,
                                images_path.filename().string(), labels.size()));
  const auto wrong =
      std::find_if(labels.begin(), labels.end(), [&](std::uint8_t label) { return label >= info.classes; });
  if (wrong != labels.end())
    throw DataError(fmt::format("{}: expected labels from 0 to {}, found {} at index {}", path.string(),
                                info.classes - 1, *wrong, wrong - labels.begin()));
}

Split read_idx_split(const DatasetInfo& info, const fs::path& folder, std::string_view images_stem,
                     std::string_view labels_stem, Sha256& sum) {
  const fs::path images_path = require_file(info, folder, images_stem);
  const fs::path labels_path = require_file(info, folder, labels_stem);
  IdxArray images = read_idx(images_path, 3, sum);
  check_images(info, images_path, images);
  IdxArray labels = read_idx(labels_path, 1, sum);
  check_labels(info, labels_path, labels.values, images_path, images.shape[0]);
  Split split;
  split.images = std::move(images.values);
  split.labels = std::move(labels.values);
  return split;
}

Dataset read_idx_dataset(const DatasetInfo& info, const fs::path& folder) {
  Sha256 sum;
  Dataset dataset;
  dataset.info = info;
  dataset.train = read_idx_split(info, folder, idx_stems[0], idx_stems[1], sum);
  dataset.test = read_idx_split(info, folder, idx_stems[2], idx_stems[3], sum);
  dataset.sha256 = sum.hex();
  return dataset;
}

// ---- the table -----------------------------------------------------------------------------------------------------

/// Where a dataset comes from: files that are searched for, or a function that makes it.
struct Kind {
  DatasetInfo info;
  std::vector<std::string> folders = {};  // the names that its folder can have
  bool (*found_in)(const fs::path& folder) = nullptr;
  Dataset (*read)(const DatasetInfo& info, const fs::path& folder) = nullptr;
  // Null where there are files.
  Dataset (*make)(const DatasetInfo& info, const config::SyntheticConfig& config) = nullptr;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> table = {
      {.info = {.name = "mnist", .meaning = "handwritten digits, images of 28 x 28"},
       .folders = {"mnist"},
       .found_in = holds_idx_files,
       .read = read_idx_dataset},
      {.info = {.name = "fashion_mnist", .meaning = "articles of clothing, images of 28 x 28"},
       .folders = {"fashion_mnist", "fashion-mnist"},
       .found_in = holds_idx_files,
       .read = read_idx_dataset},
      {.info = {.name = "cifar10",
                .meaning = "objects in photographs, colour images of 32 x 32",
                .channels = 3,
                .height = 32,
                .width = 32},
       .folders = {"cifar10", "cifar-10", "cifar-10-batches-bin"},
       .found_in = holds_cifar10,
       .read = read_cifar10},
      // Of these two the config says how many numbers an example has, and how many classes or targets there are.
      {.info = {.name = "gaussian_regression",
                .meaning = "Gaussian vectors, and targets that are linear in them",
                .channels = 0,
                .height = 1,
                .width = 1,
                .classes = 0,
                .has_targets = true},
       .make = make_gaussian_regression},
      {.info = {.name = "gaussian_clusters",
                .meaning = "vectors, a Gaussian cluster for each class",
                .channels = 0,
                .height = 1,
                .width = 1,
                .classes = 0},
       .make = make_gaussian_clusters},
      {.info = {.name = "drawn_digits", .meaning = "digits drawn with lines, images of 28 x 28"},
       .make = make_drawn_digits},
  };
  return table;
}

const Kind& kind_of(const std::string& name) {
  for (const Kind& kind : kinds())
    if (kind.info.name == name) return kind;
  std::vector<std::string> names;
  for (const Kind& kind : kinds()) names.push_back(kind.info.name);
  throw ConfigError(fmt::format("dataset.name: must be one of {}, got \"{}\"", join(names, ", "), name));
}

// ---- what fits a dataset -------------------------------------------------------------------------------------------

constexpr std::int64_t most_values = std::int64_t{1} << 30;  // of the inputs of a split that is made

void check_made(const DatasetInfo& info, const config::SyntheticConfig& config) {
  const std::int64_t values = info.channels * info.height * info.width;
  const auto check = [&](const char* field, std::int64_t examples) {
    if (examples > most_values / values)
      throw ConfigError(
          fmt::format("dataset.synthetic.{}: must be at most {}, because an example of {} has {} values, "
                      "got {}",
                      field, most_values / values, info.name, values, examples));
  };
  check("examples", config.examples);
  check("test_examples", config.test_examples);
}

void check_for_images(const DatasetInfo& info, const config::DatasetConfig& config) {
  const auto refuse = [&](const char* field) {
    throw ConfigError(
        fmt::format("dataset.{} is for images; the examples of {} are vectors of numbers", field, info.name));
  };
  if (config.scaling == config::Scaling::binary) refuse("scaling: binary");
  if (config.augmentation != config::AugmentationConfig{}) refuse("augmentation: this");
  if (config.shift != config::ShiftConfig{}) refuse("shift: this");
}

void check_crop(const DatasetInfo& info, std::int64_t padding) {
  const std::int64_t smallest = std::min(info.height, info.width);
  if (padding >= smallest)
    throw ConfigError(
        fmt::format("dataset.augmentation.crop_padding: must be less than {}, the size of the images of "
                    "{}, got {}",
                    smallest, info.name, padding));
}

// ---- the search ----------------------------------------------------------------------------------------------------

/// The folders in which the files may be, in order. A search root is itself taken only by its name, or where the config
/// names it: the files of different datasets have the same names.
std::vector<fs::path> candidate_folders(const config::DatasetConfig& config, const std::vector<std::string>& names) {
  std::vector<fs::path> folders;
  const auto add_below = [&](const fs::path& root) {
    for (const std::string& name : names) folders.push_back(root / name);
  };
  if (!config.path.empty()) {
    add_below(config.path);
    folders.emplace_back(config.path);
    return folders;
  }
  std::vector<fs::path> roots;
  const char* environment = std::getenv("BNLAB_DATA");
  if (environment != nullptr && *environment != '\0') roots.emplace_back(environment);
  roots.emplace_back("/usr/share/datasets");  // Debian's dataset packages
  roots.emplace_back("data");
  for (const fs::path& root : roots) {
    add_below(root);
    const fs::path plain = (root / "").lexically_normal().parent_path();  // without a slash at the end
    if (std::find(names.begin(), names.end(), plain.filename().string()) != names.end()) folders.push_back(root);
  }
  return folders;
}

fs::path first_folder(const config::DatasetConfig& config, const Kind& kind) {
  for (fs::path& folder : candidate_folders(config, kind.folders))
    if (kind.found_in(folder)) return folder;
  return {};
}

fs::path find_folder(const config::DatasetConfig& config, const Kind& kind) {
  if (fs::path folder = first_folder(config, kind); !folder.empty()) return folder;
  std::vector<std::string> searched;
  for (const fs::path& folder : candidate_folders(config, kind.folders)) searched.push_back(folder.string());
  throw DataError(fmt::format("{}: no files of this dataset in {}; get them with: scripts/fetch_data.sh {}{}",
                              config.name, join(searched, ", "), config.name,
                              config.path.empty() ? ", or name their folder in dataset.path or BNLAB_DATA" : ""));
}

// ---- limit and validation ------------------------------------------------------------------------------------------

void check_counts(const config::DatasetConfig& config, std::int64_t images) {
  if (config.limit < 0 || config.limit > images)
    throw ConfigError(fmt::format("dataset.limit: must be from 0 to {}, the training images of {}, got {}", images,
                                  config.name, config.limit));
  const std::int64_t used = config.limit > 0 ? config.limit : images;
  if (config.validation < 0 || config.validation >= used)
    throw ConfigError(
        fmt::format("dataset.validation: must be at least 0 and less than {}, the training images in use, "
                    "got {}",
                    used, config.validation));
}

/// Keeps the values of the first `kept` of the examples, and returns those of the examples from there to `used`.
template <class T>
std::vector<T> cut_off(std::vector<T>& values, std::int64_t examples, std::int64_t kept, std::int64_t used) {
  const std::int64_t each = static_cast<std::int64_t>(values.size()) / examples;
  std::vector<T> rest(values.begin() + kept * each, values.begin() + used * each);
  values.resize(static_cast<std::size_t>(kept * each));
  if (values.size() < values.capacity() / 2) values.shrink_to_fit();
  return rest;
}

void apply_counts(const config::DatasetConfig& config, Dataset& dataset) {
  Split& train = dataset.train;
  const std::int64_t examples = train.size();
  check_counts(config, examples);
  const std::int64_t used = config.limit > 0 ? config.limit : examples;
  const std::int64_t kept = used - config.validation;
  dataset.validation.images = cut_off(train.images, examples, kept, used);
  dataset.validation.values = cut_off(train.values, examples, kept, used);
  dataset.validation.targets = cut_off(train.targets, examples, kept, used);
  dataset.validation.labels = cut_off(train.labels, examples, kept, used);
}

// Batches are gathered from all over the images: in huge pages that takes two thirds of the time.
void move_to_huge_pages(std::vector<std::uint8_t>& images) {
  if (images.size() < huge_page) return;
  std::vector<std::uint8_t> moved;
  moved.reserve(images.size());
  use_huge_pages(moved.data(), moved.capacity());
  moved.assign(images.begin(), images.end());
  images.swap(moved);
}

}  // namespace

std::vector<DatasetInfo> datasets() {
  std::vector<DatasetInfo> all;
  for (const Kind& kind : kinds()) all.push_back(kind.info);
  return all;
}

DatasetInfo dataset_info(const config::DatasetConfig& config) {
  const Kind& kind = kind_of(config.name);
  DatasetInfo info = kind.info;
  if (info.has_images()) {
    check_crop(info, config.augmentation.crop_padding);
  } else {
    info.channels = config.synthetic.dimensions;
    info.classes = config.synthetic.outputs;
    check_for_images(info, config);
  }
  if (kind.make) check_made(info, config.synthetic);
  return info;
}

std::optional<std::filesystem::path> locate(const config::DatasetConfig& config) {
  const Kind& kind = kind_of(config.name);
  if (kind.make) return fs::path();
  fs::path folder = first_folder(config, kind);
  if (folder.empty()) return std::nullopt;
  return folder;
}

Dataset load(const config::DatasetConfig& config) {
  const Kind& kind = kind_of(config.name);
  const DatasetInfo info = dataset_info(config);
  Dataset dataset = kind.make ? kind.make(info, config.synthetic) : kind.read(info, find_folder(config, kind));
  apply_counts(config, dataset);
  apply_shift(config.shift, dataset);
  move_to_huge_pages(dataset.train.images);
  return dataset;
}

}  // namespace bnlab::data

#include "data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "data/idx.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/join.h"
#include "util/target_clones.h"

namespace bnlab::data {
namespace {

namespace fs = std::filesystem;

// ---- the files of the IDX datasets
// -----------------------------------------------------------------------------------

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
  return {std::move(images.values), std::move(labels.values)};
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

// ---- the table
// -------------------------------------------------------------------------------------------------------

struct Kind {
  DatasetInfo info;
  bool (*found_in)(const fs::path& folder);
  Dataset (*read)(const DatasetInfo& info, const fs::path& folder);
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> table = {
      {{.name = "mnist", .channels = 1, .height = 28, .width = 28, .classes = 10}, holds_idx_files, read_idx_dataset},
      {{.name = "fashion_mnist", .channels = 1, .height = 28, .width = 28, .classes = 10},
       holds_idx_files,
       read_idx_dataset},
  };
  return table;
}

const Kind& kind_of(const std::string& name) {
  for (const Kind& kind : kinds())
    if (kind.info.name == name) return kind;
  throw ConfigError(fmt::format("dataset.name: must be one of {}, got \"{}\"", join(dataset_names(), ", "), name));
}

// ---- the search
// ------------------------------------------------------------------------------------------------------

/// The two names that a dataset's folder can have: fashion_mnist, fashion-mnist.
std::vector<std::string> folder_names(const std::string& name) {
  std::string dashed = name;
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  if (dashed == name) return {name};
  return {name, dashed};
}

/// The folders in which the files may be, in order. A search root is itself taken only by its name, or where the config
/// names it: the files of different datasets have the same names.
std::vector<fs::path> candidate_folders(const config::DatasetConfig& config) {
  const std::vector<std::string> names = folder_names(config.name);
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
  for (fs::path& folder : candidate_folders(config))
    if (kind.found_in(folder)) return folder;
  return {};
}

fs::path find_folder(const config::DatasetConfig& config, const Kind& kind) {
  if (fs::path folder = first_folder(config, kind); !folder.empty()) return folder;
  std::vector<std::string> searched;
  for (const fs::path& folder : candidate_folders(config)) searched.push_back(folder.string());
  throw DataError(fmt::format("{}: no files of this dataset in {}; get them with: scripts/fetch_data.sh {}{}",
                              config.name, join(searched, ", "), config.name,
                              config.path.empty() ? ", or name their folder in dataset.path or BNLAB_DATA" : ""));
}

// ---- limit and validation
// --------------------------------------------------------------------------------------------

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

void apply_counts(const config::DatasetConfig& config, Dataset& dataset) {
  Split& train = dataset.train;
  check_counts(config, train.size());
  const std::int64_t used = config.limit > 0 ? config.limit : train.size();
  const std::int64_t kept = used - config.validation;
  const std::int64_t image = dataset.image_size();
  dataset.validation.images.assign(train.images.begin() + kept * image, train.images.begin() + used * image);
  dataset.validation.labels.assign(train.labels.begin() + kept, train.labels.begin() + used);
  train.images.resize(static_cast<std::size_t>(kept * image));
  train.labels.resize(static_cast<std::size_t>(kept));
  if (train.images.size() < train.images.capacity() / 2) train.images.shrink_to_fit();
}

// ---- bytes to floats
// -------------------------------------------------------------------------------------------------

BNLAB_TARGET_CLONES
void scale_bytes(const std::uint8_t* __restrict src, std::int64_t count, float scale, float offset,
                 float* __restrict dst) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = static_cast<float>(src[i]) * scale + offset;
}

BNLAB_TARGET_CLONES
void threshold_bytes(const std::uint8_t* __restrict src, std::int64_t count, float* __restrict dst) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = static_cast<float>(src[i] >> 7);  // 1 from 128 on
}

/// Images of a batch lie far apart; asking for one early hides the way to memory behind the images before it.
void prefetch(const std::uint8_t* src, std::int64_t count) {
  constexpr std::int64_t cache_line = 64;
  for (std::int64_t i = 0; i < count; i += cache_line) __builtin_prefetch(src + i);
}

struct Sums {
  std::uint64_t values = 0;
  std::uint64_t squares = 0;
};

BNLAB_TARGET_CLONES
void add_sums(const std::uint8_t* src, std::int64_t count, Sums& sums) {
  constexpr std::int64_t piece = 1 << 15;  // 32768 * 255^2 fits 32 bits
  for (std::int64_t first = 0; first < count; first += piece) {
    const std::int64_t end = std::min(count, first + piece);
    std::uint32_t values = 0;
    std::uint32_t squares = 0;
    for (std::int64_t i = first; i < end; ++i) {
      const std::uint32_t value = src[i];
      values += value;
      squares += value * value;
    }
    sums.values += values;
    sums.squares += squares;
  }
}

}  // namespace

std::vector<std::string> dataset_names() {
  std::vector<std::string> names;
  for (const Kind& kind : kinds()) names.push_back(kind.info.name);
  return names;
}

DatasetInfo dataset_info(const std::string& name) { return kind_of(name).info; }

std::filesystem::path locate(const config::DatasetConfig& config) { return first_folder(config, kind_of(config.name)); }

Dataset load(const config::DatasetConfig& config) {
  const Kind& kind = kind_of(config.name);
  Dataset dataset = kind.read(kind.info, find_folder(config, kind));
  apply_counts(config, dataset);
  return dataset;
}

Scaler::Scaler(const Dataset& dataset, config::Scaling scaling)
    : channels_(dataset.info.channels),
      plane_(dataset.info.height * dataset.info.width),
      binary_(scaling == config::Scaling::binary),
      scale_(static_cast<std::size_t>(channels_), scaling == config::Scaling::unit ? 1.0f / 255.0f : 1.0f),
      offset_(static_cast<std::size_t>(channels_), 0.0f) {
  if (scaling != config::Scaling::standardized) return;
  const std::int64_t images = dataset.train.size();
  for (std::int64_t c = 0; c < channels_; ++c) {
    Sums sums;
    for (std::int64_t n = 0; n < images; ++n)
      add_sums(dataset.train.images.data() + (n * channels_ + c) * plane_, plane_, sums);
    const auto count = static_cast<double>(images * plane_);
    const double mean = static_cast<double>(sums.values) / count;
    // The sums are exact and below 2^53, so a constant channel gives exactly 0 here, and no other does.
    const double variance = static_cast<double>(sums.squares) / count - mean * mean;
    const auto channel = static_cast<std::size_t>(c);
    const double scale = variance > 0.0 ? 1.0 / std::sqrt(variance) : 0.0;  // of bytes: the factor 255 cancels
    scale_[channel] = static_cast<float>(scale);
    offset_[channel] = static_cast<float>(-mean * scale);
  }
}

void Scaler::gather(const Split& split, std::span<const std::uint32_t> indices, float* dst,
                    std::int32_t* labels) const {
  constexpr std::size_t ahead = 4;
  const std::int64_t image = channels_ * plane_;
  for (const std::int64_t index : indices)
    if (index >= split.size())
      throw std::out_of_range(fmt::format("Scaler::gather: image {} of {}", index, split.size()));
  for (std::size_t n = 0; n < indices.size(); ++n) {
    const std::int64_t index = indices[n];
    if (n + ahead < indices.size()) {
      prefetch(split.images.data() + indices[n + ahead] * image, image);
      __builtin_prefetch(split.labels.data() + indices[n + ahead]);
    }
    labels[n] = split.labels[static_cast<std::size_t>(index)];
    scale_image(split.images.data() + index * image, dst + static_cast<std::int64_t>(n) * image);
  }
}

void Scaler::scale_image(const std::uint8_t* src, float* dst) const {
  if (binary_) return threshold_bytes(src, channels_ * plane_, dst);
  for (std::int64_t c = 0; c < channels_; ++c) {
    const auto channel = static_cast<std::size_t>(c);
    scale_bytes(src + c * plane_, plane_, scale_[channel], offset_[channel], dst + c * plane_);
  }
}

}  // namespace bnlab::data

#include "data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "config/hints.h"
#include "data/cifar.h"
#include "data/idx_dataset.h"
#include "data/npz_dataset.h"
#include "data/search.h"
#include "data/shared_data.h"
#include "data/shift.h"
#include "data/synthetic.h"
#include "util/errors.h"
#include "util/home.h"
#include "util/join.h"

namespace bnlab::data {
namespace {

namespace fs = std::filesystem;

// ---- the table -----------------------------------------------------------------------------------------------------

/// Where a dataset comes from: files that are searched for, or a function that makes it.
struct Kind {
  DatasetInfo info;
  std::vector<std::string> fields = {};   // of the config that only some datasets have
  std::vector<std::string> folders = {};  // the names that its folder can have; none: dataset.path names the place
  // Null where nothing is searched for. The place of the files in a folder, or of the file.
  std::optional<fs::path> (*find)(const fs::path& folder) = nullptr;
  std::string (*names)() = nullptr;  // the names that `find` looks for
  // What the files say of the dataset; null where the row does.
  DatasetInfo (*inspect)(const DatasetInfo& info, const fs::path& place, const config::DatasetConfig& config) = nullptr;
  // What the config says.
  DatasetInfo (*choose)(const DatasetInfo& info, const config::DatasetConfig& config) = nullptr;
  Dataset (*read)(const DatasetInfo& info, const fs::path& place, const config::DatasetConfig& config) = nullptr;
  // Null where there are files.
  Dataset (*make)(const DatasetInfo& info, const config::SyntheticConfig& config) = nullptr;

  bool is_own() const { return read && folders.empty(); }
};

DatasetInfo sized_by_config(const DatasetInfo& info, const config::DatasetConfig& config) {
  DatasetInfo sized = info;
  sized.channels = config.synthetic.dimensions;
  sized.classes = config.synthetic.outputs;
  return sized;
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> table = {
      {.info = {.name = "mnist", .meaning = "handwritten digits, images of 28 x 28"},
       .folders = {"mnist"},
       .find = find_mnist,
       .names = mnist_names,
       .read = read_mnist},
      {.info = {.name = "fashion_mnist", .meaning = "articles of clothing, images of 28 x 28"},
       .folders = {"fashion_mnist", "fashion-mnist"},
       .find = find_mnist,
       .names = mnist_names,
       .read = read_mnist},
      {.info = {.name = "cifar10",
                .meaning = "objects in photographs, colour images of 32 x 32",
                .channels = 3,
                .height = 32,
                .width = 32},
       .folders = {"cifar10", "cifar-10", "cifar-10-batches-bin"},
       .find = find_cifar10,
       .names = cifar10_names,
       .read = read_cifar10},
      {.info = {.name = "cifar100",
                .meaning = "objects in photographs of 100 classes (or 20), colour images of 32 x 32",
                .channels = 3,
                .height = 32,
                .width = 32,
                .classes = 100},
       .fields = {"labels"},
       .folders = {"cifar100", "cifar-100", "cifar-100-binary"},
       .find = find_cifar100,
       .names = cifar100_names,
       .choose = choose_cifar100,
       .read = read_cifar100},
      // Of these two the files say all.
      {.info = {.name = "idx",
                .meaning = "your own images, grey, in four IDX files such as those of EMNIST, KMNIST, QMNIST",
                .height = 0,
                .width = 0,
                .classes = 0},
       .fields = {"prefix"},
       .find = find_own_idx,
       .names = own_idx_names,
       .inspect = inspect_own_idx,
       .read = read_own_idx},
      {.info = {.name = "npz",
                .meaning = "your own images or vectors, NumPy arrays in an .npz",
                .channels = 0,
                .height = 0,
                .width = 0,
                .classes = 0},
       .fields = {"channels"},
       .find = find_npz,
       .names = npz_names,
       .inspect = inspect_npz,
       .read = read_npz_dataset},
      // Of these two the config says how many numbers an example has, and how many classes or targets there are.
      {.info = {.name = "gaussian_regression",
                .meaning = "Gaussian vectors, and targets that are linear in them",
                .channels = 0,
                .height = 1,
                .width = 1,
                .classes = 0,
                .has_targets = true,
                .has_floats = true},
       .choose = sized_by_config,
       .make = make_gaussian_regression},
      {.info = {.name = "gaussian_clusters",
                .meaning = "vectors, a Gaussian cluster for each class",
                .channels = 0,
                .height = 1,
                .width = 1,
                .classes = 0,
                .has_floats = true},
       .choose = sized_by_config,
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
  throw ConfigError(fmt::format("dataset.name: must be one of {}, got \"{}\"{}", join(names, ", "), name,
                                config::hint_text(name, names)));
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

/// Fields that only other datasets have must be unset.
void check_fields(const Kind& kind, const config::DatasetConfig& config) {
  const auto check = [&](const char* field, bool is_set) {
    if (!is_set || std::find(kind.fields.begin(), kind.fields.end(), field) != kind.fields.end()) return;
    std::vector<std::string> names;
    for (const Kind& other : kinds())
      if (std::find(other.fields.begin(), other.fields.end(), field) != other.fields.end())
        names.push_back(other.info.name);
    throw ConfigError(fmt::format("dataset.{}: only for name {}, got name {}", field, join(names), config.name));
  };
  check("prefix", config.prefix.has_value());
  check("channels", config.channels.has_value());
  check("labels", config.labels.has_value());
}

void check_for_images(const DatasetInfo& info, const config::DatasetConfig& config) {
  const auto refuse = [&](const char* field) {
    const std::string found = info.has_images() ? "images of bytes; those of {} are floats"
                                                : "images; the examples of {} are vectors of numbers";
    throw ConfigError(fmt::format("dataset.{} is for {}", field, fmt::format(fmt::runtime(found), info.name)));
  };
  const bool has_bytes = !info.has_floats, is_shifted = config.shift != config::ShiftConfig{};
  if (config.scaling == config::Scaling::binary && !has_bytes) refuse("scaling: binary");
  if (config.augmentation != config::AugmentationConfig{} && !info.has_images()) refuse("augmentation: this");
  if (is_shifted && (!info.has_images() || !has_bytes)) refuse("shift: this");
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

const char* const path_key = "dataset.path";

std::vector<fs::path> search_roots() {
  std::vector<fs::path> roots;
  const char* environment = std::getenv("BNLAB_DATA");
  if (environment != nullptr && *environment != '\0') roots.emplace_back(with_home(environment, "BNLAB_DATA"));
  roots.emplace_back("/usr/share/datasets");  // Debian's dataset packages
  roots.emplace_back("data");
  return roots;
}

/// The folders in which the files may be, in order. A search root is itself taken only by its name, or where the config
/// names it: the files of different datasets have the same names.
std::vector<fs::path> candidate_folders(const config::DatasetConfig& config, const Kind& kind) {
  std::vector<fs::path> folders;
  const auto add_below = [&](const fs::path& root) {
    for (fs::path& folder : folders_below(root, kind.folders)) folders.push_back(std::move(folder));
  };
  if (!config.path.empty()) {
    const fs::path path = with_home(config.path, path_key);
    add_below(path);
    folders.push_back(path);
    if (std::error_code error; fs::is_directory(path, error)) folders.push_back(path / "raw");
    return folders;
  }
  for (const fs::path& root : search_roots()) {
    add_below(root);
    if (has_name(root, kind.folders)) folders.push_back(root);
  }
  return folders;
}

/// In a folder of folders, such as EMNIST/raw below it: the only one of them with the files.
std::optional<fs::path> place_below(const fs::path& path, const Kind& kind) {
  std::vector<fs::path> places;
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    for (const fs::path& folder : {entry->path(), entry->path() / "raw"})
      if (std::error_code unreadable; fs::is_directory(folder, unreadable))
        if (auto place = kind.find(folder)) {
          names.push_back(place->string());
          places.push_back(*std::move(place));
        }
  if (places.empty()) return std::nullopt;
  std::sort(names.begin(), names.end());
  if (places.size() > 1)
    throw ConfigError(fmt::format("dataset.path: must be one of the folders with such files: {}", join(names, ", ")));
  return places.front();
}

/// Where the files are; nothing where they are nowhere.
std::optional<fs::path> first_place(const config::DatasetConfig& config, const Kind& kind) {
  if (kind.is_own() && config.path.empty()) return std::nullopt;
  for (const fs::path& folder : candidate_folders(config, kind))
    if (auto place = kind.find(folder)) return place;
  if (kind.is_own()) return place_below(with_home(config.path, path_key), kind);
  return std::nullopt;
}

/// What the error of find_place() lists: a folder of each name that may not be there, too.
std::vector<std::string> searched_folders(const config::DatasetConfig& config, const Kind& kind) {
  std::vector<std::string> searched;
  const auto add = [&](const fs::path& folder) {
    if (std::find(searched.begin(), searched.end(), folder.string()) == searched.end())
      searched.push_back(folder.string());
  };
  for (const fs::path& root :
       config.path.empty() ? search_roots() : std::vector<fs::path>{with_home(config.path, path_key)})
    for (const std::string& name : kind.folders) add(root / name);
  for (const fs::path& folder : candidate_folders(config, kind)) add(folder);
  return searched;
}

fs::path find_place(const config::DatasetConfig& config, const Kind& kind) {
  if (auto place = first_place(config, kind)) return *place;
  if (kind.is_own() && config.path.empty())
    throw ConfigError(fmt::format("dataset.path: must be set for name {}: {}", config.name, kind.names()));
  std::string found = fmt::format("{}: no files of this dataset in {}; looked for {}", config.name,
                                  join(searched_folders(config, kind), ", "), kind.names());
  for (const fs::path& folder : candidate_folders(config, kind))
    if (const std::string why = why_not_taken(folder); !why.empty()) found += "; not taken: " + why;
  if (kind.is_own()) throw DataError(found);
  throw DataError(fmt::format("{}; get them with: scripts/fetch_data.sh {}{}", found, config.name,
                              config.path.empty() ? ", or name their folder in dataset.path or BNLAB_DATA" : ""));
}

// ---- limits and validation -----------------------------------------------------------------------------------------

void check_counts(const config::DatasetConfig& config, std::int64_t images, std::int64_t test_images) {
  if (config.limit < 0 || config.limit > images)
    throw ConfigError(fmt::format("dataset.limit: must be from 0 to {}, the training images of {}, got {}", images,
                                  config.name, config.limit));
  const std::int64_t used = config.limit > 0 ? config.limit : images;
  if (config.validation < 0 || config.validation >= used)
    throw ConfigError(
        fmt::format("dataset.validation: must be at least 0 and less than {}, the training images in use, "
                    "got {}",
                    used, config.validation));
  if (config.test_limit && (*config.test_limit < 1 || *config.test_limit > test_images))
    throw ConfigError(fmt::format("dataset.test_limit: must be from 1 to {}, the test images of {}, got {}",
                                  test_images, config.name, *config.test_limit));
}

/// The examples from `first` to `end`; nothing of an array that is empty.
template <class T>
Values<T> part_of(const Values<T>& values, std::int64_t examples, std::int64_t first, std::int64_t end) {
  const std::int64_t each = static_cast<std::int64_t>(values.size()) / examples;
  return values.part(static_cast<std::size_t>(first * each), static_cast<std::size_t>((end - first) * each));
}

Split part_of(const Split& split, std::int64_t first, std::int64_t end) {
  const std::int64_t examples = split.size();
  return {part_of(split.images, examples, first, end), part_of(split.labels, examples, first, end),
          part_of(split.values, examples, first, end), part_of(split.targets, examples, first, end)};
}

void apply_counts(const config::DatasetConfig& config, Dataset& dataset) {
  const Split train = dataset.train;
  check_counts(config, train.size(), dataset.test.size());
  const std::int64_t used = config.limit > 0 ? config.limit : train.size();
  const std::int64_t kept = used - config.validation;
  dataset.train = part_of(train, 0, kept);
  dataset.validation = part_of(train, kept, used);
  if (config.test_limit) dataset.test = part_of(Split(dataset.test), 0, *config.test_limit);
}

}  // namespace

std::vector<DatasetInfo> datasets() {
  std::vector<DatasetInfo> all;
  for (const Kind& kind : kinds()) all.push_back(kind.info);
  return all;
}

DatasetInfo dataset_info(const config::DatasetConfig& config) {
  const Kind& kind = kind_of(config.name);
  check_fields(kind, config);
  DatasetInfo info = kind.info;
  if (kind.choose) info = kind.choose(info, config);
  if (kind.inspect) {
    const auto shared = inherited(config);
    info = shared ? shared->info : kind.inspect(info, find_place(config, kind), config);
    info.meaning = kind.info.meaning;
  }
  check_for_images(info, config);
  if (info.has_images()) check_crop(info, config.augmentation.crop_padding);
  if (kind.make) check_made(info, config.synthetic);
  return info;
}

std::optional<std::filesystem::path> locate(const config::DatasetConfig& config) {
  const Kind& kind = kind_of(config.name);
  if (kind.make) return fs::path();
  return first_place(config, kind);
}

std::string place_of_own(const std::string& name) {
  const Kind& kind = kind_of(name);
  return kind.is_own() ? kind.names() : "";
}

Dataset load_whole(const config::DatasetConfig& config) {
  const Kind& kind = kind_of(config.name);
  const DatasetInfo info = dataset_info(config);
  return kind.make ? kind.make(info, config.synthetic) : kind.read(info, find_place(config, kind), config);
}

Dataset load(const config::DatasetConfig& config) {
  const DatasetInfo info = dataset_info(config);
  auto shared = inherited(config);
  if (shared) shared->info.meaning = info.meaning;
  Dataset dataset = shared && shared->info == info ? std::move(*shared) : load_whole(config);
  apply_counts(config, dataset);
  apply_shift(config.shift, dataset);
  return dataset;
}

}  // namespace bnlab::data

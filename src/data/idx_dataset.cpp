#include "data/idx_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <future>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

#include "data/classes.h"
#include "data/idx.h"
#include "data/search.h"
#include "util/errors.h"
#include "util/join.h"

namespace bnlab::data {
namespace {

namespace fs = std::filesystem;

/// One file of each kind; the order in which Dataset::sha256 takes them.
enum Role : std::size_t { train_images, train_labels, test_images, test_labels, roles };
using Files = std::array<fs::path, roles>;  // an empty path: not there

void check_images(const DatasetInfo& info, const fs::path& path, const std::vector<std::int64_t>& shape) {
  if (shape[0] == 0) throw DataError(fmt::format("{}: expected images, found none", path.string()));
  if (shape[1] != info.height || shape[2] != info.width)
    throw DataError(fmt::format("{}: expected images of {} x {}, found {} x {}", path.string(), info.height, info.width,
                                shape[1], shape[2]));
}

void check_count(const fs::path& path, std::size_t labels, const fs::path& images_path, std::int64_t images) {
  if (static_cast<std::int64_t>(labels) != images)
    throw DataError(fmt::format("{}: expected {} labels, one for each image of {}, found {}", path.string(), images,
                                images_path.filename().string(), labels));
}

Values<std::uint8_t> read_images(const DatasetInfo& info, const fs::path& path, BackgroundSha256& sum) {
  IdxArray images = read_idx(path, 3, sum);
  check_images(info, path, images.shape);
  return images.values;
}

std::int64_t count_of(const DatasetInfo& info, const Values<std::uint8_t>& images) {
  return static_cast<std::int64_t>(images.size()) / (info.height * info.width);
}

// ---- MNIST ---------------------------------------------------------------------------------------------------------

constexpr std::array<std::string_view, roles> mnist_stems = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                                             "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

std::string dotted(std::string_view stem) {
  std::string name(stem);
  name[name.rfind("-idx")] = '.';
  return name;
}

std::vector<std::string> mnist_names_of(std::string_view stem) {
  std::vector<std::string> names;
  for (const std::string& name : {std::string(stem), dotted(stem)}) {
    names.push_back(name);
    names.push_back(name + ".gz");
  }
  return names;
}

fs::path require_mnist_file(const DatasetInfo& info, const fs::path& folder, std::string_view stem) {
  const auto path = find_file(folder, mnist_names_of(stem));
  if (const std::string why = path ? "" : why_not_taken(folder, mnist_names_of(stem)); !why.empty())
    throw DataError(why);
  if (!path)
    throw DataError(fmt::format(
        "{}: not found, nor as {}, with or without .gz, in lower or upper case; scripts/fetch_data.sh {} downloads it",
        (folder / stem).string(), dotted(stem), info.name));
  return *path;
}

Split read_mnist_split(const DatasetInfo& info, const fs::path& images_path, const fs::path& labels_path,
                       BackgroundSha256& sum) {
  Split split;
  split.images = read_images(info, images_path, sum);
  const IdxArray labels = read_idx(labels_path, 1, sum);
  check_count(labels_path, labels.values.size(), images_path, count_of(info, split.images));
  const auto wrong = std::find_if(labels.values.begin(), labels.values.end(),
                                  [&](std::uint8_t label) { return label >= info.classes; });
  if (wrong != labels.values.end())
    throw DataError(fmt::format("{}: expected labels from 0 to {}, found {} at index {}", labels_path.string(),
                                info.classes - 1, *wrong, wrong - labels.values.begin()));
  split.labels = std::vector<Label>(labels.values.begin(), labels.values.end());
  return split;
}

// ---- a user's own --------------------------------------------------------------------------------------------------

struct OwnName {
  std::string prefix;
  Role role;
};

/// Takes `end` and one separator before it off the name, where it ends so.
bool take_end(std::string& name, std::string_view end) {
  if (!name.ends_with(end)) return false;
  name.resize(name.size() - end.size());
  if (name.ends_with('-')) name.pop_back();
  return true;
}

/// What "EMNIST-letters-train-images.idx3-ubyte.gz" is; nothing for the name of another file.
std::optional<OwnName> parse_name(std::string_view file) {
  std::string name = lower_case(file);
  take_end(name, ".gz");
  std::replace(name.begin(), name.end(), '.', '-');
  std::replace(name.begin(), name.end(), '_', '-');
  bool is_images = take_end(name, "images-idx3-ubyte");
  if (!is_images && !take_end(name, "labels-idx1-ubyte") && !take_end(name, "labels-idx2-int")) return std::nullopt;
  for (const auto& [split, images, labels] : {std::tuple{"train", train_images, train_labels},
                                              {"t10k", test_images, test_labels},
                                              {"test", test_images, test_labels}})
    if (take_end(name, split)) return OwnName{name, is_images ? images : labels};
  return std::nullopt;
}

/// The files of each prefix in a folder. Of two for one role the one that is not packed counts, then the first by name.
std::map<std::string, Files> own_files(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unreadable;
    if (entry->is_regular_file(unreadable)) entries.push_back(entry->path());
  }
  const auto is_packed = [](const fs::path& path) { return lower_case(path.filename().string()).ends_with(".gz"); };
  std::sort(entries.begin(), entries.end(), [&](const fs::path& a, const fs::path& b) {
    return std::pair(is_packed(a), a) < std::pair(is_packed(b), b);
  });
  std::map<std::string, Files> all;
  for (const fs::path& entry : entries)
    if (const auto name = parse_name(entry.filename().string())) {
      fs::path& place = all[name->prefix][name->role];
      if (place.empty()) place = entry;
    }
  return all;
}

std::string plain_prefix(std::string_view prefix) {
  std::string text = lower_case(prefix);
  std::replace(text.begin(), text.end(), '.', '-');
  std::replace(text.begin(), text.end(), '_', '-');
  while (text.ends_with('-')) text.pop_back();
  return text;
}

Files chosen_files(const fs::path& folder, const config::DatasetConfig& config) {
  const std::map<std::string, Files> all = own_files(folder);
  std::vector<std::string> names;
  for (const auto& [prefix, files] : all) names.push_back(prefix.empty() ? "\"\" (none)" : prefix);
  auto chosen = all.begin();
  if (config.prefix) {
    chosen = all.find(plain_prefix(*config.prefix));
    if (chosen == all.end())
      throw ConfigError(fmt::format("dataset.prefix: must be one of {}, the prefixes of the files in {}, got \"{}\"",
                                    join(names, ", "), folder.string(), *config.prefix));
  } else if (all.size() > 1) {
    throw ConfigError(fmt::format("dataset.prefix: must be set, because {} has the files of several datasets: {}",
                                  folder.string(), join(names, ", ")));
  }
  if (chosen == all.end()) throw DataError(fmt::format("{}: no IDX files", folder.string()));
  constexpr std::array<const char*, roles> words = {"training images", "training labels", "test images", "test labels"};
  const std::string not_taken = why_not_taken(folder);
  for (std::size_t role = 0; role < roles; ++role)
    if (chosen->second[role].empty())
      throw DataError(fmt::format("{}: no {}{}; looked for {}{}", folder.string(), words[role],
                                  chosen->first.empty() ? "" : " of " + chosen->first, own_idx_names(),
                                  not_taken.empty() ? "" : "; not taken: " + not_taken));
  return chosen->second;
}

}  // namespace

std::optional<fs::path> find_mnist(const fs::path& folder) {
  for (const std::string_view stem : mnist_stems)
    if (find_file(folder, mnist_names_of(stem))) return folder;
  return std::nullopt;
}

std::string mnist_names() {
  return fmt::format("{} or {} (the same for labels and t10k), with or without .gz, in lower or upper case",
                     mnist_stems[0], dotted(mnist_stems[0]));
}

Dataset read_mnist(const DatasetInfo& info, const fs::path& folder, const config::DatasetConfig&) {
  const auto path = [&](Role role) { return require_mnist_file(info, folder, mnist_stems[role]); };
  BackgroundSha256 sum, sum_of_test(BackgroundSha256::Start::later);
  Dataset dataset;
  dataset.info = info;
  // Unpacking takes most of the time of a short run.
  auto test = std::async(std::launch::async | std::launch::deferred,
                         [&] { return read_mnist_split(info, path(test_images), path(test_labels), sum_of_test); });
  dataset.train = read_mnist_split(info, path(train_images), path(train_labels), sum);
  dataset.test = test.get();
  sum.append(sum_of_test);
  dataset.bytes = sum.bytes();
  dataset.sha256 = sum.hex();
  return dataset;
}

std::optional<fs::path> find_own_idx(const fs::path& folder) {
  if (own_files(folder).empty()) return std::nullopt;
  return folder;
}

std::string own_idx_names() {
  return "[PREFIX-]train-images-idx3-ubyte, [PREFIX-]train-labels-idx1-ubyte (or -idx2-int), and the same with test or "
         "t10k for train, with or without .gz, in lower or upper case";
}

DatasetInfo inspect_own_idx(const DatasetInfo& info, const fs::path& folder, const config::DatasetConfig& config) {
  const Files files = chosen_files(folder, config);
  DatasetInfo found = info;
  const std::vector<std::int64_t> shape = read_idx_shape(files[train_images], 3);
  found.height = shape[1];
  found.width = shape[2];
  if (found.height == 0 || found.width == 0)
    throw DataError(fmt::format("{}: expected images, found {} x {} pixels", files[train_images].string(), found.height,
                                found.width));
  BackgroundSha256 unused(BackgroundSha256::Start::later);
  const OwnLabels labels{read_idx_labels(files[train_labels], unused), read_idx_labels(files[test_labels], unused)};
  found.classes = Classes(labels.train, labels.test, files[train_labels].string()).count();
  return found;
}

Dataset read_own_idx(const DatasetInfo& info, const fs::path& folder, const config::DatasetConfig& config) {
  const Files files = chosen_files(folder, config);
  BackgroundSha256 sum;
  OwnLabels labels;
  Dataset dataset;
  dataset.info = info;
  const auto read = [&](Role images, Role of_labels, Split& split) {
    split.images = read_images(info, files[images], sum);
    std::vector<std::int64_t> found = read_idx_labels(files[of_labels], sum);
    check_count(files[of_labels], found.size(), files[images], count_of(info, split.images));
    return found;
  };
  labels.train = read(train_images, train_labels, dataset.train);
  labels.test = read(test_images, test_labels, dataset.test);
  set_labels(dataset, labels, files[train_labels].string());
  dataset.bytes = sum.bytes();
  dataset.sha256 = sum.hex();
  return dataset;
}

}  // namespace bnlab::data

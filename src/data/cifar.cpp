#include "data/cifar.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "data/background_sha256.h"
#include "data/search.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/join.h"

namespace bnlab::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;  // of a file

/// How the records of the files begin, and how many classes each label has.
struct Records {
  std::vector<std::int64_t> classes;  // of each label
  std::size_t label;                  // which of them counts
};

constexpr std::int64_t coarse_classes = 20;
constexpr std::int64_t fine_classes = 100;

std::optional<fs::path> find_any(const fs::path& folder, const std::vector<std::string>& names) {
  if (find_file(folder, names)) return folder;
  return std::nullopt;
}

/// The file of the test split comes last.
std::vector<std::string> cifar10_files() {
  return {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
          "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
}

/// The records of one file.
struct File {
  fs::path path;
  Values<std::uint8_t> bytes;
  std::size_t records = 0;
};

File read_records(const DatasetInfo& info, const fs::path& folder, const std::string& name, const Records& format,
                  BackgroundSha256& sum) {
  const auto path = find_file(folder, {name});
  if (const std::string why = path ? "" : why_not_taken(folder, {name}); !why.empty()) throw DataError(why);
  if (!path)
    throw DataError(fmt::format("{}: not found, in lower or upper case; scripts/fetch_data.sh {} downloads it",
                                (folder / name).string(), info.name));
  const Values<std::uint8_t> bytes = read_file(*path, most_bytes);
  const auto image = static_cast<std::size_t>(info.channels * info.height * info.width);
  const std::size_t record = format.classes.size() + image;
  if (bytes.empty()) throw DataError(fmt::format("{}: expected images, found an empty file", path->string()));
  if (bytes.size() % record != 0)
    throw DataError(
        fmt::format("{}: cut off, or not of this format: expected records of {} bytes, found {} bytes, {} more than {} "
                    "records",
                    path->string(), record, bytes.size(), bytes.size() % record, bytes.size() / record));
  for (std::size_t at = 0; at < bytes.size(); at += record)
    for (std::size_t i = 0; i < format.classes.size(); ++i)
      if (bytes[at + i] >= format.classes[i])
        throw DataError(fmt::format("{}: expected labels from 0 to {}, found {} at index {}", path->string(),
                                    format.classes[i] - 1, bytes[at + i], at / record));
  sum.update(bytes, bytes.owner());
  return {*path, bytes, bytes.size() / record};
}

/// Labels and images of all records of the files, one file after another.
Split split_of(const DatasetInfo& info, const std::vector<File>& files, const Records& format) {
  const auto image = static_cast<std::size_t>(info.channels * info.height * info.width);
  std::size_t count = 0;
  for (const File& file : files) count += file.records;
  Filling<std::uint8_t> images(count * image);
  std::vector<Label> labels;
  labels.reserve(count);
  std::uint8_t* to = images.span().data();
  for (const File& file : files)
    for (const std::uint8_t* from = file.bytes.begin(); from != file.bytes.end(); from += image) {
      labels.push_back(from[format.label]);
      from += format.classes.size();
      to = std::copy_n(from, image, to);
    }
  Split split;
  split.images = images.values();
  split.labels = std::move(labels);
  return split;
}

}  // namespace

std::optional<fs::path> find_cifar10(const fs::path& folder) { return find_any(folder, cifar10_files()); }

std::string cifar10_names() { return join(cifar10_files(), ", ") + " (the binary version), in lower or upper case"; }

Dataset read_cifar10(const DatasetInfo& info, const fs::path& folder, const config::DatasetConfig&) {
  const Records format{{info.classes}, 0};
  BackgroundSha256 sum;
  std::vector<std::string> names = cifar10_files();
  const std::string test = names.back();
  names.pop_back();
  std::vector<File> files;
  for (const std::string& name : names) {
    files.push_back(read_records(info, folder, name, format, sum));
    if (files.back().records != files.front().records)
      throw DataError(fmt::format("{}: expected {} images, as many as in {}, found {}", files.back().path.string(),
                                  files.front().records, names.front(), files.back().records));
  }
  Dataset dataset;
  dataset.info = info;
  dataset.train = split_of(info, files, format);
  files = {read_records(info, folder, test, format, sum)};
  dataset.test = split_of(info, files, format);
  dataset.bytes = sum.bytes();
  dataset.sha256 = sum.hex();
  return dataset;
}

std::optional<fs::path> find_cifar100(const fs::path& folder) { return find_any(folder, {"train.bin", "test.bin"}); }

std::string cifar100_names() { return "train.bin, test.bin (the binary version), in lower or upper case"; }

DatasetInfo choose_cifar100(const DatasetInfo& info, const config::DatasetConfig& config) {
  DatasetInfo found = info;
  if (config.labels == config::LabelSet::coarse) found.classes = coarse_classes;
  return found;
}

Dataset read_cifar100(const DatasetInfo& info, const fs::path& folder, const config::DatasetConfig& config) {
  const std::size_t label = config.labels == config::LabelSet::coarse ? 0 : 1;
  const Records format{{coarse_classes, fine_classes}, label};
  BackgroundSha256 sum;
  Dataset dataset;
  dataset.info = info;
  dataset.train = split_of(info, {read_records(info, folder, "train.bin", format, sum)}, format);
  dataset.test = split_of(info, {read_records(info, folder, "test.bin", format, sum)}, format);
  dataset.bytes = sum.bytes();
  dataset.sha256 = sum.hex();
  return dataset;
}

}  // namespace bnlab::data

#include "data/cifar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "util/errors.h"
#include "util/file.h"

namespace bnlab::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;  // of a file
constexpr std::array<std::string_view, 5> train_files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                                         "data_batch_4.bin", "data_batch_5.bin"};
constexpr std::string_view test_file = "test_batch.bin";

bool is_file(const fs::path& path) {
  std::error_code unreadable;
  return fs::is_regular_file(path, unreadable);
}

/// Adds the records of a file to `split`, and returns how many there were.
std::int64_t append_file(const DatasetInfo& info, const fs::path& path, Split& split, Sha256& sum) {
  if (!is_file(path))
    throw DataError(fmt::format("{}: not found; scripts/fetch_data.sh {} downloads it", path.string(), info.name));
  const std::vector<std::uint8_t> bytes = read_file(path, most_bytes);
  const auto image = static_cast<std::size_t>(info.channels * info.height * info.width);
  const std::size_t record = 1 + image;
  if (bytes.empty()) throw DataError(fmt::format("{}: expected images, found an empty file", path.string()));
  if (bytes.size() % record != 0)
    throw DataError(
        fmt::format("{}: cut off, or not of this format: expected records of {} bytes, found {} bytes, {} more than {} "
                    "records",
                    path.string(), record, bytes.size(), bytes.size() % record, bytes.size() / record));
  for (std::size_t at = 0; at < bytes.size(); at += record) {
    if (bytes[at] >= info.classes)
      throw DataError(fmt::format("{}: expected labels from 0 to {}, found {} at index {}", path.string(),
                                  info.classes - 1, bytes[at], at / record));
    split.labels.push_back(bytes[at]);
    const auto pixels = bytes.begin() + static_cast<std::ptrdiff_t>(at) + 1;
    split.images.insert(split.images.end(), pixels, pixels + static_cast<std::ptrdiff_t>(image));
  }
  sum.update(bytes);
  return static_cast<std::int64_t>(bytes.size() / record);
}

}  // namespace

bool holds_cifar10(const fs::path& folder) {
  return is_file(folder / test_file) || std::any_of(train_files.begin(), train_files.end(),
                                                    [&](std::string_view name) { return is_file(folder / name); });
}

Dataset read_cifar10(const DatasetInfo& info, const fs::path& folder) {
  Sha256 sum;
  Dataset dataset;
  dataset.info = info;
  std::int64_t expected = 0;
  for (const std::string_view name : train_files) {
    const std::int64_t images = append_file(info, folder / name, dataset.train, sum);
    if (expected == 0) expected = images;
    if (images != expected)
      throw DataError(fmt::format("{}: expected {} images, as many as in {}, found {}", (folder / name).string(),
                                  expected, train_files.front(), images));
  }
  append_file(info, folder / test_file, dataset.test, sum);
  dataset.sha256 = sum.hex();
  return dataset;
}

}  // namespace bnlab::data

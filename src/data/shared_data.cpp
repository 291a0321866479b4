#include "data/shared_data.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "config/load.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/memory.h"

namespace bnlab::data {
namespace {

constexpr std::size_t alignment = 64;  // of each array
constexpr std::array<char, 16> magic = {"bnlab data 2"};
constexpr int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

/// What the memory begins with. The arrays follow, those of train and then those of test, each aligned.
struct Header {
  std::array<char, 16> magic;
  std::array<char, 64> source;  // SHA-256 of source_of(), hexadecimal
  std::array<char, 64> sha256;  // of the data
  std::uint64_t bytes;          // of which it is the sum
  std::array<std::int64_t, 6> info;
  std::array<std::uint64_t, 8> counts;  // of values in each array
};
static_assert(std::is_trivially_copyable_v<Header>);

std::size_t aligned(std::size_t size) { return (size + alignment - 1) / alignment * alignment; }

std::array<std::int64_t, 6> numbers_of(const DatasetInfo& info) {
  return {info.channels, info.height, info.width, info.classes, info.has_targets, info.has_floats};
}

std::array<char, 64> digits(const std::string& text) {
  std::array<char, 64> all{};
  std::copy_n(text.begin(), std::min(text.size(), all.size()), all.begin());
  return all;
}

std::array<char, 64> sum_of_source(const config::DatasetConfig& config) {
  const std::string text = source_of(config);
  Sha256 sum;
  sum.update({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  return digits(sum.hex());
}

/// Calls look(array, index) for each array of the two splits. `Data`: Dataset, const or not.
template <class Data, class Look>
void for_each_array(Data& dataset, const Look& look) {
  std::size_t i = 0;
  for (auto* split : {&dataset.train, &dataset.test}) {
    look(split->images, i++);
    look(split->labels, i++);
    look(split->values, i++);
    look(split->targets, i++);
  }
}

template <class T>
std::string_view bytes_of(const Values<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

bool write_padded(const posix::Descriptor& file, std::string_view bytes) {
  const std::string padding(aligned(bytes.size()) - bytes.size(), '\0');
  return posix::write_all(file, bytes) && posix::write_all(file, padding);
}

posix::Descriptor copy_to_memory(const config::DatasetConfig& config, const Dataset& dataset) {
  Header header{magic, sum_of_source(config), digits(dataset.sha256), dataset.bytes, numbers_of(dataset.info), {}};
  std::size_t size = aligned(sizeof header);
  for_each_array(dataset, [&](const auto& values, std::size_t i) {
    header.counts[i] = values.size();
    size += aligned(bytes_of(values).size());
  });
  if (size > memory_left() / 2) return {};
  posix::Descriptor file(memfd_create("bnlab data", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return {};
  // Written, not mapped: memory that can't be had is then an error instead of a signal.
  bool is_written = write_padded(file, {reinterpret_cast<const char*>(&header), sizeof header});
  for_each_array(dataset, [&](const auto& values, std::size_t) {
    is_written = is_written && write_padded(file, bytes_of(values));
  });
  if (!is_written || fcntl(file.get(), F_ADD_SEALS, seals) != 0) return {};
  return file;
}

// ---- the run's side ------------------------------------------------------------------------------------------------

/// A whole file in memory, read-only. Empty where it can't be mapped.
struct Mapping {
  std::span<const std::uint8_t> bytes;
  std::shared_ptr<const void> owner;
};

Mapping map(int descriptor) {
  struct stat status {};
  const int found = fcntl(descriptor, F_GET_SEALS);
  if (found < 0 || (found & seals) != seals || fstat(descriptor, &status) != 0) return {};
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size < sizeof(Header)) return {};
  void* const begin = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (begin == MAP_FAILED) return {};
  return {
      {static_cast<const std::uint8_t*>(begin), size},
      std::shared_ptr<const void>(begin, [size](const void* address) { munmap(const_cast<void*>(address), size); })};
}

int inherited_descriptor() {
  const char* text = std::getenv(shared_data_variable);
  int number = -1;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
  return number;
}

/// Takes `count` values at `at`, which moves on; false where the memory has less.
template <class T>
bool take(const Mapping& memory, std::size_t& at, std::uint64_t count, Values<T>& values) {
  if (count > (memory.bytes.size() - at) / sizeof(T)) return false;
  if (count > 0) values = {{reinterpret_cast<const T*>(memory.bytes.data() + at), count}, memory.owner};
  at = aligned(at + count * sizeof(T));
  return at <= memory.bytes.size();
}

/// Whether each split has as many values as its examples need, and only labels that are classes.
bool is_consistent(const Dataset& dataset) {
  const auto image = static_cast<std::uint64_t>(dataset.image_size());
  const auto classes = static_cast<std::uint64_t>(dataset.info.classes);
  const auto fits = [&](const Split& split) {
    const std::uint64_t examples = split.labels.size();
    const bool has_inputs = dataset.info.has_floats ? split.images.empty() && split.values.size() == examples * image
                                                    : split.values.empty() && split.images.size() == examples * image;
    return examples > 0 && has_inputs && split.targets.size() == (dataset.info.has_targets ? examples * classes : 0) &&
           std::all_of(split.labels.begin(), split.labels.end(), [&](Label label) { return label < classes; });
  };
  return fits(dataset.train) && fits(dataset.test);
}

bool is_sane(const DatasetInfo& info) {
  constexpr std::int64_t most = std::int64_t{1} << 30;  // of each; the product of all must fit 63 bits
  std::int64_t product = 1;
  for (const std::int64_t extent : {info.channels, info.height, info.width, info.classes})
    if (extent < 1 || extent > most || __builtin_mul_overflow(product, extent, &product)) return false;
  return product <= most * most / 2;
}

}  // namespace

std::string source_of(const config::DatasetConfig& config) {
  config::RunConfig run;
  run.dataset = config;
  run.dataset.scaling = {};  // what is done to the data when they have been read
  run.dataset.limit = 0;
  run.dataset.validation = 0;
  run.dataset.test_limit.reset();
  run.dataset.augmentation = {};
  run.dataset.shift = {};
  return config::to_json(run);
}

posix::Descriptor share(const config::DatasetConfig& config) {
  config::DatasetConfig source = config;
  source.scaling = {};
  source.augmentation = {};
  source.shift = {};
  try {
    return copy_to_memory(config, load_whole(source));
  } catch (const ConfigError&) {  // the run says it, in its own folder
  } catch (const DataError&) {
  } catch (const RunError&) {
  } catch (const std::bad_alloc&) {
  }
  return {};
}

std::optional<Dataset> inherited(const config::DatasetConfig& config) {
  const int descriptor = inherited_descriptor();
  if (descriptor < 0) return std::nullopt;
  const Mapping memory = map(descriptor);
  if (memory.bytes.empty()) return std::nullopt;
  Header header;
  std::memcpy(&header, memory.bytes.data(), sizeof header);
  if (header.magic != magic || header.source != sum_of_source(config)) return std::nullopt;
  Dataset dataset;
  dataset.sha256.assign(header.sha256.begin(), header.sha256.end());
  dataset.bytes = header.bytes;
  dataset.info.name = config.name;
  dataset.info.channels = header.info[0];
  dataset.info.height = header.info[1];
  dataset.info.width = header.info[2];
  dataset.info.classes = header.info[3];
  dataset.info.has_targets = header.info[4] != 0;
  dataset.info.has_floats = header.info[5] != 0;
  if (!is_sane(dataset.info)) return std::nullopt;
  std::size_t at = aligned(sizeof header);
  bool is_whole = at <= memory.bytes.size();
  for_each_array(
      dataset, [&](auto& values, std::size_t i) { is_whole = is_whole && take(memory, at, header.counts[i], values); });
  if (!is_whole || at != memory.bytes.size() || !is_consistent(dataset)) return std::nullopt;
  return dataset;
}

}  // namespace bnlab::data

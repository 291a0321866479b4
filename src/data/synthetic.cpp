#include "data/synthetic.h"

#include <bit>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "data/drawn_digits.h"
#include "util/file.h"
#include "util/random.h"

namespace bnlab::data {
namespace {

static_assert(std::endian::native == std::endian::little, "the SHA-256 of floats is of little-endian numbers");

RandomStream stream(const config::SyntheticConfig& config, const std::string& name) {
  return {config.seed, RandomPurpose::synthetic_data, RandomStream::substream_of(name)};
}

template <class T>
std::uint64_t add(Sha256& sum, std::span<const T> values) {
  sum.update({reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(T)});
  return values.size() * sizeof(T);
}

/// Sets its sum, and of how many bytes that is.
void add_up(Dataset& dataset) {
  Sha256 sum;
  for (const Split* split : {&dataset.train, &dataset.test}) {
    dataset.bytes += add<std::uint8_t>(sum, split->images);
    dataset.bytes += add<float>(sum, split->values);
    const std::vector<std::uint8_t> labels(split->labels.begin(), split->labels.end());
    if (dataset.info.has_targets)
      dataset.bytes += add<float>(sum, split->targets);
    else
      dataset.bytes += add<std::uint8_t>(sum, labels);
  }
  dataset.sha256 = sum.hex();
}

std::vector<float> normal_values(std::int64_t count, double std, RandomStream random) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(std * random.normal());
  return values;
}

/// 0, 1, ..., classes - 1, 0, ... in a random order.
std::vector<Label> balanced_labels(std::int64_t count, std::int64_t classes, RandomStream random) {
  std::vector<std::uint32_t> shuffled(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < shuffled.size(); ++i)
    shuffled[i] = static_cast<std::uint32_t>(i % static_cast<std::size_t>(classes));
  random.shuffle(shuffled);
  std::vector<Label> labels;
  for (const std::uint32_t label : shuffled) labels.push_back(static_cast<Label>(label));
  return labels;
}

/// make(examples, "train") and make(test_examples, "test").
template <class MakeSplit>
Dataset make_dataset(const DatasetInfo& info, const config::SyntheticConfig& config, const MakeSplit& make) {
  Dataset dataset;
  dataset.info = info;
  dataset.train = make(config.examples, info.name + ".train");
  dataset.test = make(config.test_examples, info.name + ".test");
  add_up(dataset);
  return dataset;
}

}  // namespace

Dataset make_gaussian_regression(const DatasetInfo& info, const config::SyntheticConfig& config) {
  const auto d = static_cast<std::size_t>(info.channels);
  const auto outputs = static_cast<std::size_t>(info.classes);
  const std::vector<float> matrix =  // (K, d)
      normal_values(info.classes * info.channels, config.target_std.value_or(1.0) / std::sqrt(static_cast<double>(d)),
                    stream(config, info.name + ".matrix"));
  return make_dataset(info, config, [&](std::int64_t count, const std::string& name) {
    Split split;
    split.values = normal_values(count * info.channels, 1.0, stream(config, name));
    split.labels = std::vector<Label>(static_cast<std::size_t>(count));
    std::vector<float> targets;
    targets.reserve(split.labels.size() * outputs);
    for (std::size_t n = 0; n < split.labels.size(); ++n)
      for (std::size_t k = 0; k < outputs; ++k) {
        double sum = 0;
        for (std::size_t i = 0; i < d; ++i)
          sum += static_cast<double>(matrix[k * d + i]) * static_cast<double>(split.values[n * d + i]);
        targets.push_back(static_cast<float>(sum));
      }
    split.targets = std::move(targets);
    return split;
  });
}

Dataset make_gaussian_clusters(const DatasetInfo& info, const config::SyntheticConfig& config) {
  const auto d = static_cast<std::size_t>(info.channels);
  const std::vector<float> centres =  // (K, d)
      normal_values(info.classes * info.channels, config.separation, stream(config, info.name + ".centres"));
  return make_dataset(info, config, [&](std::int64_t count, const std::string& name) {
    Split split;
    split.labels = balanced_labels(count, info.classes, stream(config, name + ".labels"));
    std::vector<float> values = normal_values(count * info.channels, 1.0, stream(config, name));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += centres[split.labels[i / d] * d + i % d];
    split.values = std::move(values);
    return split;
  });
}

Dataset make_drawn_digits(const DatasetInfo& info, const config::SyntheticConfig& config) {
  const std::int64_t image = info.height * info.width;
  return make_dataset(info, config, [&](std::int64_t count, const std::string& name) {
    Split split;
    split.labels = balanced_labels(count, info.classes, stream(config, name + ".labels"));
    Filling<std::uint8_t> images(static_cast<std::size_t>(count * image));
    RandomStream random = stream(config, name);
    for (std::int64_t n = 0; n < count; ++n)
      draw_digit(split.labels[static_cast<std::size_t>(n)], random, images.span().data() + n * image);
    split.images = images.values();
    return split;
  });
}

}  // namespace bnlab::data

#pragma once
// Images whose pixels depend on everything, and their moments.

#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "reference/images.h"

namespace bnlab::test {

/// `images` training images of `channels` x `height` x `width`, in ten classes.
inline data::Dataset images_of(std::int64_t channels, std::int64_t height, std::int64_t width, std::int64_t images) {
  data::Dataset dataset;
  dataset.info = {.name = "small", .channels = channels, .height = height, .width = width, .classes = 10};
  std::vector<std::uint8_t> bytes;
  for (std::int64_t i = 0; i < images * dataset.image_size(); ++i)
    bytes.push_back(static_cast<std::uint8_t>((i * i * 7 + i / 3) % 256));
  std::vector<data::Label> labels;
  for (std::int64_t n = 0; n < images; ++n) labels.push_back(static_cast<data::Label>((n * 3) % 10));
  dataset.train.images = std::move(bytes);
  dataset.train.labels = std::move(labels);
  return dataset;
}

/// The values, to be changed.
template <class T>
std::vector<T> copy_of(const data::Values<T>& values) {
  return {values.begin(), values.end()};
}

/// Mean and biased standard deviation of channel `c` of the training images, of value / 255, in two passes.
inline std::pair<double, double> channel_moments(const data::Dataset& dataset, std::int64_t c) {
  const std::int64_t plane = dataset.info.height * dataset.info.width;
  std::vector<double> values;
  for (std::size_t i = 0; i < dataset.train.images.size(); ++i)
    if (static_cast<std::int64_t>(i) / plane % dataset.info.channels == c)
      values.push_back(dataset.train.images[i] / 255.0);
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / count)};
}

/// Image `n` of a split for the reference.
inline reference::Image image_of(const data::DatasetInfo& info, const data::Split& split, std::size_t n) {
  reference::Image image =
      reference::black(static_cast<int>(info.channels), static_cast<int>(info.height), static_cast<int>(info.width));
  for (std::size_t i = 0; i < image.values.size(); ++i)
    image.values[i] = static_cast<double>(split.images[n * image.values.size() + i]);
  return image;
}

}  // namespace bnlab::test

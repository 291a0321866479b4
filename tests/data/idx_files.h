#pragma once
// IDX files and whole small datasets for tests.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "util/test_files.h"

namespace bnlab::test {

/// An IDX file of unsigned bytes.
inline std::string idx_bytes(const std::vector<std::uint32_t>& shape, std::string_view values) {
  std::string bytes("\0\0\x08", 3);
  bytes += static_cast<char>(shape.size());
  for (const std::uint32_t extent : shape)
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(extent >> shift & 0xff);
  return bytes.append(values);
}

/// Images of 28 x 28 in which every pixel of image n is (first + n) % 256.
inline std::string flat_images(std::uint32_t count, std::uint32_t first) {
  std::string values;
  for (std::uint32_t n = 0; n < count; ++n) values.append(28 * 28, static_cast<char>((first + n) & 0xff));
  return idx_bytes({count, 28, 28}, values);
}

/// Labels 0, 1, ... 9, 0, ...
inline std::string counting_labels(std::uint32_t count) {
  std::string values;
  for (std::uint32_t n = 0; n < count; ++n) values += static_cast<char>(n % 10);
  return idx_bytes({count}, values);
}

/// The four plain files of MNIST in a new folder: training images of pixels 0, 1, ..., test images of pixels 100, 101,
/// ...
inline void write_mnist(const std::filesystem::path& folder, std::uint32_t train, std::uint32_t test) {
  std::filesystem::create_directories(folder);
  write_text(folder / "train-images-idx3-ubyte", flat_images(train, 0));
  write_text(folder / "train-labels-idx1-ubyte", counting_labels(train));
  write_text(folder / "t10k-images-idx3-ubyte", flat_images(test, 100));
  write_text(folder / "t10k-labels-idx1-ubyte", counting_labels(test));
}

}  // namespace bnlab::test

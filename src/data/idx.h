#pragma once
// The IDX format of MNIST: a magic number (two zero bytes, type, number of dimensions), the dimensions as big-endian
// 32-bit numbers, then the values in C order.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "data/background_sha256.h"
#include "data/values.h"

namespace bnlab::data {

struct IdxArray {
  std::vector<std::int64_t> shape;
  Values<std::uint8_t> values;
};

/// Reads an IDX file of unsigned bytes, plain or gzip, and feeds its unpacked contents to `sum`. Throws DataError with
/// the file, what was expected and what was found: another type or number of dimensions, cut off, bytes after the end,
/// more than 1 GiB of values.
IdxArray read_idx(const std::filesystem::path& path, int dimensions, BackgroundSha256& sum);

/// Reads whole numbers of 8, 16 or 32 bits in one dimension, or the first column of two, as QMNIST has its labels.
/// Errors as read_idx().
std::vector<std::int64_t> read_idx_labels(const std::filesystem::path& path, BackgroundSha256& sum);

/// The dimensions alone, of an IDX file of unsigned bytes. Throws DataError as read_idx().
std::vector<std::int64_t> read_idx_shape(const std::filesystem::path& path, int dimensions);

}  // namespace bnlab::data

#pragma once
// The IDX format of MNIST: a magic number (two zero bytes, type, number of dimensions), the dimensions as big-endian
// 32-bit numbers, then the values in C order.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "util/file.h"

namespace bnlab::data {

struct IdxArray {
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> values;
};

/// Reads an IDX file of unsigned bytes, plain or gzip, and feeds its unpacked contents to `sum`. Throws DataError with
/// the file, what was expected and what was found: another type or number of dimensions, cut off, bytes after the end,
/// more than 1 GiB of values.
IdxArray read_idx(const std::filesystem::path& path, int dimensions, Sha256& sum);

}  // namespace bnlab::data

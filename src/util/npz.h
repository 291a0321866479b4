#pragma once
// NumPy's .npy and .npz, as numpy.load reads them: C order, little-endian, entries stored (not compressed).

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "util/file.h"

namespace bnlab {

/// One array: its shape and its values in C order.
struct NpyArray {
  std::vector<std::int64_t> shape;
  std::variant<std::vector<float>, std::vector<double>, std::vector<std::int32_t>, std::vector<std::int64_t>,
               std::vector<std::uint64_t>>
      values;
  bool operator==(const NpyArray&) const = default;
};

using NpzArrays = std::map<std::string, NpyArray>;

/// The bytes of an .npy file (version 1.0).
std::string npy_bytes(const NpyArray& array);

/// The bytes of an .npz; deterministic (fixed time stamps, sorted names). Throws RunError.
std::string npz_bytes(const NpzArrays& arrays);
/// Writes them, atomically (see write_file_atomically). Throws RunError.
void write_npz(const std::filesystem::path& path, const NpzArrays& arrays);

/// Reads an .npz written by write_npz or numpy.savez. Throws DataError with the path and what is wrong for anything
/// that is damaged, cut off, of another type, or whose shape does not match its bytes; ReadError where it can't be
/// read. `look` is shown the bytes of the file before they are understood.
NpzArrays read_npz(const std::filesystem::path& path, Place place = Place::anywhere,
                   const std::function<void(std::span<const std::uint8_t>)>& look = {});

}  // namespace bnlab

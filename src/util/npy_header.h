#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bnlab {

/// What an .npy file says of its values.
struct NpyHeader {
  std::string descr;  // NumPy's name of their type, such as "<f4"
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// Reads the Python literal of an .npy header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }. Throws
/// DataError, whose text begins with `where`.
NpyHeader parse_npy_header(std::string_view text, const std::string& where);

/// The number of elements; nothing where a dimension is negative or the product of the others than 0 overflows.
std::optional<std::uint64_t> element_count(const std::vector<std::int64_t>& shape);

}  // namespace bnlab

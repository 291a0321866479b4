#pragma once
#include <string>
#include <variant>
#include <vector>

#include "util/npz.h"

namespace bnlab {

/// The values of the array `name`; null where it is missing or of another type.
template <class T>
const std::vector<T>* find_values(const NpzArrays& arrays, const std::string& name) {
  const auto found = arrays.find(name);
  return found == arrays.end() ? nullptr : std::get_if<std::vector<T>>(&found->second.values);
}

/// The same; null also where its shape is not `shape`.
template <class T>
const std::vector<T>* find_values(const NpzArrays& arrays, const std::string& name,
                                  const std::vector<std::int64_t>& shape) {
  const std::vector<T>* values = find_values<T>(arrays, name);
  return values && arrays.at(name).shape == shape ? values : nullptr;
}

}  // namespace bnlab

#pragma once
#include <optional>
#include <string_view>

#include "config/kind.h"

namespace bnlab::config {

/// The value with that JSON name; nothing where there is none.
template <class E>
std::optional<E> find_kind(std::string_view name) {
  for (const auto& row : Names<E>::table)
    if (row.name == name) return row.value;
  return std::nullopt;
}

}  // namespace bnlab::config

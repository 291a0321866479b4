#pragma once
// What the tables of kinds share. A kind (a normalization, a probe, ...) is declared once: an enumerator, and a row
// that says its name in JSON, its meaning in one line, and what code elsewhere has to know of it. The schema, the
// reference, the checks and `bnlab list` are made from the rows.

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bnlab::config {

/// The row of a choice of which no more is known.
template <class E>
struct Named {
  std::string_view name;
  E value;
  std::string_view meaning = {};
};

/// Names<E>::table holds the rows of the enumeration E. Each row has at least `name` and `value`.
template <class E>
struct Names;

/// The fields of a section that only some kinds use. Empty entries do not count.
using OwnFields = std::array<std::string_view, 6>;

constexpr bool holds(const OwnFields& fields, std::string_view field) {
  return std::find(fields.begin(), fields.end(), field) != fields.end();
}

/// The row of `value`.
template <class E>
constexpr const auto& row_of(E value) {
  for (const auto& row : Names<E>::table)
    if (row.value == value) return row;
  throw std::logic_error("a kind without a row");
}

/// Whether the rows are those of the values 0, 1, 2, ... in this order, `last` being the last.
template <class E>
constexpr bool has_all_rows(E last) {
  std::size_t i = 0;
  for (const auto& row : Names<E>::table)
    if (row.value != static_cast<E>(i++)) return false;
  return i == static_cast<std::size_t>(last) + 1;
}

/// The JSON name of `value`.
template <class E>
std::string name_of(E value) {
  for (const auto& row : Names<E>::table)
    if (row.value == value) return std::string(row.name);
  return "?";
}

/// All names of an enumeration, in the order of its table.
template <class E>
std::vector<std::string> names_of() {
  std::vector<std::string> names;
  for (const auto& row : Names<E>::table) names.emplace_back(row.name);
  return names;
}

/// The names of the kinds whose rows satisfy `is_wanted`, in the order of the table.
template <class E, class Predicate>
std::vector<std::string> names_where(const Predicate& is_wanted) {
  std::vector<std::string> names;
  for (const auto& row : Names<E>::table)
    if (is_wanted(row)) names.emplace_back(row.name);
  return names;
}

/// "batch: statistics of the batch (Ioffe & Szegedy 2015); ghost: ...", for the field that chooses a kind.
template <class E>
std::string meanings_of() {
  std::string text;
  for (const auto& row : Names<E>::table) {
    text += (text.empty() ? "" : "; ") + std::string(row.name) + ": " + std::string(row.meaning);
    if constexpr (requires { row.paper; })
      if (!row.paper.empty()) text += " (" + std::string(row.paper) + ")";
  }
  return text;
}

}  // namespace bnlab::config

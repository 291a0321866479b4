#pragma once
// What a field's value must obey, and when the field applies at all. Written in the rows of fields.h.

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/names.h"

namespace bnlab::config {

/// Bound of numbers that have no other: values are used in single precision, whose largest number is 3.4e38.
inline constexpr double largest = 1e30;

inline constexpr double most_steps = 1e12;
inline constexpr double most_units = 1e6;
inline constexpr double most_pixels = 1024;
inline constexpr double most_images = 1e9;

/// Branches of one concat.
inline constexpr std::size_t most_branches = 3072;

/// Rules are built by chaining: at_least(0).below(1).required(). Bounds hold for each number of a list or an extent.
struct Rule {
  struct Bound {
    double value;
    bool inclusive;
  };
  std::optional<Bound> low, high;
  bool is_required = false;
  bool is_not_empty = false;  // texts and lists
  bool is_file_name = false;  // texts: one part of a path
  bool is_name = false;       // texts: letters, digits, '.', '_' and '-'
  bool has_repeats = false;   // lists: equal entries are allowed
  bool is_left_out = false;  // lists: not written where they are empty, as the hashes of older configs know no such key

  // Whether the field applies, given the values of other fields; they must stand in earlier rows.
  bool applies = true;
  std::string decided_by;               // the field that decides
  std::vector<std::string> applies_to;  // its values with which this field applies; empty: any, as long as it is unset
  std::string decided_as;               // its value

  std::string replaces;  // the field that must not be given together with this one

  Rule& at_least(double value) { return low = {value, true}, *this; }
  Rule& above(double value) { return low = {value, false}, *this; }
  Rule& at_most(double value) { return high = {value, true}, *this; }
  Rule& below(double value) { return high = {value, false}, *this; }
  Rule& required() { return is_required = true, *this; }
  Rule& not_empty() { return is_not_empty = true, *this; }
  Rule& file_name() { return is_file_name = true, *this; }
  Rule& name() { return is_name = true, *this; }
  Rule& may_repeat() { return has_repeats = true, *this; }
  Rule& left_out_if_empty() { return is_left_out = true, *this; }

  /// The field applies only for some values of a choice.
  template <class E>
  Rule& only_for(std::string_view field, E value, std::initializer_list<E> values) {
    applies = false;
    decided_by = field;
    decided_as = name_of(value);
    for (const E allowed : values) {
      applies = applies || allowed == value;
      applies_to.push_back(name_of(allowed));
    }
    return *this;
  }

  /// The field applies for the kinds whose rows list it.
  template <class E>
  Rule& only_where_listed(std::string_view field, E value, std::string_view listed) {
    applies = holds(row_of(value).fields, listed);
    decided_by = field;
    decided_as = name_of(value);
    applies_to = names_where<E>([&](const auto& row) { return holds(row.fields, listed); });
    return *this;
  }

  /// The field stands in place of `field`, whose own rule is unless().
  Rule& instead_of(std::string_view field) { return replaces = field, *this; }
  Rule& unless(std::string_view field, bool is_set) { return decided_by = field, applies = !is_set, *this; }
};

inline Rule at_least(double value) { return Rule{}.at_least(value); }
inline Rule above(double value) { return Rule{}.above(value); }
inline Rule between(double low, double high) { return Rule{}.at_least(low).at_most(high); }
inline Rule not_empty() { return Rule{}.not_empty(); }
inline Rule file_name() { return Rule{}.file_name(); }
inline Rule required() { return Rule{}.required(); }
template <class E>
Rule only_where_listed(std::string_view field, E value, std::string_view listed) {
  return Rule{}.only_where_listed(field, value, listed);
}
template <class E>
Rule only_for(std::string_view field, E value, std::initializer_list<E> values) {
  return Rule{}.only_for(field, value, values);
}

}  // namespace bnlab::config

#pragma once
// How each type of value is read, written and documented. A new type of value is one Codec here.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/hints.h"
#include "config/json.h"
#include "config/problems.h"
#include "config/rule.h"
#include "util/join.h"

namespace bnlab::config {

/// A value to be read: its JSON, its path for errors and the rule of its field.
struct Input {
  const Json& json;
  const std::string& path;
  const Rule& rule;
  Problems& problems;

  /// Notes "PATH: RULE, got VALUE" and returns false.
  bool wrong(const std::string& must) const {
    problems.add(json.origin, path, must + ", got " + shown(json));
    return false;
  }
  Input at(const Json& other, const std::string& other_path) const { return {other, other_path, rule, problems}; }
};

// The functions of a Codec:
//   bool read(input, value)    leaves value alone and returns false after a problem
//   Json write(value)
//   Json schema(rule)          JSON Schema without default and description
//   std::string values(rule)   type and range in words
template <class T>
struct Codec;

/// The rule that a number breaks ("must be at least 1"), or empty.
std::string broken_bound(const Rule& rule, double number);
/// " >= 1, <= 10".
std::string range_text(const Rule& rule);
/// {"type": TYPE, "minimum": ...}.
Json bounds_schema(std::string_view type, const Rule& rule);

template <>
struct Codec<bool> {
  static bool read(const Input& in, bool& value) {
    if (!in.json.is(Json::Kind::boolean)) return in.wrong("must be true or false");
    value = in.json.boolean;
    return true;
  }
  static Json write(bool value) { return Json(value); }
  static Json schema(const Rule&) { return Json::object().set("type", "boolean"); }
  static std::string values(const Rule&) { return "true, false"; }
};

template <>
struct Codec<double> {
  static bool read(const Input& in, double& value) {
    if (!in.json.is(Json::Kind::integer) && !in.json.is(Json::Kind::real)) return in.wrong("must be a number");
    const double number = in.json.is(Json::Kind::real) ? in.json.real : static_cast<double>(in.json.integer);
    if (const std::string broken = broken_bound(in.rule, number); !broken.empty()) return in.wrong(broken);
    value = number;
    return true;
  }
  static Json write(double value) { return Json(value); }
  static Json schema(const Rule& rule) { return bounds_schema("number", rule); }
  static std::string values(const Rule& rule) { return "number" + range_text(rule); }
};

template <>
struct Codec<std::int64_t> {
  static bool read(const Input& in, std::int64_t& value);
  static Json write(std::int64_t value) { return Json(value); }
  static Json schema(const Rule& rule) { return bounds_schema("integer", rule); }
  static std::string values(const Rule& rule) { return "integer" + range_text(rule); }
};

template <>
struct Codec<std::uint64_t> {
  static bool read(const Input& in, std::uint64_t& value) {
    std::int64_t number = 0;
    if (!Codec<std::int64_t>::read(in, number)) return false;
    value = static_cast<std::uint64_t>(number);
    return true;
  }
  static Json write(std::uint64_t value) { return Json(static_cast<std::int64_t>(value)); }
  static Json schema(const Rule& rule) {
    return bounds_schema("integer", rule).set("maximum", Json(std::numeric_limits<std::int64_t>::max()));
  }
  static std::string values(const Rule& rule) { return "integer" + range_text(rule) + ", < 2^63"; }
};

/// The text of a value. Where JSON reads an override as a number, true, false or null: the word that was typed.
/// Nothing for any other value.
std::optional<std::string> text_in(const Json& json, const Problems& problems);

/// Whether a text is a single file name: not empty, no separator, neither "." nor "..".
bool is_plain_file_name(std::string_view text);

template <>
struct Codec<std::string> {
  static bool read(const Input& in, std::string& value);
  static Json write(const std::string& value) { return Json(std::string_view(value)); }
  static Json schema(const Rule& rule);
  static std::string values(const Rule& rule) {
    return rule.is_file_name ? "a file name" : rule.is_name ? "letters, digits, . _ -" : "text";
  }
};

template <class E>
requires std::is_enum_v<E>
struct Codec<E> {
  static bool read(const Input& in, E& value) {
    if (in.json.is(Json::Kind::text)) {
      for (const auto& row : Names<E>::table) {
        if (row.name != in.json.text) continue;
        value = row.value;
        return true;
      }
    }
    const std::vector<std::string> names = names_of<E>();
    const bool is_word = in.json.is(Json::Kind::text);
    const std::string word = is_word ? in.json.text : shown(in.json);
    std::string guess = is_word || word == "null" || word == "false" ? hint_text(word, names) : "";
    if (!is_word && guess.find("\"none\"") == std::string::npos) guess.clear();  // no near misspelling
    const std::string must = names.size() == 1 ? "must be " : "must be one of ";
    in.problems.add(in.json.origin, in.path, must + join(names) + ", got " + shown(in.json) + guess);
    return false;
  }
  static Json write(E value) { return Json(std::string_view(name_of(value))); }
  static Json schema(const Rule&) {
    Json names = Json::list();
    for (const std::string& name : names_of<E>()) names.items.emplace_back(std::string_view(name));
    return Json::object().set("enum", std::move(names));
  }
  static std::string values(const Rule&) { return join(names_of<E>()); }
};

/// null: as if the field were not given.
template <class T>
struct Codec<std::optional<T>> {
  static bool read(const Input& in, std::optional<T>& value) {
    if (in.json.is(Json::Kind::null)) {
      value.reset();
      return true;
    }
    T inner{};
    if (!Codec<T>::read(in, inner)) return false;
    value = inner;
    return true;
  }
  static Json write(const std::optional<T>& value) { return value ? Codec<T>::write(*value) : Json(); }
  static Json schema(const Rule& rule) {
    Json either = Json::list();
    either.items = {Codec<T>::schema(rule), Json::object().set("type", "null")};
    return Json::object().set("anyOf", std::move(either));
  }
  static std::string values(const Rule& rule) { return Codec<T>::values(rule); }
};

/// A list of different values, unless the rule allows repeats.
template <class T>
struct Codec<std::vector<T>> {
  static bool read(const Input& in, std::vector<T>& value) {
    if (!in.json.is(Json::Kind::list)) return in.wrong("must be a list");
    if (in.rule.is_not_empty && in.json.items.empty()) return in.wrong("must have at least 1 entry");
    std::vector<T> values;
    bool good = true;
    for (std::size_t i = 0; i < in.json.items.size(); ++i) {
      const std::string path = joined(in.path, i);
      const Input entry = in.at(in.json.items[i], path);
      T one{};
      if (!Codec<T>::read(entry, one)) {
        good = false;
      } else if (values.size() >= most_entries) {
        return in.wrong("must have at most " + std::to_string(most_entries) + " entries");
      } else if (!in.rule.has_repeats && std::find(values.begin(), values.end(), one) != values.end()) {
        good = entry.wrong("must not repeat an entry");
      } else {
        values.push_back(one);
      }
    }
    if (good) value = std::move(values);
    return good;
  }
  static Json write(const std::vector<T>& value) {
    Json list = Json::list();
    for (const T& one : value) list.items.push_back(Codec<T>::write(one));
    return list;
  }
  static Json schema(const Rule& rule) {
    Json schema = Json::object().set("type", "array").set("items", Codec<T>::schema(rule));
    if (rule.is_not_empty) schema.set("minItems", Json(std::int64_t{1}));
    schema.set("maxItems", Json(static_cast<std::int64_t>(most_entries)));
    return rule.has_repeats ? schema : schema.set("uniqueItems", Json(true));
  }
  static std::string values(const Rule& rule) { return "list of: " + Codec<T>::values(rule); }

  static constexpr std::size_t most_entries = 10000;
};

template <>
struct Codec<Extent> {
  static bool read(const Input& in, Extent& value);
  static Json write(const Extent& value);
  static Json schema(const Rule& rule);
  static std::string values(const Rule& rule) { return "integer" + range_text(rule) + ", or [height, width]"; }
};

template <>
struct Codec<Padding> {
  static bool read(const Input& in, Padding& value);
  static Json write(const Padding& value);
  static Json schema(const Rule& rule);
  static std::string values(const Rule& rule) { return "same, " + Codec<Extent>::values(rule); }
};

template <>
struct Codec<LayerMask> {
  static bool read(const Input& in, LayerMask& value);
  static Json write(const LayerMask& value);
  static Json schema(const Rule& rule);
  static std::string values(const Rule&) { return "all, none, first, last, a list such as [1, 3], {\"every\": n}"; }
};

}  // namespace bnlab::config

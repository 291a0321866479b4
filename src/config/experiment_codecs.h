#pragma once
// How the types of an experiment's fields are read, written and documented.

#include <string>
#include <vector>

#include "config/codecs.h"
#include "config/experiment_fields.h"

namespace bnlab::config {

/// JSON on one line.
std::string one_line(const Json& json);

template <>
struct Codec<Settings> {
  static bool read(const Input& in, Settings& value);
  static Json write(const Settings& value);
  static Json schema(const Rule& rule);
  static std::string values(const Rule&) { return "object of paths and values"; }
};

template <>
struct Codec<Axes> {
  static bool read(const Input& in, Axes& value);
  static Json write(const Axes& value);
  static Json schema(const Rule& rule);
  static std::string values(const Rule&) { return "object of paths and lists of values"; }
};

template <>
struct Codec<RowFilter> {
  static bool read(const Input& in, RowFilter& value);
  static Json write(const RowFilter& value);
  static Json schema(const Rule& rule);
  static std::string values(const Rule&) { return "object of columns and a text, a number or a list of them"; }
};

template <>
struct Codec<Levels> {
  static bool read(const Input& in, Levels& value);
  static Json write(const Levels& value);
  static Json schema(const Rule& rule);
  static std::string values(const Rule&) { return "object of quantities and numbers"; }
};

template <>
struct Codec<Seeds> {
  static bool read(const Input& in, Seeds& value);
  static Json write(const Seeds& value);
  static Json schema(const Rule& rule);
  static std::string values(const Rule&) { return "integer >= 1, or a list of seeds"; }
};

template <>
struct Codec<Lines> {
  static bool read(const Input& in, Lines& value);
  static Json write(const Lines& value);
  static Json schema(const Rule& rule);
  static std::string values(const Rule&) { return "text, or a list of lines"; }
};

template <>
struct Codec<BaseConfig> {
  static bool read(const Input& in, BaseConfig& value);
  static Json write(const BaseConfig& value);
  static Json schema(const Rule& rule);
  static std::string values(const Rule&) { return "name of a config file, or a config"; }
};

}  // namespace bnlab::config

#include "config/experiment_codecs.h"

#include <numeric>
#include <utility>

namespace bnlab::config {
namespace {

constexpr std::int64_t most_seeds = 1000;
constexpr std::size_t most_values = 1000;  // of an axis

Json parsed(const std::string& text) { return parse_json(text, 0).root; }

Json any_of(std::vector<Json> schemas) {
  Json list = Json::list();
  list.items = std::move(schemas);
  return Json::object().set("anyOf", std::move(list));
}

Json type(std::string_view name) { return Json::object().set("type", name); }

/// An object, whose values have a schema of their own.
Json map_of(Json values) { return type("object").set("additionalProperties", std::move(values)); }

bool is_path(const std::string& path) {
  return !path.empty() && path.front() != '.' && path.back() != '.' && path.find("..") == std::string::npos &&
         path.find('=') == std::string::npos;
}

bool check_path(const Input& in, const JsonMember& member) {
  if (is_path(member.key)) return true;
  in.problems.add(member.value.origin, joined(in.path, member.key),
                  "must be a dotted path such as optimizer.learning_rate");
  return false;
}

bool read_filter_value(const Input& in, std::vector<std::string>& values) {
  switch (in.json.kind) {
    case Json::Kind::text:
      values.push_back(in.json.text);
      return true;
    case Json::Kind::integer:
      values.push_back(std::to_string(in.json.integer));
      return true;
    case Json::Kind::real:
      values.push_back(in.json.text);
      return true;
    default:
      return in.wrong("must be a text or a number");
  }
}

}  // namespace

std::string one_line(const Json& json) {
  const std::string text = format_json(json);
  std::string line;
  // A text in JSON holds no newline, so each one here is layout, and the blanks behind it too.
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\n') {
      line += text[i];
      continue;
    }
    while (i + 1 < text.size() && text[i + 1] == ' ') ++i;
    if (i + 1 < text.size() && line.back() == ',') line += ' ';
  }
  return line;
}

bool Codec<Settings>::read(const Input& in, Settings& value) {
  if (!in.json.is(Json::Kind::object)) return in.wrong("must be an object of paths and values");
  Settings settings;
  bool good = true;
  for (const JsonMember& member : in.json.members) {
    good = check_path(in, member) && good;
    settings.paths.emplace_back(member.key, JsonText{one_line(member.value)});
  }
  if (good) value = std::move(settings);
  return good;
}

Json Codec<Settings>::write(const Settings& value) {
  Json object = Json::object();
  for (const auto& [path, json] : value.paths) object.set(path, parsed(json.text));
  return object;
}

Json Codec<Settings>::schema(const Rule&) { return type("object"); }

bool Codec<Axes>::read(const Input& in, Axes& value) {
  if (!in.json.is(Json::Kind::object)) return in.wrong("must be an object of paths and lists of values");
  Axes axes;
  bool good = true;
  for (const JsonMember& member : in.json.members) {
    const std::string path = joined(in.path, member.key);
    const Input entry = in.at(member.value, path);
    good = check_path(in, member) && good;
    if (!member.value.is(Json::Kind::list) || member.value.items.empty() || member.value.items.size() > most_values) {
      good = entry.wrong("must be a list of 1 to " + std::to_string(most_values) + " values");
      continue;
    }
    std::vector<JsonText> values;
    for (const Json& one : member.value.items) {
      JsonText text{one_line(one)};
      if (std::find(values.begin(), values.end(), text) != values.end())
        good = entry.wrong("must not repeat the value " + text.text);
      values.push_back(std::move(text));
    }
    axes.paths.emplace_back(member.key, std::move(values));
  }
  if (good) value = std::move(axes);
  return good;
}

Json Codec<Axes>::write(const Axes& value) {
  Json object = Json::object();
  for (const auto& [path, values] : value.paths) {
    Json list = Json::list();
    for (const JsonText& one : values) list.items.push_back(parsed(one.text));
    object.set(path, std::move(list));
  }
  return object;
}

Json Codec<Axes>::schema(const Rule&) { return map_of(type("array").set("minItems", Json(std::int64_t{1}))); }

bool Codec<RowFilter>::read(const Input& in, RowFilter& value) {
  if (!in.json.is(Json::Kind::object)) return in.wrong("must be an object of columns and values");
  RowFilter filter;
  bool good = true;
  for (const JsonMember& member : in.json.members) {
    const std::string path = joined(in.path, member.key);
    std::vector<std::string> values;
    if (member.value.is(Json::Kind::list)) {
      for (const Json& one : member.value.items) good = read_filter_value(in.at(one, path), values) && good;
      if (values.empty()) good = in.at(member.value, path).wrong("must have at least 1 entry");
    } else {
      good = read_filter_value(in.at(member.value, path), values) && good;
    }
    filter.columns.emplace_back(member.key, std::move(values));
  }
  if (good) value = std::move(filter);
  return good;
}

Json Codec<RowFilter>::write(const RowFilter& value) {
  Json object = Json::object();
  for (const auto& [column, values] : value.columns) {
    Json list = Json::list();
    for (const std::string& one : values) list.items.emplace_back(std::string_view(one));
    object.set(column, values.size() == 1 ? list.items.front() : std::move(list));
  }
  return object;
}

Json Codec<RowFilter>::schema(const Rule&) {
  const Json one = any_of({type("string"), type("number")});
  return map_of(
      any_of({type("string"), type("number"), type("array").set("items", one).set("minItems", Json(std::int64_t{1}))}));
}

bool Codec<Levels>::read(const Input& in, Levels& value) {
  if (!in.json.is(Json::Kind::object)) return in.wrong("must be an object of quantities and numbers");
  Levels levels;
  for (const JsonMember& member : in.json.members) {
    const std::string path = joined(in.path, member.key);
    double level = 0;
    if (!Codec<double>::read(in.at(member.value, path), level)) return false;
    levels.by_quantity.emplace_back(member.key, level);
  }
  value = std::move(levels);
  return true;
}

Json Codec<Levels>::write(const Levels& value) {
  Json object = Json::object();
  for (const auto& [quantity, level] : value.by_quantity) object.set(quantity, Json(level));
  return object;
}

Json Codec<Levels>::schema(const Rule&) { return map_of(type("number")); }

bool Codec<Seeds>::read(const Input& in, Seeds& value) {
  if (in.json.is(Json::Kind::integer)) {
    if (in.json.integer < 1 || in.json.integer > most_seeds)
      return in.wrong("must be between 1 and " + std::to_string(most_seeds));
    value.list.resize(static_cast<std::size_t>(in.json.integer));
    std::iota(value.list.begin(), value.list.end(), std::uint64_t{1});
    return true;
  }
  if (!in.json.is(Json::Kind::list)) return in.wrong("must be a number of seeds, or a list of them");
  const Rule rule = at_least(0).not_empty();
  return Codec<std::vector<std::uint64_t>>::read({in.json, in.path, rule, in.problems}, value.list);
}

Json Codec<Seeds>::write(const Seeds& value) { return Codec<std::vector<std::uint64_t>>::write(value.list); }

Json Codec<Seeds>::schema(const Rule&) {
  const Rule rule = at_least(0).not_empty();
  return any_of({bounds_schema("integer", between(1, static_cast<double>(most_seeds))),
                 Codec<std::vector<std::uint64_t>>::schema(rule)});
}

bool Codec<Lines>::read(const Input& in, Lines& value) {
  if (in.json.is(Json::Kind::text)) {
    value.lines = {in.json.text};
    return true;
  }
  if (!in.json.is(Json::Kind::list)) return in.wrong("must be a text or a list of lines");
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < in.json.items.size(); ++i) {
    const std::string path = joined(in.path, i);
    std::string line;
    if (!Codec<std::string>::read(in.at(in.json.items[i], path), line)) return false;
    lines.push_back(std::move(line));
  }
  value.lines = std::move(lines);
  return true;
}

Json Codec<Lines>::write(const Lines& value) {
  Json list = Json::list();
  for (const std::string& line : value.lines) list.items.emplace_back(std::string_view(line));
  return list;
}

Json Codec<Lines>::schema(const Rule&) { return any_of({type("string"), type("array").set("items", type("string"))}); }

bool Codec<BaseConfig>::read(const Input& in, BaseConfig& value) {
  if (in.json.is(Json::Kind::text)) {
    if (in.json.text.empty()) return in.wrong("must not be empty");
    value = {.file = in.json.text, .text = ""};
    return true;
  }
  if (!in.json.is(Json::Kind::object)) return in.wrong("must be the name of a config file, or a config");
  value = {.file = "", .text = format_json(in.json)};
  return true;
}

Json Codec<BaseConfig>::write(const BaseConfig& value) {
  return value.file.empty() ? parsed(value.text) : Json(std::string_view(value.file));
}

Json Codec<BaseConfig>::schema(const Rule&) { return any_of({type("string"), type("object")}); }

}  // namespace bnlab::config

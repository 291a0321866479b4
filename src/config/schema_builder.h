#pragma once
// The visitor of fields.h and experiment_fields.h that makes a JSON Schema.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/codecs.h"
#include "config/fields.h"

namespace bnlab::config {

inline const char* const schema_draft = "https://json-schema.org/draft/2020-12/schema";

inline Json names_list(std::initializer_list<std::string_view> names) {
  Json list = Json::list();
  for (const std::string_view name : names) list.items.emplace_back(name);
  return list;
}

class SchemaBuilder {
 public:
  /// The schema of an object; the values in `defaults` are the defaults.
  template <class T>
  static Json object(T defaults) {
    SchemaBuilder builder;
    fields(builder, defaults);
    Json schema = Json::object().set("type", "object").set("properties", std::move(builder.properties_));
    if (!builder.required_.items.empty()) schema.set("required", std::move(builder.required_));
    schema.set("additionalProperties", Json(false));
    if (!builder.rules_.items.empty()) schema.set("allOf", std::move(builder.rules_));
    return schema;
  }

  template <class T>
  void field(std::string_view name, T& value, std::string_view meaning, const Rule& rule = {}) {
    Json schema = Codec<T>::schema(rule);
    Json standard = Codec<T>::write(value);
    if (!rule.is_required && !standard.is(Json::Kind::null)) schema.set("default", std::move(standard));
    add(name, std::move(schema), meaning, rule);
  }

  template <class T>
  void section(std::string_view name, T& value, std::string_view meaning, const Rule& rule = {}) {
    add(name, object(value), meaning, rule);
  }

  template <class T>
  void optional_section(std::string_view name, std::optional<T>&, std::string_view meaning, const Rule& rule = {}) {
    add(name, object(T{}), meaning, rule);
  }

  template <class T>
  void sections(std::string_view name, std::vector<T>&, std::string_view meaning, const Rule& rule = {}) {
    Json list = Json::object().set("type", "array").set("items", object(T{}));
    if (rule.is_not_empty) list.set("minItems", Json(std::int64_t{1}));
    add(name, std::move(list), meaning, rule);
  }

  void blocks(std::string_view name, std::vector<Block>&, std::string_view meaning, const Rule& rule = {}) {
    add(name, Json::object().set("$ref", "#/$defs/layers"), meaning, rule);
  }

  void branches(std::string_view name, std::vector<std::vector<Block>>&, std::string_view meaning,
                const Rule& rule = {}) {
    Json branch = Json::object().set("type", "array").set("items", Json::object().set("$ref", "#/$defs/block"));
    Json list = Json::object().set("type", "array").set("minItems", Json(std::int64_t{1}));
    list.set("maxItems", Json(static_cast<std::int64_t>(most_branches)));
    add(name, std::move(list.set("items", std::move(branch))), meaning, rule);
  }

  // Rules between numbers are beyond JSON Schema.
  void require(bool, std::string_view, std::string_view) {}

 private:
  void add(std::string_view name, Json schema, std::string_view meaning, const Rule& rule) {
    if (rule.is_required) required_.items.emplace_back(name);
    if (!rule.applies_to.empty()) add_condition(name, rule);
    if (!rule.replaces.empty()) add_exclusion(name, rule);
    properties_.set(name, std::move(schema.set("description", meaning)));
  }

  // An absent choice has its default, for which rule.applies was found.
  void add_condition(std::string_view name, const Rule& rule) {
    Json values = Json::list();
    for (const std::string& value : rule.applies_to) values.items.emplace_back(std::string_view(value));
    Json chosen = Json::object().set(rule.decided_by, Json::object().set("enum", std::move(values)));
    Json test = Json::object().set("properties", std::move(chosen));
    if (!rule.applies) test.set("required", names_list({rule.decided_by}));
    Json absent = Json::object().set("properties", Json::object().set(name, Json(false)));
    rules_.items.push_back(Json::object().set("if", std::move(test)).set("else", std::move(absent)));
  }

  void add_exclusion(std::string_view name, const Rule& rule) {
    Json set = Json::object().set(name, Json::object().set("not", Json::object().set("type", "null")));
    Json both = Json::object().set("required", names_list({name, rule.replaces})).set("properties", std::move(set));
    rules_.items.push_back(Json::object().set("not", std::move(both)));
  }

  Json properties_ = Json::object();
  Json required_ = Json::list();
  Json rules_ = Json::list();
};

/// Editors find the schema by this key.
inline void allow_schema_key(Json& schema) {
  schema.find("properties")->set("$schema", Json::object().set("type", "string"));
}

}  // namespace bnlab::config

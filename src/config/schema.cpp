// JSON Schema of a config, out of the table of fields.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/codecs.h"
#include "config/extends.h"
#include "config/fields.h"
#include "config/load.h"
#include "config/schema_builder.h"

namespace bnlab::config {
namespace {

struct BlockSchemas {
  Json properties = Json::object();

  template <class T>
  void kind(std::string_view name, std::string_view meaning) {
    properties.set(name, std::move(SchemaBuilder::object(T{}).set("description", meaning)));
  }
};

// An object with one key, the kind of the block.
Json block_schema() {
  BlockSchemas kinds;
  block_kinds(kinds);
  return Json::object()
      .set("type", "object")
      .set("minProperties", Json(std::int64_t{1}))
      .set("maxProperties", Json(std::int64_t{1}))
      .set("properties", std::move(kinds.properties))
      .set("additionalProperties", Json(false));
}

Json network_file_schema() {
  Json schema = SchemaBuilder::object(NetworkConfig{}).set("required", names_list({"layers"}));
  allow_schema_key(schema);
  return schema;
}

/// The schema of a config that extends another: the same keys, none of them required, and no rule between two of them,
/// of which the other config may have one. `place`: of `whole` in the document.
Json part_of(const Json& whole, const std::string& place) {
  Json properties = Json::object();
  for (const JsonMember& member : whole.find("properties")->members) {
    const std::string at = place + "/properties/" + member.key;
    properties.set(member.key, member.value.find("properties") ? part_of(member.value, at)
                                                               : Json::object().set("$ref", std::string_view(at)));
  }
  return Json::object()
      .set("type", "object")
      .set("properties", std::move(properties))
      .set("additionalProperties", Json(false));
}

}  // namespace

std::string json_schema() {
  Json whole = SchemaBuilder::object(RunConfig{});
  allow_schema_key(whole);
  Json either = Json::list();
  either.items = {Json::object().set("required", names_list({"name"})),
                  Json::object().set("required", names_list({"layers"}))};
  whole.find("properties")->find("network")->set("anyOf", std::move(either));
  Json part = part_of(whole, "#/$defs/whole");

  Json layers = Json::object().set("type", "array").set("minItems", Json(std::int64_t{1}));
  layers.set("items", Json::object().set("$ref", "#/$defs/block"));
  return format_json(
      Json::object()
          .set("$schema", schema_draft)
          .set("title", "bnlab config")
          .set("description", "One run: a network trained on a dataset. Network files: #/$defs/network_file.")
          .set("if", Json::object().set("required", names_list({extends_key})))
          .set("then", Json::object().set("$ref", "#/$defs/part"))
          .set("else", Json::object().set("$ref", "#/$defs/whole"))
          .set("$defs", Json::object()
                            .set("whole", std::move(whole))
                            .set("part", std::move(part))
                            .set("network_file", network_file_schema())
                            .set("layers", std::move(layers))
                            .set("block", block_schema())));
}

}  // namespace bnlab::config

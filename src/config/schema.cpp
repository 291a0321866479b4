// JSON Schema of a config, out of the table of fields.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/codecs.h"
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

}  // namespace

std::string json_schema() {
  Json schema =
      Json::object()
          .set("$schema", schema_draft)
          .set("title", "bnlab config")
          .set("description", "One run: a network trained on a dataset. Network files: #/$defs/network_file.");
  for (JsonMember& member : SchemaBuilder::object(RunConfig{}).members) schema.set(member.key, std::move(member.value));
  allow_schema_key(schema);

  Json either = Json::list();
  either.items = {Json::object().set("required", names_list({"name"})),
                  Json::object().set("required", names_list({"layers"}))};
  schema.find("properties")->find("network")->set("anyOf", std::move(either));

  Json layers = Json::object().set("type", "array").set("minItems", Json(std::int64_t{1}));
  layers.set("items", Json::object().set("$ref", "#/$defs/block"));
  schema.set("$defs", Json::object()
                          .set("network_file", network_file_schema())
                          .set("layers", std::move(layers))
                          .set("block", block_schema()));
  return format_json(schema);
}

}  // namespace bnlab::config

#pragma once
// Structs to JSON: the visitor of fields.h that writes every field that applies.

#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/codecs.h"
#include "config/fields.h"

namespace bnlab::config {

class Writer {
 public:
  /// The struct as a JSON object. `value` is only read.
  template <class T>
  static Json write(T& value) {
    Writer writer;
    fields(writer, value);
    return std::move(writer.object_);
  }

  template <class T>
  void field(std::string_view name, T& value, std::string_view, const Rule& rule = {}) {
    if (!rule.applies) return;
    Json json = Codec<T>::write(value);
    const bool is_left_out = rule.is_left_out && json.is(Json::Kind::list) && json.items.empty();
    if (!json.is(Json::Kind::null) && !is_left_out) object_.set(name, std::move(json));
  }

  template <class T>
  void section(std::string_view name, T& value, std::string_view, const Rule& rule = {}) {
    if (rule.applies) object_.set(name, write(value));
  }

  template <class T>
  void optional_section(std::string_view name, std::optional<T>& value, std::string_view, const Rule& rule = {}) {
    if (rule.applies && value) object_.set(name, write(*value));
  }

  template <class T>
  void sections(std::string_view name, std::vector<T>& values, std::string_view, const Rule& rule = {}) {
    if (!rule.applies || (rule.is_left_out && values.empty())) return;
    Json list = Json::list();
    for (T& value : values) list.items.push_back(write(value));
    object_.set(name, std::move(list));
  }

  void blocks(std::string_view name, std::vector<Block>& values, std::string_view, const Rule& rule = {}) {
    if (rule.applies) object_.set(name, list_of(values));
  }

  void branches(std::string_view name, std::vector<std::vector<Block>>& values, std::string_view,
                const Rule& rule = {}) {
    if (!rule.applies) return;
    Json list = Json::list();
    for (std::vector<Block>& branch : values) list.items.push_back(list_of(branch));
    object_.set(name, std::move(list));
  }

  void require(bool, std::string_view, std::string_view) {}

 private:
  static Json list_of(std::vector<Block>& blocks) {
    Json list = Json::list();
    for (Block& block : blocks) {
      Naming naming{block};
      block_kinds(naming);
      Json spec = std::visit([](auto& inner) { return write(inner); }, block.spec);
      list.items.push_back(Json::object().set(naming.name, std::move(spec)));
    }
    return list;
  }

  struct Naming {
    const Block& block;
    std::string_view name = {};
    template <class T>
    void kind(std::string_view kind_name, std::string_view) {
      if (std::holds_alternative<T>(block.spec)) name = kind_name;
    }
  };

  Json object_ = Json::object();
};

}  // namespace bnlab::config

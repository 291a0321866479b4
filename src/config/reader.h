#pragma once
// JSON to structs: the visitor of fields.h that reads and checks.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/codecs.h"
#include "config/fields.h"

namespace bnlab::config {

inline constexpr int max_block_depth = 64;

/// Reads one JSON object into one struct. Usage: Reader::read(json, path, value, problems).
class Reader {
 public:
  /// Leaves the default where a field is absent or wrong; every problem goes to `problems`. `ignored`: keys that may be
  /// there and say nothing.
  template <class T>
  static void read(const Json& json, const std::string& path, T& value, Problems& problems,
                   const std::vector<std::string>& ignored = {}, int depth = 0) {
    if (!json.is(Json::Kind::object)) return refuse_word(json, path, keys_of(value, depth), problems);
    Reader reader(json, path, problems, depth);
    fields(reader, value);
    reader.refuse_unknown(ignored);
  }

  template <class T>
  void field(std::string_view name, T& value, std::string_view, const Rule& rule = {}) {
    if (const Json* json = take(name, rule)) {
      const std::string path = joined(path_, name);
      Codec<T>::read({*json, path, rule, problems_}, value);
    }
  }

  template <class T>
  void section(std::string_view name, T& value, std::string_view, const Rule& rule = {}) {
    if (const Json* json = take(name, rule)) read(*json, joined(path_, name), value, problems_, {}, depth_);
  }

  template <class T>
  void optional_section(std::string_view name, std::optional<T>& value, std::string_view, const Rule& rule = {}) {
    const Json* json = take(name, rule);
    if (!json || json->is(Json::Kind::null)) return;
    value.emplace();
    read(*json, joined(path_, name), *value, problems_, {}, depth_);
  }

  template <class T>
  void sections(std::string_view name, std::vector<T>& values, std::string_view, const Rule& rule = {}) {
    const Json* json = take(name, rule);
    if (!json || !is_list(*json, name, rule)) return;
    values.assign(json->items.size(), T{});
    for (std::size_t i = 0; i < values.size(); ++i)
      read(json->items[i], joined(joined(path_, name), i), values[i], problems_, {}, depth_);
  }

  void blocks(std::string_view name, std::vector<Block>& values, std::string_view, const Rule& rule = {});
  void branches(std::string_view name, std::vector<std::vector<Block>>& values, std::string_view,
                const Rule& rule = {});

  void require(bool holds, std::string_view name, std::string_view rule) {
    if (holds) return;
    const Json* json = object_.find(name);
    const std::string got = json ? ", got " + shown(*json) : "";
    problems_.add((json ? *json : object_).origin, joined(path_, name), std::string(rule) + got);
  }

 private:
  Reader(const Json& object, const std::string& path, Problems& problems, int depth)
      : object_(object), path_(path), problems_(problems), depth_(depth) {}

  /// The keys of an object of this type.
  template <class T>
  static std::vector<std::string> keys_of(const T& value, int depth) {
    const Json none = Json::object();
    Problems problems;
    problems.add_source({.label = ""});
    T copy = value;
    const std::string path;
    Reader reader(none, path, problems, depth);
    fields(reader, copy);
    return reader.names_;
  }
  /// Notes that a value is no object; a word is most likely the value of a key in it.
  static void refuse_word(const Json& json, const std::string& path, const std::vector<std::string>& keys,
                          Problems& problems);

  // The field's JSON, or null where it is absent or does not apply.
  const Json* take(std::string_view name, const Rule& rule);
  bool is_list(const Json& json, std::string_view name, const Rule& rule);
  void read_blocks(const Json& list, const std::string& path, std::vector<Block>& values);
  void read_block(const Json& json, const std::string& path, Block& block);
  void refuse_unknown(const std::vector<std::string>& ignored);
  std::string guess_for(std::string_view key) const;

  const Json& object_;
  const std::string& path_;
  Problems& problems_;
  int depth_;  // of blocks in blocks
  std::vector<std::string> names_;
};

}  // namespace bnlab::config

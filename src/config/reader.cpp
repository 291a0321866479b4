#include "config/reader.h"

#include <algorithm>

#include "util/join.h"

namespace bnlab::config {
namespace {

// Makes the block whose name is `wanted`; gathers all names for the error.
struct BlockMaker {
  std::string_view wanted;
  Block& block;
  bool found = false;
  std::vector<std::string> names = {};

  template <class T>
  void kind(std::string_view name, std::string_view) {
    names.emplace_back(name);
    if (name != wanted) return;
    block.spec.emplace<T>();
    found = true;
  }
};

}  // namespace

const Json* Reader::take(std::string_view name, const Rule& rule) {
  names_.emplace_back(name);
  const Json* json = object_.find(name);
  if (!json) {
    if (rule.is_required) problems_.add(object_.origin, joined(path_, name), "is required");
    return nullptr;
  }
  if (!rule.applies) {
    // A text that chooses anew leaves fields of what it changes behind that fitted the old choice.
    const Json* choice = object_.find(rule.decided_by);
    if (choice && problems_.changes(choice->origin, json->origin)) return nullptr;
    std::string text = "not together with " + joined(path_, rule.decided_by);
    if (!rule.applies_to.empty())
      text = "only for " + rule.decided_by + " " + join(rule.applies_to) + ", got " + rule.decided_by + " " +
             rule.decided_as;
    problems_.add(json->origin, joined(path_, name), text);
    return nullptr;
  }
  if (!rule.replaces.empty()) {
    const Json* other = object_.find(rule.replaces);
    if (other && problems_.changes(other->origin, json->origin)) return nullptr;
  }
  return json;
}

bool Reader::is_list(const Json& json, std::string_view name, const Rule& rule) {
  const bool empty = rule.is_not_empty && json.items.empty();
  if (json.is(Json::Kind::list) && !empty) return true;
  problems_.add(json.origin, joined(path_, name),
                json.is(Json::Kind::list) ? "must have at least 1 entry" : "must be a list, got " + shown(json));
  return false;
}

void Reader::blocks(std::string_view name, std::vector<Block>& values, std::string_view, const Rule& rule) {
  const Json* json = take(name, rule);
  if (!json || !is_list(*json, name, rule)) return;
  read_blocks(*json, joined(path_, name), values);
}

void Reader::branches(std::string_view name, std::vector<std::vector<Block>>& values, std::string_view,
                      const Rule& rule) {
  const Json* json = take(name, rule);
  if (!json || !is_list(*json, name, rule)) return;
  if (json->items.size() > most_branches) {
    problems_.add(
        json->origin, joined(path_, name),
        "must have at most " + std::to_string(most_branches) + " entries, got " + std::to_string(json->items.size()));
    return;
  }
  values.assign(json->items.size(), {});
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string path = joined(joined(path_, name), i);
    if (json->items[i].is(Json::Kind::list))
      read_blocks(json->items[i], path, values[i]);
    else
      problems_.add(json->items[i].origin, path, "must be a list of blocks, got " + shown(json->items[i]));
  }
}

void Reader::read_blocks(const Json& list, const std::string& path, std::vector<Block>& values) {
  values.assign(list.items.size(), Block{});
  for (std::size_t i = 0; i < values.size(); ++i) read_block(list.items[i], joined(path, i), values[i]);
}

void Reader::read_block(const Json& json, const std::string& path, Block& block) {
  if (!json.is(Json::Kind::object) || json.members.size() != 1) {
    problems_.add(json.origin, path, "must be an object with one key, such as {\"flatten\": {}}, got " + shown(json));
    return;
  }
  const JsonMember& member = json.members.front();
  BlockMaker maker{.wanted = member.key, .block = block};
  block_kinds(maker);
  const std::string block_path = joined(path, member.key);
  if (!maker.found) {
    const std::string guess = hint_text(member.key, maker.names);
    problems_.add(member.value.origin, block_path,
                  "unknown block" + (guess.empty() ? "; valid blocks: " + join(maker.names) : guess));
    return;
  }
  if (depth_ > max_block_depth) {
    problems_.add(member.value.origin, block_path, "nested deeper than " + std::to_string(max_block_depth) + " blocks");
    return;
  }
  std::visit([&](auto& spec) { read(member.value, block_path, spec, problems_, {}, depth_ + 1); }, block.spec);
}

void Reader::refuse_unknown(const std::vector<std::string>& ignored) {
  for (const JsonMember& member : object_.members) {
    if (std::find(names_.begin(), names_.end(), member.key) != names_.end()) continue;
    if (std::find(ignored.begin(), ignored.end(), member.key) != ignored.end()) continue;
    problems_.add(member.value.origin, joined(path_, member.key), "unknown key" + guess_for(member.key));
  }
}

std::string Reader::guess_for(std::string_view key) const {
  if (std::string here = hint_text(key, names_); !here.empty()) return here;
  if (const std::vector<std::string> places = problems_.places_of(key); !places.empty())
    return "; did you mean \"" + join(places, "\" or \"") + "\"?";
  return names_.empty() ? "; this object has no keys" : "; valid keys: " + join(names_);
}

void Reader::refuse_word(const Json& json, const std::string& path, const std::vector<std::string>& keys,
                         Problems& problems) {
  std::string text = "must be an object, got " + shown(json);
  if (json.is(Json::Kind::text))
    for (const std::string_view key : {"type", "name", "scheme"})
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) {
        text += "; did you mean " + joined(path, key) + "?";
        break;
      }
  problems.add(json.origin, path, text);
}

}  // namespace bnlab::config

#include "config/differences.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "config/experiment_codecs.h"
#include "config/fields.h"
#include "config/names.h"
#include "config/writer.h"
#include "util/join.h"

namespace bnlab::config {
namespace {

void flatten(const Json& json, const std::string& path, std::vector<std::pair<std::string, std::string>>& leaves) {
  if (json.is(Json::Kind::object) && !json.members.empty()) {
    for (const JsonMember& member : json.members) flatten(member.value, joined(path, member.key), leaves);
  } else if (json.is(Json::Kind::list) && std::any_of(json.items.begin(), json.items.end(),
                                                      [](const Json& one) { return one.is(Json::Kind::object); })) {
    for (std::size_t i = 0; i < json.items.size(); ++i) flatten(json.items[i], joined(path, i), leaves);
  } else {
    leaves.emplace_back(path, one_line(json));
  }
}

/// The visitor of fields.h that finds the fields which apply for some values of another one, and that one.
class Deciders {
 public:
  using Map = std::map<std::string, std::string>;  // paths

  template <class T>
  static void find(T& value, const std::string& path, Map& found) {
    Deciders deciders(path, found);
    fields(deciders, value);
  }

  template <class T>
  void field(std::string_view name, T&, std::string_view, const Rule& rule = {}) {
    if (!rule.decided_by.empty()) found_[joined(path_, name)] = joined(path_, rule.decided_by);
  }
  template <class T>
  void section(std::string_view name, T& value, std::string_view meaning, const Rule& rule = {}) {
    field(name, value, meaning, rule);
    find(value, joined(path_, name), found_);
  }
  template <class T>
  void optional_section(std::string_view name, std::optional<T>& value, std::string_view meaning,
                        const Rule& rule = {}) {
    field(name, value, meaning, rule);
    if (value) find(*value, joined(path_, name), found_);
  }
  template <class T>
  void sections(std::string_view name, std::vector<T>& values, std::string_view meaning, const Rule& rule = {}) {
    field(name, values, meaning, rule);
    for (std::size_t i = 0; i < values.size(); ++i) find(values[i], joined(joined(path_, name), i), found_);
  }
  // No block has fields that apply for some values only.
  void blocks(std::string_view, std::vector<Block>&, std::string_view, const Rule& = {}) {}
  void require(bool, std::string_view, std::string_view) {}

 private:
  Deciders(const std::string& path, Map& found) : path_(path), found_(found) {}

  const std::string& path_;
  Map& found_;
};

/// The deciding fields of a path and of the sections that hold it.
std::vector<std::string> deciders_of(const std::string& path, const Deciders::Map& deciders) {
  std::vector<std::string> all;
  for (std::size_t end = path.find('.');; end = path.find('.', end + 1)) {
    if (const auto found = deciders.find(path.substr(0, end)); found != deciders.end()) all.push_back(found->second);
    if (end == std::string::npos) return all;
  }
}

std::vector<std::pair<std::string, std::string>> leaves_of(const RunConfig& config) {
  RunConfig copy = config;
  std::vector<std::pair<std::string, std::string>> leaves;
  flatten(Writer::write(copy), "", leaves);
  return leaves;
}

}  // namespace

std::vector<Difference> differences(const RunConfig& first, const RunConfig& second) {
  const auto a = leaves_of(first), b = leaves_of(second);
  Deciders::Map deciders;
  for (RunConfig config : {first, second}) Deciders::find(config, "", deciders);
  const auto find = [](const auto& leaves, const std::string& path) {
    const auto found = std::find_if(leaves.begin(), leaves.end(), [&](const auto& leaf) { return leaf.first == path; });
    return found == leaves.end() ? std::string("(unset)") : found->second;
  };
  std::vector<Difference> all;
  for (const auto& [path, value] : a)
    if (const std::string other = find(b, path); other != value)
      all.push_back({path, value, other, deciders_of(path, deciders)});
  for (const auto& [path, value] : b)
    if (find(a, path) == "(unset)") all.push_back({path, "(unset)", value, deciders_of(path, deciders)});
  return all;
}

namespace {

const char* const network_name = "network.name";
const char* const probes = "probes";

bool is_inside(const std::string& path, const std::string& section) { return path.starts_with(section + "."); }

bool says_nothing(const std::string& path) {
  return path == "description" || path == "network.description" || path == "training.seed";
}

/// Whether configs of one network's name have one value: then the name says it.
bool follows_from_name(const std::vector<std::string>& values, const std::vector<std::string>& names) {
  std::map<std::string, std::string> by_name;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (names[i].empty() || by_name.emplace(names[i], values[i]).first->second != values[i]) return false;
  return true;
}

std::string without_quotes(const std::string& json) {
  const bool is_plain = json.size() > 2 && json.front() == '"' && json.find('\\') == std::string::npos;
  return is_plain ? json.substr(1, json.size() - 2) : json;
}

std::string probe_types(const RunConfig& config) {
  std::vector<std::string> types;
  for (const ProbeConfig& probe : config.probes) types.push_back(name_of(probe.type));
  return types.empty() ? "none" : join(types, " ");
}

bool all_equal(const std::vector<std::string>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end();
}

/// Adds the values of one of `count` configs.
void add_leaves(std::vector<Variation>& all, std::map<std::string, std::size_t>& places, const RunConfig& config,
                std::size_t index, std::size_t count) {
  const auto add = [&](const std::string& path, const std::string& value) {
    const auto [place, is_new] = places.emplace(path, all.size());
    if (is_new) all.push_back({path, std::vector<std::string>(count)});
    all[place->second].values[index] = value;
  };
  for (const auto& [path, value] : leaves_of(config))
    if (path != probes) add(path, without_quotes(value));
  add(probes, probe_types(config));
}

}  // namespace

std::vector<Variation> variations(const std::vector<const RunConfig*>& configs) {
  std::vector<Variation> all;
  std::map<std::string, std::size_t> places;
  Deciders::Map deciders;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    RunConfig copy = *configs[i];
    Deciders::find(copy, "", deciders);
    names.push_back(copy.network.name);
    add_leaves(all, places, copy, i, configs.size());
  }
  const bool same_probes = configs.empty() || all_equal(all[places.at(probes)].values);
  std::erase_if(all, [&](const Variation& one) {
    if (says_nothing(one.path) || (!same_probes && is_inside(one.path, probes))) return true;
    if (is_inside(one.path, "network") && one.path != network_name && follows_from_name(one.values, names)) return true;
    std::vector<std::string> values = one.values;
    if (!deciders_of(one.path, deciders).empty()) std::erase(values, "");
    return all_equal(values);
  });
  return all;
}

}  // namespace bnlab::config

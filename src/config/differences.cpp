#include "config/differences.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "config/experiment_codecs.h"
#include "config/fields.h"
#include "config/writer.h"

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

/// Those of a path and of the sections that hold it.
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

}  // namespace bnlab::config

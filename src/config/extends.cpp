#include "config/extends.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "config/load.h"
#include "config/text_file.h"
#include "util/errors.h"
#include "util/home.h"
#include "util/join.h"
#include "util/nearest.h"

namespace bnlab::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_files = 16;

void merge(Json& base, Json own) {
  if (!base.is(Json::Kind::object) || !own.is(Json::Kind::object)) {
    base = std::move(own);
    return;
  }
  base.origin = own.origin;
  for (JsonMember& member : own.members) {
    if (Json* there = base.find(member.key))
      merge(*there, std::move(member.value));
    else
      base.members.push_back(std::move(member));
  }
}

void remove(Json& object, std::string_view key) {
  std::erase_if(object.members, [&](const JsonMember& member) { return member.key == key; });
}

/// As --set does: a new name replaces layers that are written out, with all that was written for them; new layers
/// don't keep the name of others.
void leave_other_network(Json& base, const Json& own) {
  Json* network = base.find("network");
  const Json* chosen = own.find("network");
  if (!network || !chosen || !network->is(Json::Kind::object) || !chosen->is(Json::Kind::object)) return;
  if (chosen->find("layers"))
    remove(*network, "name");
  else if (chosen->find("name") && network->find("layers"))
    network->members.clear();
}

/// The files that have been read so far, the first one first.
class Chain {
 public:
  void add(const fs::path& file) {
    std::error_code error;
    fs::path whole = fs::canonical(file, error);
    files_.push_back({file.string(), error ? file : whole});
  }
  bool has(const fs::path& file) const {
    std::error_code error;
    return std::any_of(files_.begin(), files_.end(),
                       [&](const auto& one) { return fs::equivalent(one.second, file, error) && !error; });
  }
  std::size_t size() const { return files_.size(); }
  /// "a.json -> b.json -> a.json"
  std::string with(const fs::path& file) const {
    std::string text;
    for (const auto& [name, whole] : files_) text += name + " -> ";
    return text + file.string();
  }

 private:
  std::vector<std::pair<std::string, fs::path>> files_;
};

/// The file that `extends` names; empty, with a problem noted, where there is none that can be read.
fs::path find(const Json& extends, const fs::path& folder, const Chain& chain, Problems& problems) {
  const auto refuse = [&](const std::string& text) {
    problems.add(extends.origin, extends_key, text);
    return fs::path();
  };
  if (!extends.is(Json::Kind::text) || extends.text.empty())
    return refuse("must be the name of a config file, got " + shown(extends));
  fs::path file;
  try {
    file = (folder / with_home(extends.text)).lexically_normal();
  } catch (const ConfigError& error) {
    return refuse(error.what());
  }
  std::error_code error;
  if (!fs::exists(file, error)) {
    const fs::path parent = file.has_parent_path() ? file.parent_path() : fs::path(".");
    return refuse("no such file: " + file.string() + did_you_mean(file.stem().string(), json_names(parent)));
  }
  if (!fs::is_regular_file(file, error)) return refuse("must be a regular file, got " + file.string());
  if (chain.has(file)) return refuse("a cycle: " + chain.with(file));
  if (chain.size() >= most_files)
    return refuse("more than " + std::to_string(most_files) + " files: " + chain.with(file));
  return file;
}

}  // namespace

void extend(Json& root, const ConfigPlace& place, Problems& problems) {
  Chain chain;
  if (!place.file.empty()) chain.add(place.file);
  fs::path folder = place.folder;
  for (int layer = -1; const Json* extends = root.find(extends_key); --layer) {
    const fs::path file = extends->is(Json::Kind::null) ? fs::path() : find(*extends, folder, chain, problems);
    remove(root, extends_key);
    if (file.empty()) return;
    chain.add(file);
    const int source = problems.add_source({.label = file.string(), .layer = layer});
    Json base = parse_source(read_text(file), source, file.string());
    if (!base.is(Json::Kind::object)) {
      problems.add(base.origin, "", "must be an object, got " + shown(base));
      return;
    }
    leave_other_network(base, root);
    merge(base, std::move(root));
    root = std::move(base);
    folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  }
}

}  // namespace bnlab::config

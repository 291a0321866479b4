#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <system_error>

#include "config/codecs.h"
#include "config/extends.h"
#include "config/hints.h"
#include "config/json.h"
#include "config/overrides.h"
#include "config/problems.h"
#include "config/reader.h"
#include "config/text_file.h"
#include "config/writer.h"
#include "util/errors.h"
#include "util/home.h"
#include "util/join.h"

namespace bnlab::config {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t max_blocks = 20'000;
const char* const schema_key = "$schema";

std::optional<fs::path> find_network(const std::string& name, const std::vector<fs::path>& folders) {
  std::error_code error;
  for (const fs::path& folder : folders)
    if (const fs::path file = folder / "networks" / (name + ".json"); fs::is_regular_file(file, error)) return file;
  return std::nullopt;
}

std::vector<std::string> network_names_in(const std::vector<fs::path>& folders) {
  std::vector<std::string> names;
  for (const fs::path& folder : folders)
    for (const std::string& name : json_names(folder / "networks")) names.push_back(name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string folder_list(const std::vector<fs::path>& folders) {
  std::vector<std::string> names;
  for (const fs::path& folder : folders) names.push_back(folder.string());
  return join(names);
}

// The name inside a network file must be the file's name.
void check_name(const Json& network, const fs::path& file, Problems& problems) {
  const Json* name = network.find("name");
  if (!name || !name->is(Json::Kind::text) || name->text == file.stem().string()) return;
  problems.add(name->origin, "name",
               "must be the file's name, " + in_quotes(file.stem().string()) + ", got " + shown(*name));
}

// Reads the network file that `network` names and adds what it holds to it; the config's own values stay.
void fill_in_network(Json& network, const std::vector<fs::path>& folders, Problems& problems) {
  const Json* name = network.find("name");
  const std::optional<std::string> wanted = name ? text_in(*name, problems) : "";
  if (wanted == "") {
    problems.add(network.origin, "network", "needs a name or layers");
    return;
  }
  if (!wanted || !is_plain_file_name(*wanted)) return;  // the reader says so
  const auto file = find_network(*wanted, folders);
  if (!file) {
    const std::vector<std::string> known = network_names_in(folders);
    std::string text = "no networks/" + *wanted + ".json in " + folder_list(folders);
    text += known.empty() ? "" : "; there are " + join(known);
    problems.add(name->origin, "network.name", text + hint_text(*wanted, known));
    return;
  }
  const int source = problems.add_source({.label = file->string(), .section = "network"});
  Json found = parse_source(read_text(*file), source, file->string());
  if (!found.is(Json::Kind::object)) {
    problems.add(found.origin, "", "must be an object, got " + shown(found));
    return;
  }
  check_name(found, *file, problems);
  if (!found.find("layers")) problems.add(found.origin, "network.layers", "is required");
  for (JsonMember& member : found.members)
    if (member.key != schema_key && !network.find(member.key)) network.set(member.key, std::move(member.value));
}

// Number of blocks once every repeat is written out; stops counting beyond the limit.
std::int64_t count_blocks(const std::vector<Block>& layers) {
  std::int64_t count = 0;
  for (const Block& block : layers) {
    std::int64_t inner = 0;
    for (const std::vector<Block>* list : inner_layers(block))
      inner = std::min(inner + count_blocks(*list), max_blocks + 1);
    const auto* repeat = std::get_if<Repeat>(&block.spec);
    count = std::min(count + (repeat ? repeat->count * inner : 1 + inner), max_blocks + 1);
  }
  return count;
}

fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

void check_size(const NetworkConfig& network, const Origin& origin, const std::string& path, Problems& problems) {
  if (count_blocks(network.layers) > max_blocks)
    problems.add(origin, path, "more than " + std::to_string(max_blocks) + " blocks after expansion of every repeat");
}

void apply_overrides(const std::vector<Override>& overrides, Json& root, const std::vector<fs::path>& folders,
                     Problems& problems) {
  // A new name replaces layers that are written out, as they are in a resolved config.
  Json* network = root.find("network");
  if (network && network->find("layers") &&
      std::any_of(overrides.begin(), overrides.end(), [](const Override& change) { return change.names_network(); }))
    network->members.clear();
  for (const Override& change : overrides)
    if (!change.inside_layers()) apply(change, root, problems);
  network = root.find("network");
  if (network && network->is(Json::Kind::object) && !network->find("layers"))
    fill_in_network(*network, folders, problems);
  for (const Override& change : overrides)
    if (change.inside_layers()) apply(change, root, problems);
}

bool has_normalization_block(const std::vector<Block>& layers) {
  return std::any_of(layers.begin(), layers.end(), [](const Block& block) {
    if (std::holds_alternative<Normalization>(block.spec)) return true;
    const std::vector<const std::vector<Block>*> inner = inner_layers(block);
    return std::any_of(inner.begin(), inner.end(), [](const auto* list) { return has_normalization_block(*list); });
  });
}

// A missing type is most likely an oversight: no normalization is spelled "none".
std::string warning_of_type(const Json& root, const NetworkConfig& network) {
  const Json* section = root.find("normalization");
  if (section && section->find("type")) return "";
  std::vector<std::string> keys;
  if (section)
    for (const JsonMember& member : section->members) keys.push_back("normalization." + member.key);
  const std::string what = !keys.empty() ? join(keys) + (keys.size() > 1 ? " have" : " has") + " no effect"
                           : has_normalization_block(network.layers) ? "the network's normalization blocks do nothing"
                                                                     : "";
  return what.empty() ? "" : "normalization.type: left out, which means none: " + what;
}

}  // namespace

RunConfig load(const fs::path& file, const std::vector<std::string>& overrides, std::vector<std::string>* warnings) {
  return parse(read_text(file), overrides, folder_of(file), file.string(), file, "--set", warnings);
}

RunConfig parse(std::string_view text, const std::vector<std::string>& overrides, const fs::path& folder,
                const std::string& source, const fs::path& file, std::string_view option,
                std::vector<std::string>* warnings) {
  Problems problems;
  problems.look_for_keys_with(places_of_key);
  Json root = parse_source(text, problems.add_source({.label = source}), source);
  if (root.is(Json::Kind::object)) extend(root, {file.empty() ? folder : folder_of(file), file}, problems);
  problems.raise();  // what is missing then is most likely in a file that was not found
  const std::vector<Override> changes = parse_overrides(overrides, option, problems);
  for (const Override& change : changes)
    if (change.path.front() == extends_key)
      problems.add(change.value.origin, extends_key, "must be set in the config file, not with --set");
  if (root.is(Json::Kind::object)) apply_overrides(changes, root, config_folders(folder), problems);
  RunConfig config;
  Reader::read(root, "", config, problems, {schema_key});
  if (problems.none())
    check_size(config.network, root.find("network")->find("layers")->origin, "network.layers", problems);
  problems.raise();
  if (warnings)
    if (std::string warning = warning_of_type(root, config.network); !warning.empty())
      warnings->push_back(std::move(warning));
  return config;
}

NetworkConfig load_network(const fs::path& file) {
  Problems problems;
  const Json root = parse_source(read_text(file), problems.add_source({.label = file.string()}), file.string());
  NetworkConfig network;
  Reader::read(root, "", network, problems, {schema_key});
  if (root.is(Json::Kind::object)) {
    check_name(root, file, problems);
    if (!root.find("layers")) problems.add(root.origin, "layers", "is required");
  }
  if (problems.none()) check_size(network, root.find("layers")->origin, "layers", problems);
  problems.raise();
  network.name = file.stem().string();
  return network;
}

bool is_network_file(const fs::path& file) {
  const Json root = parse_source(read_text(file), 0, file.string());
  return root.is(Json::Kind::object) && root.find("layers") && !root.find("dataset");
}

void refuse_result_file(const fs::path& file) {
  const Json root = parse_source(read_text(file), 0, file.string());
  if (!root.is(Json::Kind::object)) return;
  if (root.find("status") && root.find("last_step"))
    throw ConfigError(fmt::format("{}: this is the result of a run; its config is {}", file.string(),
                                  (file.parent_path() / "config.json").string()));
  if (root.find("verdict") && root.find("experiment"))
    throw ConfigError(fmt::format("{}: this is the verdict of a sweep; its experiment is {}", file.string(),
                                  (file.parent_path() / "experiment.json").string()));
}

bool is_schema_file(const fs::path& file) {
  const Json root = parse_source(read_text(file), 0, file.string());
  const Json* schema = root.is(Json::Kind::object) ? root.find(schema_key) : nullptr;
  return schema && schema->is(Json::Kind::text) && schema->text.find("//json-schema.org/") != std::string::npos;
}

std::string to_json(const RunConfig& config) {
  RunConfig copy = config;  // the table of fields takes what it may change
  return format_json(Writer::write(copy));
}

std::vector<fs::path> config_folders(const fs::path& folder) {
  std::vector<fs::path> folders{folder};
  if (const char* variable = std::getenv("BNLAB_CONFIGS"); variable && *variable)
    folders.emplace_back(with_home(variable, "BNLAB_CONFIGS"));
  std::error_code error;
  if (const fs::path program = fs::read_symlink("/proc/self/exe", error); !error) {
    folders.push_back(program.parent_path() / "../../configs");
    folders.push_back(program.parent_path() / "../share/bnlab/configs");
  }
  folders.emplace_back("configs");
  std::vector<fs::path> distinct;
  for (const fs::path& one : folders) {
    const fs::path normal = one.lexically_normal();
    if (std::find(distinct.begin(), distinct.end(), normal) == distinct.end()) distinct.push_back(normal);
  }
  return distinct;
}

std::vector<std::string> json_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".json") names.push_back(entry->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> network_names() { return network_names_in(config_folders(".")); }

}  // namespace bnlab::config

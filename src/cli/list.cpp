#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/command.h"
#include "config/experiment.h"
#include "config/families.h"
#include "config/load.h"
#include "util/errors.h"

namespace bnlab::cli {
namespace {

using config::Family;
using config::KindEntry;
namespace fs = std::filesystem;

Family datasets() {
  Family family{"datasets", {}};
  for (const data::DatasetInfo& info : data::datasets()) {
    const auto folder = data::locate({.name = info.name, .path = ""});
    const std::string own = data::place_of_own(info.name);
    const std::string where = !own.empty()      ? "named by dataset.path: " + own
                              : !folder         ? "not found; get it with scripts/fetch_data.sh " + info.name
                              : folder->empty() ? "generated as dataset.synthetic specifies; needs no file"
                                                : folder->string();
    family.kinds.push_back({.name = info.name,
                            .meaning = info.meaning,
                            .where = where,
                            .traits = {{"channels", info.channels},
                                       {"height", info.height},
                                       {"width", info.width},
                                       {"classes", info.classes},
                                       {"has_targets", info.has_targets}}});
  }
  return family;
}

/// The text that a file has about itself.
template <class Read>
std::string about(const Read& read) {
  try {
    return read();
  } catch (const ConfigError&) {
    return "invalid; `bnlab validate` says why";
  }
}

/// The first file of each name counts.
Family family_of(const char* name, const std::map<std::string, std::string>& meanings) {
  Family family{name, {}};
  for (const auto& [one, meaning] : meanings) family.kinds.push_back({.name = one, .meaning = meaning});
  return family;
}

Family networks() {
  std::map<std::string, std::string> found;
  for (const fs::path& folder : config::config_folders("."))
    for (const std::string& name : config::json_names(folder / "networks"))
      if (!found.contains(name))
        found[name] = about([&] { return config::load_network(folder / "networks" / (name + ".json")).description; });
  return family_of("networks", found);
}

/// The experiment files of the checkout or the installation, which lie beside the folder of configs.
Family experiments() {
  std::map<std::string, std::string> found;
  for (const fs::path& configs : config::config_folders("configs")) {
    const fs::path folder = configs / "../experiments";
    for (const std::string& name : config::experiment_names(folder))  // none in a folder that is not there
      if (!found.contains(name))
        found[name] = about([&] { return config::load_experiment(folder / (name + ".json")).claim; });
  }
  return family_of("experiments", found);
}

/// Each makes one or more families when it is asked for.
std::vector<Family> families() {
  std::vector<Family> all{datasets(), networks()};
  for (Family& family : config::families()) all.push_back(std::move(family));
  all.push_back(experiments());
  return all;
}

std::string text_of(const Family& family) {
  std::vector<std::vector<std::string>> rows;
  for (const KindEntry& kind : family.kinds) {
    const std::string source = kind.paper.empty() ? "" : " (" + kind.paper + ")";
    rows.push_back({kind.name, kind.meaning + source, kind.where});
  }
  return table(rows, 3);
}

void list(const std::string& wanted, bool as_json) {
  std::vector<Family> all = families();
  if (!wanted.empty()) std::erase_if(all, [&](const Family& family) { return family.name != wanted; });
  if (as_json) return say("{}", config::families_json(all));
  for (const Family& family : all) {
    if (wanted.empty()) say("{}{}:\n", &family == &all.front() ? "" : "\n", family.name);
    say("{}", text_of(family));
  }
}

/// Of all families, without a look at the files that some of them are about.
std::vector<std::string> family_names() {
  std::vector<std::string> names{"datasets", "networks"};
  for (const Family& family : config::families()) names.push_back(family.name);
  names.emplace_back("experiments");
  return names;
}

}  // namespace

void add_list(Command program, Context&) {
  const auto wanted = std::make_shared<std::string>();
  const auto as_json = std::make_shared<bool>(false);
  const std::vector<std::string> names = family_names();
  Command command =
      program.add_command("list", "list the names that configs and experiments can use, and what they mean");
  command.add_option("FAMILY", *wanted, fmt::format("one of: {}", fmt::join(names, ", "))).one_of(names);
  command.add_flag("--json", *as_json, "print JSON: for each family a list of its kinds with their properties");
  command.footer(
      "Examples:\n"
      "  bnlab list\n"
      "  bnlab list datasets      # each with its folder, or how to get it\n"
      "  bnlab list normalizations\n"
      "  bnlab list normalizations --json | jq '.normalizations[] | select(.absorbs_bias) | .name'");
  command.callback([wanted, as_json] { list(*wanted, *as_json); });
}

}  // namespace bnlab::cli

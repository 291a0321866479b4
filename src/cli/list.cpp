#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <set>

#include "cli/command.h"
#include "config/experiment.h"
#include "config/load.h"
#include "config/names.h"

namespace bnlab::cli {
namespace {

struct Kind {
  const char* name;
  std::function<std::vector<std::string>()> items;
};

std::vector<std::string> datasets() {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& name : data::dataset_names()) {
    const auto folder = data::locate({.name = name, .path = ""});
    if (!folder)
      rows.push_back({name, "not found; get it with scripts/fetch_data.sh " + name});
    else
      rows.push_back({name, folder->empty() ? "made as dataset.synthetic says; needs no file" : folder->string()});
  }
  return {table(rows, 2)};
}

/// The experiment files of the checkout or the installation, which lie beside the folder of configs.
std::vector<std::string> experiments() {
  std::set<std::string> found;
  for (const std::filesystem::path& configs : config::config_folders("configs")) {
    // A folder that isn't there holds none.
    for (const std::string& name : config::experiment_names(configs / "../experiments")) found.insert(name + "\n");
  }
  return {found.begin(), found.end()};
}

template <class E>
std::vector<std::string> names() {
  std::vector<std::string> names = config::names_of<E>();
  for (std::string& name : names) name += "\n";
  return names;
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> table{
      {"datasets", datasets},
      {"networks",
       [] {
         std::vector<std::string> found = config::network_names();
         for (std::string& name : found) name += "\n";
         return found;
       }},
      {"normalizations", names<config::NormalizationType>},
      {"initializations", names<config::InitializationScheme>},
      {"optimizers", names<config::OptimizerType>},
      {"probes", names<config::ProbeType>},
      {"experiments", experiments},
  };
  return table;
}

void list(const std::string& wanted) {
  for (const Kind& kind : kinds()) {
    if (!wanted.empty() && wanted != kind.name) continue;
    if (wanted.empty()) fmt::print("{}:\n", kind.name);
    for (const std::string& item : kind.items()) fmt::print("{}", item);
    if (wanted.empty() && &kind != &kinds().back()) fmt::print("\n");
  }
}

}  // namespace

void add_list(CLI::App& app, Context&) {
  const auto wanted = std::make_shared<std::string>();
  std::vector<std::string> names;
  for (const Kind& kind : kinds()) names.emplace_back(kind.name);
  CLI::App* command = app.add_subcommand("list", "list what a config can name");
  command->add_option("KIND", *wanted, fmt::format("one of: {}", fmt::join(names, ", ")))->check(CLI::IsMember(names));
  command->footer(
      "Examples:\n"
      "  bnlab list\n"
      "  bnlab list datasets      each with its folder, or how to get it\n"
      "  bnlab list networks");
  command->callback([wanted] { list(*wanted); });
}

}  // namespace bnlab::cli

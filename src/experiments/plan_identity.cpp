#include "experiments/plan_identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "config/experiment.h"
#include "experiments/run_folders.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;

const char* const plan_column = "plan";

std::string settings_text(const config::Lines& settings) {
  return settings.lines.empty() ? "none" : join(settings.lines);
}

std::set<std::string> values_in(const CsvTable& table, const char* column) {
  std::set<std::string> values;
  if (const auto place = table.find(column))
    for (const std::vector<std::string>& row : table.rows) values.insert(row[*place]);
  return values;
}

/// In what a table of another plan differs, as far as its rows show it.
std::string difference_of(const CsvTable& runs, const Plan& plan) {
  std::set<std::string> seeds, arms;
  for (const PlannedRun& run : plan.runs) seeds.insert(std::to_string(run.seed));
  for (const config::ArmConfig& arm : plan.experiment.arms) arms.insert(arm.name);
  for (const std::string& arm : values_in(runs, "arm"))
    if (!arms.contains(arm)) return fmt::format("it has the arm {}", arm);
  if (const std::set<std::string> theirs = values_in(runs, "seed"); theirs != seeds)
    return fmt::format("its seeds are {}, those of the experiment {}", fmt::join(theirs, ", "), fmt::join(seeds, ", "));
  std::set<std::string> hashes;
  for (const PlannedRun& run : plan.runs) hashes.insert(RunFolders::hash_in(run.name));
  for (const std::string& run : values_in(runs, "run"))
    if (!hashes.contains(RunFolders::hash_in(run)))
      return fmt::format("the experiment has no run with the config of its run {}", run);
  for (const std::string& run : values_in(runs, "run")) hashes.erase(RunFolders::hash_in(run));
  for (const PlannedRun& run : plan.runs)
    if (hashes.contains(RunFolders::hash_in(run.name)))
      return fmt::format("it has no row for {} runs, such as {} with seed {}", hashes.size(),
                         plan.points[run.point].label, run.seed);
  return "its profile, quantities or criteria differ";
}

}  // namespace

std::vector<std::string> files_of_a_plan() {
  return {"experiment.json", "runs.csv", "verdict.json", "summary.csv", "figure.csv", "figure.png", "figure.svg"};
}

std::optional<config::ExperimentConfig> experiment_in(const fs::path& directory) {
  const fs::path file = directory / "experiment.json";
  if (!is_there(file)) return std::nullopt;
  return config::load_experiment(file, Place::results);
}

std::string plan_of(const config::ExperimentConfig& experiment) {
  if (!experiment.plan.empty()) return experiment.plan;
  try {
    return make_plan(experiment).hash;
  } catch (const ConfigError&) {
    return "unknown";
  }
}

std::string plan_of(const CsvTable& table) {
  const auto column = table.find(plan_column);
  return column && !table.rows.empty() ? table.rows.front()[*column] : "";
}

std::string plan_of_csv(const fs::path& file) { return is_there(file) ? plan_of(read_csv(file)) : ""; }

void refuse_edited(const config::ExperimentConfig& experiment, const Plan& plan, const fs::path& file) {
  if (experiment.plan.empty() || experiment.plan == plan.hash) return;
  throw ConfigError(
      fmt::format("{}: was changed after the sweep: the hash of its plan is {}, but it states {}. Nothing is judged; "
                  "change the experiment's own file and sweep it again",
                  file.string(), plan.hash, experiment.plan));
}

std::string seeds_text(std::vector<std::uint64_t> seeds) {
  std::ranges::sort(seeds);
  const bool is_range = seeds.size() > 2 && seeds.back() - seeds.front() == seeds.size() - 1;
  return is_range ? fmt::format("{} to {}", seeds.front(), seeds.back()) : fmt::format("{}", fmt::join(seeds, ", "));
}

void refuse_other_plan(const CsvTable& runs, const Plan& plan, const fs::path& file) {
  const std::string theirs = plan_of(runs);
  if (theirs.empty() || theirs == plan.hash) return;
  throw DataError(
      fmt::format("{}: belongs to another plan ({}) than experiment.json ({}): {}. Nothing is judged; call bnlab sweep "
                  "again, or move the file away if the directories of the runs exist",
                  file.string(), theirs, plan.hash, difference_of(runs, plan)));
}

bool is_defined_alike(const std::string& name, const config::ExperimentConfig& a, const config::ExperimentConfig& b) {
  const auto definition = [&](const config::ExperimentConfig& experiment) {
    config::QuantityConfig quantity;
    for (const config::QuantityConfig& one : experiment.quantities)
      if (one.name == name) quantity = one;
    quantity.meaning = quantity.unit = "";
    quantity.factor_to = config::FactorTo::next;
    return quantity;
  };
  return definition(a) == definition(b);
}

std::vector<std::string> conflicts(const config::ExperimentConfig& earlier, const Plan& plan) {
  const config::ExperimentConfig& now = plan.experiment;
  if (plan_of(earlier) == plan.hash) return {};
  std::vector<std::string> lines;
  if (earlier.profile != now.profile)
    lines.push_back(fmt::format("profile: {} in the directory, {} requested", earlier.profile, now.profile));
  const std::set<std::uint64_t> before(earlier.seeds.list.begin(), earlier.seeds.list.end()),
      seeds(now.seeds.list.begin(), now.seeds.list.end());
  if (!std::ranges::includes(seeds, before))
    lines.push_back(fmt::format("seeds: {} in the directory, {} requested", seeds_text(earlier.seeds.list),
                                seeds_text(now.seeds.list)));
  // An earlier version did not write down its --set.
  if (!earlier.plan.empty() && earlier.settings != now.settings)
    lines.push_back(fmt::format("--set: {} in the directory, {} requested", settings_text(earlier.settings),
                                settings_text(now.settings)));
  return lines;
}

}  // namespace bnlab::experiments

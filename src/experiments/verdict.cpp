#include "experiments/verdict.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "config/experiment.h"
#include "config/experiment_fields.h"
#include "experiments/collect.h"
#include "experiments/comparison.h"
#include "experiments/doubts.h"
#include "experiments/evidence.h"
#include "experiments/plan_identity.h"
#include "experiments/run_folders.h"
#include "experiments/runs_csv.h"
#include "experiments/set_aside.h"
#include "experiments/shown_effect.h"
#include "experiments/warnings.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/printable.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using config::CriterionConfig;
using Json = nlohmann::ordered_json;

// Non-finite numbers are no JSON: null where there is none, "inf" or "-inf".
Json json_number(double value) {
  if (std::isnan(value)) return nullptr;
  return std::isinf(value) ? Json(value > 0 ? "inf" : "-inf") : Json(value);
}

const char* name_of(Bound bound) {
  switch (bound) {
    case Bound::at_least:
      return "at_least";
    case Bound::at_most:
      return "at_most";
    case Bound::exact:
      break;
  }
  return "exact";
}

/// The effect and its thresholds as tables, figures and pages show them.
Json shown_json(const CriterionConfig& criterion, const ShownEffect& shown) {
  Json json = {{"text", text_of(shown)},
               {"claimed", claim_text(criterion, shown)},
               {"unit", shown.unit},
               {"effect", json_number(shown.effect)},
               {"effect_is", name_of(shown.bound)},
               {"interval", nullptr}};
  if (shown.interval) json["interval"] = {json_number(shown.interval->low), json_number(shown.interval->high)};
  const auto add = [&](const char* key, const std::optional<double>& value) {
    if (value) json[key] = json_number(*value);
  };
  add("at_least", shown.at_least);
  add("more_than", shown.more_than);
  add("at_most", shown.at_most);
  add("less_than", shown.less_than);
  add("within", shown.within);
  return json;
}

Json criterion_json(const config::ExperimentConfig& experiment, const CriterionConfig& criterion,
                    const Judgement& judgement) {
  Json json = {{"name", criterion.name},
               {"meaning", criterion.meaning},
               {"type", config::name_of(criterion.type)},
               {"quantity", criterion.quantity},
               {"arms", criterion.arms}};
  if (!criterion.weights.empty()) json["weights"] = criterion.weights;
  if (criterion.at_least) json["at_least"] = *criterion.at_least;
  if (criterion.more_than) json["more_than"] = *criterion.more_than;
  if (criterion.at_most) json["at_most"] = *criterion.at_most;
  if (criterion.less_than) json["less_than"] = *criterion.less_than;
  if (row_of(criterion.type).claim == config::ClaimType::tolerance) json["within"] = criterion.within.value_or(0);
  json["threshold_source"] = criterion.source;
  json["effect"] = json_number(judgement.effect);
  json["effect_is"] = name_of(judgement.bound);
  json["interval"] = Json(nullptr);
  if (judgement.interval)
    json["interval"] = {json_number(judgement.interval->low), json_number(judgement.interval->high)};
  json["shown"] = shown_json(criterion, shown_effect(experiment, criterion, judgement));
  json["seeds"] = judgement.seeds;
  json["verdict"] = name_of(judgement.verdict);
  json["explanation"] = judgement.explanation;
  return json;
}

Json choice_json(const Choice& choice) {
  Json candidates = Json::array();
  for (const auto& [point, mean] : choice.candidates)
    candidates.push_back({{"point", point}, {"mean", json_number(mean)}});
  Json json = {{"arm", choice.arm},
               {"of", choice.of},
               {"quantity", choice.quantity},
               {"chosen", choice.point},
               {"mean", json_number(choice.mean)},
               {"candidates", std::move(candidates)}};
  if (choice.by != choice.of) json["chosen_by"] = choice.by;
  return json;
}

/// An earlier verdict; null where there is none that can be read.
Json earlier_verdict(const fs::path& file) {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 28;
  if (!is_there(file)) return nullptr;
  try {
    Json json = Json::parse(read_file(file, most_bytes, Place::results), nullptr, false);
    if (json.is_object()) return json;
  } catch (const ReadError&) {
    throw;
  } catch (const DataError&) {
  }
  return nullptr;
}

/// The most seeds of the verdicts that the directory has or had, 0 without any.
std::size_t seeds_of_earlier(const fs::path& directory) {
  std::vector<fs::path> folders = earlier_plans(directory);
  folders.push_back(directory);
  std::size_t seeds = 0;
  for (const fs::path& folder : folders) {
    const Json json = earlier_verdict(folder / "verdict.json");
    if (const auto list = json.find("seeds"); list != json.end() && list->is_array())
      seeds = std::max(seeds, list->size());
    if (const auto more = json.find("seeds_before"); more != json.end() && more->is_number_unsigned())
      seeds = std::max(seeds, more->get<std::size_t>());
  }
  return seeds;
}

/// A table, where it is there and can be read.
CsvTable parsed_table(const fs::path& file) {
  if (!is_there(file)) return {};
  try {
    return read_csv(file);
  } catch (const ReadError&) {
    throw;
  } catch (const DataError&) {  // whoever needs its rows reports it, or writes it anew from the runs
    return {};
  }
}

/// Files of another plan beside a verdict, one line each.
std::vector<std::string> stale_files(const fs::path& directory, const Plan& plan) {
  std::vector<std::string> lines;
  for (const auto& [name, remedy] :
       {std::pair("figure.csv", "the figure shows other runs; scripts/plot.py draws it again"),
        std::pair("summary.csv", "bnlab sweep writes it again")}) {
    try {
      const std::string theirs = plan_of_csv(directory / name);
      if (!theirs.empty() && theirs != plan.hash)
        lines.push_back(fmt::format("{} belongs to another plan ({}, not {}): {}", name, theirs, plan.hash, remedy));
    } catch (const DataError& error) {
      lines.emplace_back(error.what());
    }
  }
  return lines;
}

/// False for a folder of somebody else, or of a file system that is read-only. What else may fail is found by writing.
bool may_write(const fs::path& directory) {
  return ::access(directory.c_str(), W_OK) == 0 || (errno != EACCES && errno != EROFS && errno != EPERM);
}

}  // namespace

ExperimentVerdict judge_runs(const Plan& plan, const RunTable& table) {
  ExperimentVerdict verdict{plan.experiment,
                            Verdict::inconclusive,
                            {},
                            choices(table, plan),
                            {},
                            {},
                            doubts_about(table, plan),
                            {},
                            plan.hash,
                            {},
                            0,
                            0,
                            0,
                            summarize(plan, table),
                            {},
                            {}};
  const auto warn = [&](std::string warning) {
    if (!warning.empty()) verdict.warnings.push_back(std::move(warning));
  };
  verdict.warnings = verdict.doubts;
  for (std::string& difference : differences_between_runs(table)) warn(std::move(difference));
  for (const Choice& choice : verdict.choices) warn(edge_of_choice(choice, plan));
  for (const CriterionConfig& criterion : plan.experiment.criteria) {
    const Evidence evidence = evidence_for(criterion, table, plan);
    const ShownNumbers numbers = shown_numbers(plan.experiment, criterion);
    verdict.judgements.push_back(judge(criterion, evidence, numbers));
    warn(deciding_seed(criterion, evidence, verdict.judgements.back(), numbers));
  }
  verdict.verdict = combine(verdict.judgements);
  std::set<std::string> revisions;
  std::set<std::string> counted;  // a best_of has runs of another arm, and equal arms have the same
  for (const RunRow& row : table.rows) {
    if (!counted.insert(row.run).second) continue;
    if (!row.git_revision.empty()) revisions.insert(row.git_revision);
    verdict.completed += row.status == RunState::completed ? 1 : 0;
    verdict.diverged += row.status == RunState::diverged ? 1 : 0;
    if (!is_finished(row) || !row.error.empty())
      verdict.unfinished.push_back(row.run + ": " + name_of(row.status) + (row.error.empty() ? "" : ": " + row.error));
  }
  verdict.revisions.assign(revisions.begin(), revisions.end());
  return verdict;
}

ExperimentVerdict judge_directory(const fs::path& directory, training::Check check, ReadOnly read_only) {
  const bool writes = read_only == ReadOnly::is_error || may_write(directory);
  const fs::path file = directory / "experiment.json";
  if (!is_there(file))
    throw ConfigError(fmt::format("{}: is not the directory of a sweep: {}{}", directory.string(),
                                  is_there(directory) ? "it has no experiment.json" : "there is no such folder",
                                  sweeps_below(directory)));
  const config::ExperimentConfig experiment = config::load_experiment(file, Place::results);
  const Plan plan = make_plan(experiment);
  refuse_edited(experiment, plan, file);
  const fs::path runs_csv = directory / "runs.csv";
  const RunFolders folders(directory);
  const bool has_runs =
      std::any_of(plan.runs.begin(), plan.runs.end(), [&](const PlannedRun& run) { return folders.has(run); });
  refuse_other_plan(parsed_table(runs_csv), plan, runs_csv);
  const bool collects = has_runs || !is_there(runs_csv);
  const RunTable collected = collects ? collect(plan, directory, check) : empty_table(plan);
  if (collects && writes) write_file_atomically(runs_csv, to_csv(collected));
  // From the file wherever it is up to date, so that a verdict is the same with and without the run directories.
  ExperimentVerdict verdict = judge_runs(plan, collects && !writes ? collected : read_run_table(runs_csv, plan));
  verdict.directory = directory;
  const std::size_t seeds = plan.experiment.seeds.list.size();
  if (const std::size_t before = seeds_of_earlier(directory); before > seeds) {
    verdict.seeds_before = before;
    verdict.warnings.push_back(fewer_seeds(seeds, before));
  }
  if (writes) {
    write_file_atomically(directory / "summary.csv", to_csv(verdict.summary));
    write_file_atomically(directory / "verdict.json", to_json(verdict));
  } else {
    verdict.unwritten = fmt::format("{}: cannot be written; its runs.csv, summary.csv and verdict.json are unchanged",
                                    directory.string());
  }
  verdict.stale = stale_files(directory, plan);
  return verdict;
}

std::string plan_of_verdict(const fs::path& file) {
  const Json json = earlier_verdict(file);
  const auto plan = json.find("plan");
  return plan != json.end() && plan->is_string() ? plan->get<std::string>() : "";
}

std::vector<std::string> all_warnings(const ExperimentVerdict& verdict) {
  std::vector<std::string> all = verdict.warnings;
  all.insert(all.end(), verdict.stale.begin(), verdict.stale.end());
  return all;
}

std::string to_json(const ExperimentVerdict& verdict) {
  const config::ExperimentConfig& experiment = verdict.experiment;
  Json criteria = Json::array();
  for (std::size_t i = 0; i < verdict.judgements.size(); ++i)
    criteria.push_back(criterion_json(experiment, experiment.criteria[i], verdict.judgements[i]));
  Json chosen = Json::array();
  for (const Choice& choice : verdict.choices) chosen.push_back(choice_json(choice));
  Json json = {{"experiment", experiment.name},
               {"profile", experiment.profile},
               {"plan", verdict.plan},
               {"part", experiment.part},
               {"claim", experiment.claim},
               {"source", experiment.source},
               {"verdict", name_of(verdict.verdict)},
               {"seeds", experiment.seeds.list},
               {"criteria", std::move(criteria)},
               {"choices", std::move(chosen)},
               {"runs_completed", verdict.completed},
               {"runs_diverged", verdict.diverged},
               {"runs_without_result", verdict.unfinished},
               {"warnings", verdict.warnings},
               {"git_revisions", verdict.revisions},
               {"finding", experiment.finding}};
  if (!verdict.doubts.empty()) json["doubts"] = verdict.doubts;
  if (verdict.seeds_before > 0) json["seeds_before"] = verdict.seeds_before;
  return printable(json.dump(2, ' ', false, Json::error_handler_t::replace)) + "\n";
}

}  // namespace bnlab::experiments

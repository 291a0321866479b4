#include "experiments/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "config/experiment.h"
#include "config/experiment_fields.h"
#include "experiments/collect.h"
#include "experiments/doubts.h"
#include "experiments/evidence.h"
#include "experiments/plan_identity.h"
#include "experiments/run_folders.h"
#include "experiments/runs_csv.h"
#include "experiments/set_aside.h"
#include "experiments/warnings.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/join.h"
#include "util/printable.h"
#include "util/result_file.h"
#include "util/text_table.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using config::CriterionConfig;
using Json = nlohmann::ordered_json;

std::string number(double value) {
  if (std::isnan(value)) return "none";
  return fmt::format("{:.4g}", value);
}

std::string interval_text(const Judgement& judgement) {
  return judgement.interval ? fmt::format("[{}, {}]", number(judgement.interval->low), number(judgement.interval->high))
                            : "none";
}

std::string effect_text(const Judgement& judgement) {
  const char* sign = judgement.bound == Bound::at_least ? ">= " : judgement.bound == Bound::at_most ? "<= " : "";
  return std::isnan(judgement.effect) ? "none" : sign + number(judgement.effect);
}

std::string threshold_text(const CriterionConfig& criterion) {
  switch (row_of(criterion.type).claim) {
    case config::ClaimType::tolerance:
      return "within " + number(criterion.within.value_or(0));
    case config::ClaimType::above_zero:
      return "in this order";
    case config::ClaimType::thresholds:
      break;
  }
  std::vector<std::string> parts;
  if (criterion.at_least) parts.push_back(">= " + number(*criterion.at_least));
  if (criterion.more_than) parts.push_back("> " + number(*criterion.more_than));
  if (criterion.at_most) parts.push_back("<= " + number(*criterion.at_most));
  if (criterion.less_than) parts.push_back("< " + number(*criterion.less_than));
  return fmt::format("{}", fmt::join(parts, ", "));
}

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

Json criterion_json(const CriterionConfig& criterion, const Judgement& judgement) {
  Json json = {{"name", criterion.name},
               {"meaning", criterion.meaning},
               {"type", config::name_of(criterion.type)},
               {"quantity", criterion.quantity},
               {"arms", criterion.arms}};
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
  json["seeds"] = judgement.seeds;
  json["verdict"] = name_of(judgement.verdict);
  json["explanation"] = judgement.explanation;
  return json;
}

Json choice_json(const Choice& choice) {
  Json candidates = Json::array();
  for (const auto& [point, mean] : choice.candidates)
    candidates.push_back({{"point", point}, {"mean", json_number(mean)}});
  return {{"arm", choice.arm},
          {"of", choice.of},
          {"quantity", choice.quantity},
          {"chosen", choice.point},
          {"mean", json_number(choice.mean)},
          {"candidates", std::move(candidates)}};
}

/// The text as a cell of a Markdown table, with special characters escaped.
std::string in_cell(const std::string& text) {
  const std::string special = "\\|`*<[";
  std::string escaped;
  for (const char c : on_one_line(text)) {
    if (special.find(c) != std::string::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
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
  } catch (const DataError&) {  // told, or written anew from the runs, by whoever needs its rows
    return {};
  }
}

/// Files of another plan beside a verdict, one line each.
std::vector<std::string> stale_files(const fs::path& directory, const Plan& plan) {
  std::vector<std::string> lines;
  for (const auto& [name, remedy] : {std::pair("figure.csv", "the figure shows other runs; draw it again with plot.py"),
                                     std::pair("summary.csv", "bnlab sweep writes it again")}) {
    try {
      const std::string theirs = plan_of_csv(directory / name);
      if (!theirs.empty() && theirs != plan.hash)
        lines.push_back(fmt::format("{} is of another plan ({}, not {}): {}", name, theirs, plan.hash, remedy));
    } catch (const DataError& error) {
      lines.emplace_back(error.what());
    }
  }
  return lines;
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
                            summarize(plan, table)};
  const auto warn = [&](std::string warning) {
    if (!warning.empty()) verdict.warnings.push_back(std::move(warning));
  };
  verdict.warnings = verdict.doubts;
  for (std::string& difference : differences_between_runs(table)) warn(std::move(difference));
  for (const Choice& choice : verdict.choices) warn(edge_of_choice(choice, plan));
  for (const CriterionConfig& criterion : plan.experiment.criteria) {
    const Evidence evidence = evidence_for(criterion, table, plan);
    warn(deciding_seed(criterion, evidence, verdict.judgements.emplace_back(judge(criterion, evidence))));
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

ExperimentVerdict judge_directory(const fs::path& directory, training::Check check) {
  const fs::path file = directory / "experiment.json";
  if (!is_there(file))
    throw ConfigError(fmt::format("{}: holds no sweep: it has no experiment.json", directory.string()));
  const config::ExperimentConfig experiment = config::load_experiment(file, Place::results);
  const Plan plan = make_plan(experiment);
  refuse_edited(experiment, plan, file);
  const fs::path runs_csv = directory / "runs.csv";
  const RunFolders folders(directory);
  const bool has_runs =
      std::any_of(plan.runs.begin(), plan.runs.end(), [&](const PlannedRun& run) { return folders.has(run); });
  refuse_other_plan(parsed_table(runs_csv), plan, runs_csv);
  if (has_runs || !is_there(runs_csv)) write_file_atomically(runs_csv, to_csv(collect(plan, directory, check)));
  // Always from the file, so that a verdict is the same with and without the run directories.
  ExperimentVerdict verdict = judge_runs(plan, read_run_table(runs_csv, plan));
  const std::size_t seeds = plan.experiment.seeds.list.size();
  if (const std::size_t before = seeds_of_earlier(directory); before > seeds) {
    verdict.seeds_before = before;
    verdict.warnings.push_back(fewer_seeds(seeds, before));
  }
  write_file_atomically(directory / "summary.csv", to_csv(verdict.summary));
  write_file_atomically(directory / "verdict.json", to_json(verdict));
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
    criteria.push_back(criterion_json(experiment.criteria[i], verdict.judgements[i]));
  Json chosen = Json::array();
  for (const Choice& choice : verdict.choices) chosen.push_back(choice_json(choice));
  Json json = {{"experiment", experiment.name},
               {"profile", experiment.profile},
               {"plan", verdict.plan},
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

std::string text_table(const std::vector<ExperimentVerdict>& verdicts) {
  std::vector<std::vector<std::string>> rows{
      {"experiment", "criterion", "threshold", "verdict", "effect", "95 % interval", "seeds"}};
  std::map<std::size_t, std::string> above, below;  // rows
  for (const ExperimentVerdict& one : verdicts) {
    above[rows.size()] = on_one_line(one.experiment.claim + " - " + one.experiment.source);
    for (std::size_t i = 0; i < one.judgements.size(); ++i) {
      const CriterionConfig& criterion = one.experiment.criteria[i];
      const Judgement& judgement = one.judgements[i];
      rows.push_back({i == 0 ? one.experiment.name : "", criterion.name, threshold_text(criterion),
                      name_of(judgement.verdict), effect_text(judgement), interval_text(judgement),
                      std::to_string(judgement.seeds)});
    }
    if (!one.experiment.finding.empty()) below[rows.size()] = "finding: " + on_one_line(one.experiment.finding);
    rows.push_back({"", "= " + one.experiment.name, "", name_of(one.verdict), "", "", ""});
  }
  std::istringstream lines(table(rows, 4));
  std::string text, line;
  for (std::size_t row = 0; std::getline(lines, line); ++row) {
    if (const auto found = above.find(row); found != above.end()) text += found->second + "\n";
    text += line + "\n";
    if (const auto found = below.find(row); found != below.end()) text += found->second + "\n";
  }
  return text;
}

namespace {

/// The first seven digits of each.
std::string short_revisions(const std::vector<std::string>& revisions) {
  std::vector<std::string> texts;
  for (const std::string& revision : revisions) texts.push_back(revision.substr(0, 7));
  return join(texts, ", ");
}

}  // namespace

bool is_markdown_table(std::string_view text) { return text.starts_with("| claim | source |"); }

std::string markdown_table(const std::vector<ExperimentVerdict>& verdicts) {
  std::string text =
      "| claim | source | revision | criterion | effect [95 % interval] | seeds | verdict |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const ExperimentVerdict& one : verdicts)
    for (std::size_t i = 0; i < one.judgements.size(); ++i) {
      const CriterionConfig& criterion = one.experiment.criteria[i];
      const Judgement& judgement = one.judgements[i];
      const std::string said = criterion.meaning.empty() ? criterion.name : criterion.meaning;
      const std::string threshold = threshold_text(criterion);
      std::string said_of = name_of(judgement.verdict);
      if (!judgement.explanation.empty()) said_of += ": " + judgement.explanation;
      const std::string finding = one.experiment.finding.empty() ? "" : ": " + in_cell(one.experiment.finding);
      text += fmt::format("| {} | {} | {} | {} | {} {} | {} | {} |\n",
                          i == 0 ? fmt::format("**{}**: {} **{}**{}", in_cell(one.experiment.name),
                                               in_cell(one.experiment.claim), name_of(one.verdict), finding)
                                 : "",
                          i == 0 ? in_cell(one.experiment.source) : "",
                          i == 0 ? in_cell(short_revisions(one.revisions)) : "",
                          in_cell(said) + (threshold.empty() ? "" : " (" + threshold + ")"), effect_text(judgement),
                          interval_text(judgement), judgement.seeds, in_cell(said_of));
    }
  std::string below;
  for (const ExperimentVerdict& one : verdicts)
    for (const std::string& warning : all_warnings(one))
      below += fmt::format("- **{}**: {}\n", in_cell(one.experiment.name), in_cell(warning));
  if (!below.empty()) text += "\n" + below;
  return text;
}

}  // namespace bnlab::experiments

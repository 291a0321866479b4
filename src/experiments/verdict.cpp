#include "experiments/verdict.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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
#include "experiments/verdict_json.h"
#include "experiments/warnings.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/printable.h"
#include "util/result_file.h"
#include "util/sealed.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using config::CriterionConfig;

/// The most seeds of the verdicts that the directory has or had, 0 without any.
std::size_t seeds_of_earlier(const fs::path& directory) {
  std::vector<fs::path> folders = earlier_plans(directory);
  folders.push_back(directory);
  std::size_t seeds = 0;
  for (const fs::path& folder : folders) seeds = std::max(seeds, read_verdict(folder).seeds);
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
                            {},
                            {}};
  const auto warn = [&](std::string warning) {
    if (!warning.empty()) verdict.warnings.push_back(std::move(warning));
  };
  verdict.warnings = verdict.doubts;
  for (std::string& difference : differences_between_runs(table)) warn(std::move(difference));
  warn(edges_of_choices(verdict.choices, plan));
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
  const std::string doubt = collects ? "" : doubt_about_runs_csv(directory);
  // From the file wherever it is up to date, so that a verdict is the same with and without the run directories.
  ExperimentVerdict verdict = judge_runs(plan, collects && !writes ? collected : read_run_table(runs_csv, plan));
  verdict.directory = directory;
  verdict.runs_sha256 = collects ? sha256_of(to_csv(collected)) : recorded_sum_of_runs_csv(directory);
  if (!doubt.empty()) {
    verdict.doubts.push_back(doubt);
    verdict.warnings.push_back(doubt);
  }
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

std::vector<std::string> all_warnings(const ExperimentVerdict& verdict) {
  std::vector<std::string> all = verdict.warnings;
  all.insert(all.end(), verdict.stale.begin(), verdict.stale.end());
  return all;
}

}  // namespace bnlab::experiments

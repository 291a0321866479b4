#pragma once
// The verdict of an experiment, from its runs.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/choices.h"
#include "experiments/criteria.h"
#include "experiments/plan.h"
#include "experiments/run_table.h"
#include "experiments/summary.h"

namespace bnlab::experiments {

struct ExperimentVerdict {
  config::ExperimentConfig experiment;  // effective
  Verdict verdict = Verdict::inconclusive;
  std::vector<Judgement> judgements;  // of each criterion, in their order
  std::vector<Choice> choices;
  std::vector<std::string> unfinished;  // runs that are missing, unfinished or failed, with the reason
  std::vector<std::string> warnings;
  std::vector<std::string> doubts;     // those of them that speak against the runs: --strict fails
  std::vector<std::string> revisions;  // of the builds that made the runs, in alphabetical order
  std::string plan;                    // Plan::hash
  std::vector<std::string> stale;      // files beside it that are of another plan; not in verdict.json
  std::size_t seeds_before = 0;        // of the verdict that this one replaces, where it had more seeds; otherwise 0
  std::int64_t completed = 0;          // each run once, though arms may share it
  std::int64_t diverged = 0;
  Summary summary;
  std::string runs_sha256;          // of the runs.csv that it was made from, as bnlab wrote it
  std::filesystem::path directory;  // of the sweep; not in verdict.json
  std::string unwritten;            // a line where the directory can't be written; not in verdict.json
};

/// Applies the criteria to a table of runs. A run that is missing or failed makes what needs it inconclusive.
ExperimentVerdict judge_runs(const Plan& plan, const RunTable& table);

/// What becomes of a directory that can't be written.
enum class ReadOnly { is_error, is_judged };

/// The verdict of a sweep's directory, from its experiment.json and its run directories. The results of run directories
/// that were deleted come from its runs.csv. Writes runs.csv (from run directories), summary.csv and verdict.json;
/// `read_only`, is_judged: nothing into a directory that is read-only, which `unwritten` tells. Throws ConfigError
/// where the directory is not the directory of a sweep, or its experiment.json was changed since; DataError for files
/// that are damaged or of another plan. `check`: which files of the runs are hashed again.
ExperimentVerdict judge_directory(const std::filesystem::path& directory,
                                  training::Check check = training::Check::changed,
                                  ReadOnly read_only = ReadOnly::is_error);

/// What a verdict warns of, and the files beside it that are stale.
std::vector<std::string> all_warnings(const ExperimentVerdict& verdict);

}  // namespace bnlab::experiments

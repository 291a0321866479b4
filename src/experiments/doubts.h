#pragma once
// Doubts about the runs of a verdict: files that are not those that the runs wrote, runs that are copies of
// others, runs that read other data. Every form of the verdict shows them; with --strict they are failures.

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/executor.h"
#include "experiments/plan.h"
#include "experiments/run_table.h"

namespace bnlab::experiments {

/// Of what add_some() tells where there are more runs with a doubt of their own.
inline constexpr const char* changed_runs = "runs whose files were changed";

/// Of one finished run: what differs from the files that its run.json records, and where the last rows of its tables
/// contradict the metrics there. Files are named without their directory. "" where nothing does.
std::string doubt_about(const std::filesystem::path& directory, const RunReport& report, training::Check check);

/// Adds at most ten of `more`, and how many others there are: "and 90 more runs whose files were changed".
void add_some(std::vector<std::string>& lines, const std::vector<std::string>& more, const char* what);

/// Of all runs of a table, one line each: their own doubts, equal files of different runs, inputs that differ.
std::vector<std::string> doubts_about(const RunTable& table, const Plan& plan);

}  // namespace bnlab::experiments

#pragma once
// verdict.json: the verdict of a sweep as a file.

#include <cstddef>
#include <filesystem>
#include <string>

#include "experiments/verdict.h"

namespace bnlab::experiments {

/// Claim, source, verdict, each criterion with effect, interval and threshold, choices, what is missing, and the
/// SHA-256 of runs.csv, of summary.csv and of the text itself.
std::string to_json(const ExperimentVerdict& verdict);

/// What an earlier verdict.json says. What it does not say is empty or 0.
struct WrittenVerdict {
  std::string plan;
  std::size_t seeds = 0;    // the most of it and of those that it replaced
  std::string runs_sha256;  // of its runs.csv; "unknown" where the file was changed since
};

/// From a directory's verdict.json; nothing of one that is missing or damaged. Throws ReadError.
WrittenVerdict read_verdict(const std::filesystem::path& directory);

/// Why a directory's runs.csv is not the one of its verdict.json; "" where it is, or nothing records it. Throws
/// ReadError.
std::string doubt_about_runs_csv(const std::filesystem::path& directory);

/// The SHA-256 that a directory's verdict.json has of runs.csv, which is not that of a file that was changed since;
/// where it has none, the file's own. Throws ReadError.
std::string recorded_sum_of_runs_csv(const std::filesystem::path& directory);

}  // namespace bnlab::experiments

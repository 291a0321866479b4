#pragma once
// What `bnlab sweep` and `bnlab reproduce` share.

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/sweep_options.h"
#include "experiments/verdict.h"

namespace bnlab::cli {

/// Runs experiments one after another, and prints their verdicts. All are read and checked before the first run.
void sweep(const std::vector<std::string>& files, const SweepOptions& options, Context& context);

/// What is shown of verdicts.
struct VerdictStyle {
  bool means = false;    // the table of means of each; that of a sweep without criteria is always shown
  bool details = false;  // each criterion, and means
  bool strict = false;   // a claim that is not reproduced sets the exit status
};

/// Tables of means, the table of verdicts, and a line for whatever has no result. Sets the exit status.
void print_verdicts(const std::vector<experiments::ExperimentVerdict>& verdicts, const VerdictStyle& style,
                    Context& context);

/// Sets the exit status "failed", with a warning, where a run has no result or, with `strict`, a claim is not
/// reproduced. Does not change it otherwise.
void set_status(const std::vector<experiments::ExperimentVerdict>& verdicts, bool strict, Context& context);

}  // namespace bnlab::cli

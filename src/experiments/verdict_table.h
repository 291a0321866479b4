#pragma once
// Verdicts to look at.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/verdict.h"

namespace bnlab::experiments {

/// The word that people see: "reproduced", "not reproduced", "inconclusive", "measured, no threshold".
std::string word_of(Verdict verdict);

/// One line for each experiment: its name, its verdict, and the effect that decides, in its units and beside what is
/// claimed: "1.81 [1.73, 1.91] times, claimed: at least 3". That is the effect of the criterion that the figure quotes,
/// or of the first with the verdict of the whole. Below the line what this criterion says, why it is not reproduced,
/// and the finding. At most `width` columns. `colours`: verdicts have those of a terminal; no other text has anything
/// that a terminal would obey.
std::string overview_table(const std::vector<ExperimentVerdict>& verdicts, std::size_t width, bool colours);

/// "23 claims: 15 reproduced, 1 not reproduced, 5 inconclusive, 2 measured without a threshold", a line.
std::string totals(const std::vector<ExperimentVerdict>& verdicts);

/// A row for each criterion, with its name and the numbers as verdict.json has them; above the rows of an experiment
/// its claim and source, below them its finding.
std::string details_table(const std::vector<ExperimentVerdict>& verdicts);

}  // namespace bnlab::experiments

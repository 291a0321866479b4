#pragma once
// Warnings that belong to a verdict, one line each.

#include <cstddef>
#include <string>
#include <vector>

#include "experiments/choices.h"
#include "experiments/criteria.h"
#include "experiments/plan.h"
#include "experiments/run_table.h"

namespace bnlab::experiments {

/// How the runs that ended differ apart from their arms and their data (build, machine, ...), one line each.
std::vector<std::string> differences_between_runs(const RunTable& table);

/// The choices whose point is the smallest or the largest value of an axis of numbers with several, as one line; ""
/// where there is none.
std::string edges_of_choices(const std::vector<Choice>& choices, const Plan& plan);

/// Whether one seed decides: without it the criterion would be reproduced or not reproduced, and with it it is
/// neither or the other, though fewer seeds make an interval wider. "" for less than 3 seeds, where runs are missing,
/// and where no seed does.
std::string deciding_seed(const config::CriterionConfig& criterion, const Evidence& evidence,
                          const Judgement& judgement, const ShownNumbers& numbers = {});

/// The warning that an earlier verdict had more seeds; "" where it had not.
std::string fewer_seeds(std::size_t now, std::size_t before);

}  // namespace bnlab::experiments

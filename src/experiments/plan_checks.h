#pragma once
#include "experiments/plan.h"

namespace bnlab::experiments {

/// Throws ConfigError, a line for each problem, where no run could give what is asked for: a quantity of a file or a
/// column that its runs don't write, of a probe that an arm lacks, of a split or statistics that an arm doesn't
/// evaluate; a criterion over an axis that has too few values or no numbers. Columns of probes are not looked at.
void refuse_what_no_run_gives(const Plan& plan);

}  // namespace bnlab::experiments

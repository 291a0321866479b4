#pragma once
#include "experiments/criteria.h"
#include "experiments/plan.h"
#include "experiments/run_table.h"

namespace bnlab::experiments {

/// What a criterion looks at. Points without any run are there too, so that what is missing is named.
Evidence evidence_for(const config::CriterionConfig& criterion, const RunTable& table, const Plan& plan);

}  // namespace bnlab::experiments

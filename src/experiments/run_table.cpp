#include "experiments/run_table.h"

#include <algorithm>

namespace bnlab::experiments {

bool is_finished(const RunRow& row) { return is_finished(row.status); }

RunTable empty_table(const Plan& plan) {
  RunTable table{plan.axes, {}, {}};
  for (const config::QuantityConfig& quantity : plan.experiment.quantities)
    table.quantities.push_back({quantity.name, kind_of(quantity.series.over_time).counts_steps});
  return table;
}

const config::QuantityConfig& quantity_of(const config::ExperimentConfig& experiment, const std::string& name) {
  return *std::ranges::find(experiment.quantities, name, &config::QuantityConfig::name);
}

}  // namespace bnlab::experiments

#pragma once
// CSV, from which verdicts are computed.

#include <vector>

#include "config/effective.h"
#include "config/experiment.h"
#include "experiments/collect.h"
#include "experiments/plan.h"
#include "experiments/quantities.h"
#include "experiments/runs_csv.h"
#include "experiments/verdict_json.h"
#include "experiments/verdict_markdown.h"
#include "experiments/verdict_table.h"
#include "fuzz/support.h"

namespace bnlab::fuzz {

/// Each reduction over time and over rows, and arms with and without an axis.
inline const experiments::Plan& small_plan() {
  static const std::string text = R"({"claim": "c", "source": "s",
    "base": {"dataset": {"name": "drawn_digits"}, "network": {"name": "small", "layers": [{"flatten": {}},
             {"dense_block": {"units": 2}}, {"dense": {"units": 10}}]}, "training": {"batch_size": 20, "steps": 20},
             "evaluation": {"train_split": true}},
    "arms": [{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch", "set": {"normalization.type": "batch"}},
             {"name": "grid", "grid": {"optimizer.learning_rate": [0.1, 0.2]}},
             {"name": "best", "best_of": {"arm": "grid", "quantity": "final"}}],
    "seeds": 2,
    "quantities": [
      {"name": "final", "file": "train.csv", "series": {"column": "loss"}},
      {"name": "gap", "where": {"statistics": "running"}, "over_rows": "difference",
       "series": {"column": "loss", "over_time": "best"},
       "divided_by": {"column": "accuracy", "over_time": "at", "step": 10}},
      {"name": "slope", "over_rows": "log_slope", "series": {"column": "accuracy", "over_time": "range"}},
      {"name": "middle", "over_rows": "maximum", "series": {"column": "accuracy", "over_time": "median", "last": 2},
       "where": {"split": "test", "statistics": ["running"]}},
      {"name": "area", "file": "train.csv", "series": {"column": "loss", "minus": "accuracy", "over_time": "area"}},
      {"name": "steps", "where": {"split": "test", "statistics": "running"},
       "series": {"column": "accuracy", "over_time": "steps_to", "level": 0.5}},
      {"name": "agreed", "where": {"statistics": "running"}, "over_rows": "ratio",
       "series": {"column": "loss", "over_time": "steps_to", "level": 1.5}},
      {"name": "early", "where": {"split": "test"},
       "series": {"column": "accuracy", "over_time": "at_level", "level": 2, "when": {"column": "loss", "better": "lower",
                  "where": {"split": "train"}}}},
      {"name": "broken", "file": "train.csv", "series": {"column": "loss", "over_time": "first_non_finite"}}],
    "criteria": [
      {"name": "d", "type": "difference", "quantity": "final", "arms": ["batch", "none"], "at_least": 0, "source": "s"},
      {"name": "r", "type": "ratio", "quantity": "steps", "arms": ["best", "none"], "less_than": 1, "source": "s"},
      {"name": "l", "type": "log_slope", "quantity": "area", "arms": ["grid"], "axis": "optimizer.learning_rate"},
      {"name": "w", "type": "widest_interval", "quantity": "gap", "arms": ["grid"], "usable": 0.5,
       "axis": "optimizer.learning_rate"},
      {"name": "o", "type": "order", "quantity": "middle", "arms": ["none", "batch", "best"], "source": "s"}]})";
  static const experiments::Plan plan = [] {
    config::ExperimentConfig experiment = config::parse_experiment(text, "small.json");
    experiment.name = "small";
    return experiments::make_plan(config::effective(experiment, config::Profile::full, {}, {}, "."));
  }();
  return plan;
}

/// The verdict from a runs.csv, and from it written again.
inline bool judge_table(const fs::path& file, const Folder& written) {
  const experiments::Plan& plan = small_plan();
  return accepts([&] {
    const experiments::RunTable table = experiments::read_run_table(file, plan);
    const std::vector<experiments::ExperimentVerdict> verdict{experiments::judge_runs(plan, table)};
    experiments::details_table(verdict);
    experiments::verdict_markdown(verdict, ".");
    require_accepted("the table that was written is refused", [&] {
      const fs::path again = written.write("again.csv", experiments::to_csv(table));
      const auto second = experiments::judge_runs(plan, experiments::read_run_table(again, plan));
      if (experiments::to_json(second) != experiments::to_json(verdict.front()))
        throw std::logic_error("the table that was written gives another verdict");
    });
  });
}

/// As the train.csv and the eval.csv of a run, and as a runs.csv.
inline bool csv_target(Bytes bytes) {
  static const Folder folder;
  const experiments::Plan& plan = small_plan();
  for (const char* name : {"train.csv", "eval.csv", "runs.csv"}) folder.write(name, text_of(bytes));
  bool was_read = judge_table(folder.path() / "runs.csv", folder);
  accepts([&] { experiments::collect(plan, folder.path()); });
  experiments::last_logged_step(folder.path());
  experiments::RunReport report;
  report.last_step = report.steps = 20;
  for (const auto state : {experiments::RunState::completed, experiments::RunState::diverged}) {
    report.state = state;
    for (const config::QuantityConfig& quantity : plan.experiment.quantities)
      if (accepts([&] { experiments::measure(quantity, folder.path(), report); })) was_read = true;
  }
  return was_read;
}

}  // namespace bnlab::fuzz

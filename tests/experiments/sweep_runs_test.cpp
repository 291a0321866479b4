#include "experiments/sweep.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "config/config_testing.h"
#include "config/load.h"
#include "experiments/experiment_testing.h"
#include "util/pattern.h"

namespace bnlab::experiments {
namespace {

using config::error_lines;
using test::ExperimentText;
using test::plan_of;
using test::with_arms;
using Texts = std::vector<std::string>;

TEST(Sweep, PatternsKnowStarsAndQuestionMarksAlone) {
  EXPECT_TRUE(fits("batch", "batch"));
  EXPECT_FALSE(fits("batch", "batch_grid"));
  EXPECT_TRUE(fits("batch*", "batch_grid[x=1]"));
  EXPECT_TRUE(fits("b?tch", "batch"));
  EXPECT_TRUE(fits("g[learning_rate=0.1]", "g[learning_rate=0.1]"));
  EXPECT_TRUE(fits("g[*=0.1]", "g[learning_rate=0.1]"));
  EXPECT_FALSE(fits("g[ab]", "ga"));
  EXPECT_FALSE(fits("\\batch", "batch"));
}

TEST(Sweep, EachRunStandsOnceWithWhatItsDirectorySays) {
  const test::TemporaryFolder folder;
  const Plan plan = plan_of(with_arms(R"({"name": "same"}, {"name": "g", "grid": {"dataset.limit": [50, 60]}})"));
  std::vector<SweepRun> all = sweep_runs(plan, folder.path(), {});
  EXPECT_EQ(all.size(), 8u);  // "same" shares the runs of "batch"
  for (const SweepRun& one : all) EXPECT_EQ(one.report.state, RunState::missing);
  EXPECT_EQ(remaining(all, false).size(), 8u);
  EXPECT_EQ(sweep_runs(plan, folder.path(), {"g"}).size(), 4u);
  EXPECT_EQ(sweep_runs(plan, folder.path(), {"g[limit=50]", "none"}).size(), 4u);
  EXPECT_EQ(sweep_runs(plan, folder.path(), {"same"}).size(), 2u);
  EXPECT_EQ(error_lines([&] { sweep_runs(plan, folder.path(), {"gg"}); }), (Texts{"--only gg: no arm of e matches"}));

  prepare(plan, all, folder.path());
  for (const SweepRun& one : all) EXPECT_EQ(config::load(one.task.config, {}), one.run->config) << one.task.config;
  config::ExperimentConfig written = config::load_experiment(folder / "experiment.json");
  EXPECT_EQ(written.plan, plan.hash);
  written.plan.clear();
  EXPECT_EQ(written, plan.experiment);
  // A config is what the plan says, whatever became of its file.
  test::write_text(all[0].task.config, "");
  test::write_text(all[1].task.config, config::to_json(all[2].run->config));
  prepare(plan, all, folder.path());
  for (const SweepRun& one : all) EXPECT_EQ(config::load(one.task.config, {}), one.run->config) << one.task.config;

  test::write_run(all[0].task.directory, {}, all[0].run->config);
  test::write_run(all[1].task.directory, {.status = "diverged"}, all[1].run->config);
  test::write_run(all[2].task.directory, {.status = "failed"}, all[2].run->config);
  test::write_run(all[3].task.directory, {.status = "interrupted"}, all[3].run->config);
  all = sweep_runs(plan, folder.path(), {});
  std::map<RunState, int> states;
  for (const SweepRun& one : all) ++states[one.report.state];
  EXPECT_EQ(states, (std::map<RunState, int>{{RunState::completed, 1},
                                             {RunState::diverged, 1},
                                             {RunState::failed, 1},
                                             {RunState::unfinished, 1},
                                             {RunState::missing, 4}}));
  EXPECT_EQ(remaining(all, false).size(), 5u);
  EXPECT_EQ(remaining(all, true).size(), 6u);

  // A run that has lost its checkpoint is begun anew only when it is asked for.
  std::filesystem::remove(all[3].task.directory / "checkpoint.npz");
  const SweepRun lost = sweep_runs(plan, folder.path(), {})[3];
  EXPECT_EQ(lost.report.state, RunState::failed);
  test::expect_contains(lost.report.error, "checkpoint.npz: is gone");
  clear_failures({lost});
  EXPECT_EQ(sweep_runs(plan, folder.path(), {})[3].report.state, RunState::missing);
}

TEST(Sweep, ADirectoryIsOfOneExperiment) {
  const test::TemporaryFolder folder;
  Plan plan = plan_of(ExperimentText{});
  prepare(plan, {}, folder.path());
  plan.experiment.name = "other";
  EXPECT_EQ(error_lines([&] { prepare(plan, {}, folder.path()); }),
            (Texts{"--out: " + folder.path().string() + " has the sweep of e; choose another directory for other"}));
}

TEST(Sweep, TheBestOfAnArmHasNoRunsOfItsOwn) {
  const Plan plan = plan_of(with_arms(R"({"name": "g", "grid": {"dataset.limit": [50, 60]}},
      {"name": "best", "best_of": {"arm": "g", "quantity": "loss"}})"));
  EXPECT_EQ(error_lines([&] { sweep_runs(plan, "/nowhere", {"best"}); }),
            (Texts{"--only best: arm best of e has no runs of its own; it is the best point of g"}));
  EXPECT_EQ(sweep_runs(plan, "/nowhere", {"b*"}).size(), 2u);  // of batch
}

}  // namespace
}  // namespace bnlab::experiments

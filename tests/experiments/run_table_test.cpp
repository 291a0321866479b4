#include "experiments/run_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "experiments/doubts.h"
#include "experiments/evidence.h"
#include "experiments/run_table_testing.h"
#include "experiments/sweep.h"
#include "experiments/warnings.h"
#include "training/run_summary.h"
#include "util/csv_table.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;

TEST(Collect, ARowForEachPointAndSeed) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(with_grid());
  write_runs(plan, folder.path(), by_point(plan));
  const RunTable table = collect(plan, folder.path());
  ASSERT_EQ(table.rows.size(), 12u);  // 5 points and the best of them, 2 seeds
  std::string order;
  for (const RunRow& row : table.rows) order += row.arm + std::to_string(row.seed) + " ";
  EXPECT_EQ(order, "none1 none2 batch1 batch2 g1 g2 g1 g2 g1 g2 best1 best2 ");
  const RunRow& row = row_of(table, "g", 2, 1);
  EXPECT_EQ(row.axes, (std::map<std::string, std::string>{{"optimizer.learning_rate", "0.1"}}));
  EXPECT_EQ(row.status, RunState::completed);
  EXPECT_EQ(row.last_step, 100);
  EXPECT_EQ(row.seconds, 1.5);
  EXPECT_EQ(row.steps_per_second, 70);
  EXPECT_EQ(row.instruction_set, "avx2");
  EXPECT_EQ(row.onednn, "2.6.3");
  EXPECT_EQ(row.git_revision, "abc");
  EXPECT_EQ(row.quantities.at("accuracy").value, 0.6);
  EXPECT_EQ(row.quantities.at("loss").value, 3.02);
  EXPECT_EQ(row.quantities.at("steps").value, 100);
  EXPECT_EQ(row.quantities.at("steps").bound, Bound::exact);
  EXPECT_TRUE(row_of(table, "none", 1).axes.empty());
  // The first point of the grid has the lowest loss.
  EXPECT_EQ(row_of(table, "best", 1).run, row_of(table, "g", 1).run);
  EXPECT_EQ(row_of(table, "best", 1).axes.at("optimizer.learning_rate"), "0.5");
}

TEST(Collect, RunsThatAreMissingFailedOrDiverged) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(ExperimentText{});
  write_runs(plan, folder.path(), [](const ArmPoint& point, std::uint64_t seed) -> std::optional<FakeRun> {
    if (point.arm == "none" && seed == 1) return std::nullopt;
    if (point.arm == "none")
      return FakeRun{.status = "diverged", .last_step = 60, .accuracies = {0.1, 0.2}, .losses = {nan}};
    return FakeRun{.status = seed == 1 ? "interrupted" : "completed"};
  });
  for (const PlannedRun& run : plan.runs)
    if (plan.points[run.point].arm == "batch" && run.seed == 2) {
      fs::remove(folder.path() / "runs" / run.name / "train.csv");
    } else if (plan.points[run.point].arm == "batch") {
      test::write_text(folder.path() / "runs" / run.name / "failure.json", training::failure_json("killed"));
    }
  const RunTable table = collect(plan, folder.path());
  EXPECT_EQ(row_of(table, "none", 1).status, RunState::missing);
  EXPECT_TRUE(row_of(table, "none", 1).quantities.empty());
  const RunRow& diverged = row_of(table, "none", 2);
  EXPECT_EQ(diverged.status, RunState::diverged);
  EXPECT_EQ(diverged.last_step, 60);
  EXPECT_TRUE(std::isnan(diverged.quantities.at("accuracy").value));
  EXPECT_EQ(diverged.quantities.at("steps").value, 100);  // those it was to make
  EXPECT_EQ(diverged.quantities.at("steps").bound, Bound::at_least);
  const RunRow& failed = row_of(table, "batch", 1);
  EXPECT_EQ(failed.status, RunState::failed);
  EXPECT_EQ(failed.error, "killed");
  EXPECT_TRUE(failed.quantities.empty());
  const RunRow& damaged = row_of(table, "batch", 2);
  EXPECT_EQ(damaged.status, RunState::failed);
  test::expect_contains(damaged.error, "train.csv: missing or empty");
  EXPECT_TRUE(damaged.quantities.empty());
  expect_equal(written_and_read(table, plan), table);
}

/// With a quantity of a probe, which each arm has.
ExperimentText with_probe(const std::string& column) {
  ExperimentText text;
  text.base.insert(text.base.size() - 1, R"(, "probes": [{"type": "gradient_norm"}])");
  text.quantities.insert(text.quantities.size() - 1,
                         R"(, {"name": "norm", "file": "gradient_norm.csv", "series": {"column": ")" + column + "\"}}");
  return text;
}

TEST(Collect, WhatCanBeMeasuredIs) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(with_probe("nrm"));
  write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t) { return FakeRun{}; });
  for (const PlannedRun& run : plan.runs)
    if (run.seed == 1)
      test::write_text(folder / "runs" / run.name / "gradient_norm.csv", "step,parameter,norm\n1,p,2\n");
    else
      test::write_text(folder / "runs" / run.name / "gradient_norm.csv", "step,parameter,nrm\n1,p,2\n2,p,");
  const RunTable table = collect(plan, folder.path());
  test::expect_contains(row_of(table, "none", 1).error, R"(has no column "nrm"; did you mean "norm"?)");
  test::expect_contains(row_of(table, "none", 2).error, "gradient_norm.csv: cut off: its last line is not whole");
  for (const RunRow& row : table.rows) {
    EXPECT_EQ(row.status, RunState::completed);
    EXPECT_EQ(row.quantities.at("accuracy").value, 0.6);
    EXPECT_FALSE(row.quantities.contains("norm"));
  }
}

TEST(Collect, ARunWhoseFilesChangedSinceItsEndHasFailed) {
  const auto edit = [](const char* file, const auto& change) {
    return [=](const fs::path& run) {
      std::string text = test::read_text(run / file);
      change(text);
      test::write_text(run / file, text);
    };
  };
  const auto cut = [](std::string& text) { text.resize(text.size() - 2); };
  const auto without_last_line = [](std::string& text) { text.resize(text.rfind('\n', text.size() - 2) + 1); };
  const auto other_batch = [](std::string& text) {
    text.replace(text.find("\"batch_size\": 20"), 16, "\"batch_size\": 7");
  };
  struct Case {
    const char* name;
    std::function<void(const fs::path&)> damage;
    const char* said;
  };
  for (const Case& one :
       {Case{"eval cut", edit("eval.csv", cut), "eval.csv: cut off: its last line is not whole"},
        Case{"train cut", edit("train.csv", cut), "train.csv: cut off: its last line is not whole"},
        Case{"eval short", edit("eval.csv", without_last_line),
             "eval.csv: its last row must be of step 100, at which the run ended, got 50"},
        Case{"train short", edit("train.csv", without_last_line),
             "train.csv: its last row must be of step 100, at which the run ended, got 1"},
        Case{"no eval", [](const fs::path& run) { fs::remove(run / "eval.csv"); }, "eval.csv: missing or empty"},
        Case{"of another config", edit("config.json", other_batch),
             "config.json: belongs to another config: training.batch_size must be 20, got 7"},
        Case{"no config", [](const fs::path& run) { fs::remove(run / "config.json"); }, "config.json"},
        Case{"no JSON", edit("config.json", cut), "config.json: is not a valid config"}}) {
    const test::TemporaryFolder folder;
    const Plan plan = test::plan_of(ExperimentText{});
    write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t) { return FakeRun{}; });
    const fs::path run = folder / "runs" / plan.runs[0].name;
    one.damage(run);
    const RunRow row = row_of(collect(plan, folder.path()), "none", 1);
    EXPECT_EQ(row.status, RunState::failed) << one.name;
    test::expect_contains(row.error, one.said);
    EXPECT_TRUE(row.quantities.empty()) << one.name;
    // It is run anew when failed ones are, and not before.
    const std::vector<SweepRun> runs = sweep_runs(plan, folder.path(), {});
    EXPECT_EQ(remaining(runs, false).size(), 0u) << one.name;
    EXPECT_EQ(remaining(runs, true).size(), 1u) << one.name;
    clear_failures(runs);
    const bool is_another = std::string_view(one.name) == "of another config";  // perhaps somebody else's
    EXPECT_EQ(fs::exists(run), is_another) << one.name;
    if (is_another) continue;
    EXPECT_EQ(remaining(sweep_runs(plan, folder.path(), {}), false).size(), 1u) << one.name;
  }
}

TEST(Collect, EpochsAndBatchesOfAllImagesAreResolvedInTheRun) {
  for (const char* training : {R"("batch_size": 20, "epochs": 3)", R"("composition": "full_batch", "steps": 100)"}) {
    const test::TemporaryFolder folder;
    ExperimentText text;
    const std::string steps = R"("batch_size": 20, "steps": 100)";
    text.base.replace(text.base.find(steps), steps.size(), training);
    const Plan plan = test::plan_of(text);
    for (const PlannedRun& run : plan.runs) {
      config::RunConfig config = run.config;
      config.training.batch_size = config.training.epochs ? 20 : 1000;
      test::write_run(folder / "runs" / run.name, {}, config);
    }
    for (const RunRow& row : collect(plan, folder.path()).rows) EXPECT_EQ(row.status, RunState::completed) << row.error;
  }
}

TEST(Collect, ARunIsFoundUnderAnotherNameOfItsArm) {
  const test::TemporaryFolder folder;
  const Plan before = test::plan_of(ExperimentText{});
  write_runs(before, folder.path(), by_point(before));
  ExperimentText text;
  text.arms = R"([{"name": "other"}, {"name": "plain", "set": {"normalization.type": "none"}}])";
  text.criteria = R"([{"name": "c", "type": "value", "quantity": "accuracy", "arms": ["plain"]}])";
  const Plan after = test::plan_of(text);
  const RunTable table = collect(after, folder.path());
  EXPECT_EQ(row_of(table, "plain", 2).quantities.at("loss").value, 0.02);
  EXPECT_EQ(row_of(table, "other", 2).quantities.at("loss").value, 1.02);
  EXPECT_TRUE(row_of(table, "plain", 2).run.ends_with("_none_seed2"));
  const std::vector<SweepRun> runs = sweep_runs(after, folder.path(), {});
  EXPECT_TRUE(remaining(runs, true).empty());
  EXPECT_EQ(runs[0].task.directory.filename(), runs[0].task.name);
}

TEST(Collect, AQuantityIsAskedOfTheArmsThatUseIt) {
  // Only "batch" has 100 steps.
  const auto errors_with = [](const std::string& criterion, const std::string& more = "") {
    const test::TemporaryFolder folder;
    ExperimentText text;
    text.quantities = R"([{"name": "at_100", "where": {"split": "test"},
        "series": {"column": "accuracy", "over_time": "at", "step": 100}}, {"name": "loss", "file": "train.csv",
        "series": {"column": "loss"}, "better": "lower"}])";
    text.criteria = "[" + criterion + "]";
    text.more = more;
    text.arms.insert(text.arms.size() - 1, R"(, {"name": "g", "grid": {"optimizer.learning_rate": [0.5, 2]}})");
    const Plan plan = test::plan_of(text);
    write_runs(plan, folder.path(), [](const ArmPoint& point, std::uint64_t) {
      FakeRun run;
      if (point.arm == "none") run.accuracies = {0.1, 0.4}, run.last_step = 50;
      return run;
    });
    const RunTable table = collect(plan, folder.path());
    EXPECT_EQ(row_of(table, "batch", 1).error, "");
    EXPECT_EQ(row_of(table, "batch", 1).quantities.at("at_100").value, 0.6);
    EXPECT_FALSE(row_of(table, "none", 1).quantities.contains("at_100"));
    return row_of(table, "none", 1).error;
  };
  const std::string value = R"({"name": "c", "type": "value", "arms": ["batch"], "quantity": )";
  EXPECT_EQ(errors_with(value + R"("at_100"})"), "");
  // A figure with no list of arms draws all.
  const std::string figure = R"(, "figure": {"type": "axis", "quantity": "at_100"})";
  test::expect_contains(errors_with(value + R"("at_100"})", figure), "quantity at_100: no row at step 100");
  test::expect_contains(errors_with(value + R"("loss"})"), "quantity at_100: no row at step 100");
  test::expect_contains(
      errors_with(R"({"name": "c", "type": "difference", "arms": ["batch", "none"], "quantity": "at_100"})"),
      "quantity at_100: no row at step 100");
}

TEST(Collect, AResultWhoseFolderIsGoneStays) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(with_grid());
  write_runs(plan, folder.path(), by_point(plan));
  const RunTable table = collect(plan, folder.path());
  test::write_text(folder / "runs.csv", to_csv(table));
  fs::remove_all(folder / "runs" / plan.runs[0].name);
  expect_equal(collect(plan, folder.path()), table);
  // A quantity that the file lacks.
  const Plan more = test::plan_of([&] {
    ExperimentText text = with_grid();
    text.quantities.insert(text.quantities.size() - 1,
                           R"(, {"name": "norm", "file": "train.csv", "series": {"column": "loss"}})");
    return text;
  }());
  const RunTable with_more = collect(more, folder.path());
  EXPECT_EQ(row_of(with_more, "none", 1).error, "its directory is missing, and runs.csv has no norm");
  EXPECT_EQ(row_of(with_more, "none", 1).quantities.at("loss").value, 0.01);
  EXPECT_EQ(row_of(with_more, "none", 2).quantities.at("norm").value, 0.02);
  // Words make no other plan.
  test::write_text(folder / "experiment.json", config::to_json(plan.experiment));
  config::ExperimentConfig edited = plan.experiment;
  EXPECT_EQ(prepare(make_plan(edited), {}, folder.path()), fs::path());
  edited.quantities[2].meaning = "words";
  EXPECT_EQ(prepare(make_plan(edited), {}, folder.path()), fs::path());
  EXPECT_TRUE(fs::exists(folder / "runs.csv"));
  // Another quantity under the same name does: its numbers are not those of the old one, which stay.
  edited.quantities[2].series.level = 0.25;
  const Plan other = make_plan(edited);
  EXPECT_EQ(prepare(other, {}, folder.path()), folder / "old" / plan.hash);
  EXPECT_FALSE(fs::exists(folder / "runs.csv"));
  EXPECT_EQ(test::read_text(folder / "old" / plan.hash / "runs.csv"), to_csv(table));
  const RunTable with_other = collect(other, folder.path());
  EXPECT_EQ(row_of(with_other, "none", 1).error, "its directory is missing, and runs.csv has no steps");
  EXPECT_EQ(row_of(with_other, "none", 1).quantities.at("loss").value, 0.01);
}

TEST(EvidenceFor, ArmsPointsAndWhatIsMissing) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(with_grid());
  write_runs(plan, folder.path(), [&](const ArmPoint& point, std::uint64_t seed) -> std::optional<FakeRun> {
    if (point.label == "none" && seed == 2) return std::nullopt;
    return by_point(plan)(point, seed);
  });
  const RunTable table = collect(plan, folder.path());
  config::CriterionConfig criterion;
  criterion.quantity = "steps";  // to an accuracy: fewer are better
  criterion.arms = {"none"};
  EXPECT_EQ(evidence_for(criterion, table, plan).better, config::Better::lower);
  const Interval steps = known(evidence_for(criterion, table, plan).arms[0][0].values.at(1));
  EXPECT_EQ(steps.low, 50);  // rows at 0, 50 and 100
  EXPECT_EQ(steps.high, 100);
  criterion.quantity = "loss";
  criterion.arms = {"none", "g[learning_rate=0.1]", "best"};
  Evidence evidence = evidence_for(criterion, table, plan);
  EXPECT_EQ(evidence.seeds, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(evidence.better, config::Better::lower);
  ASSERT_EQ(evidence.arms.size(), 3u);
  for (const auto& arm : evidence.arms) ASSERT_EQ(arm.size(), 1u);
  EXPECT_EQ(evidence.arms[0][0].values.size(), 1u);
  EXPECT_EQ(evidence.arms[1][0].label, "g[learning_rate=0.1]");
  EXPECT_EQ(evidence.arms[1][0].values.at(2).value, 3.02);
  EXPECT_EQ(evidence.arms[2][0].label, "best");
  EXPECT_EQ(evidence.arms[2][0].values.at(2).value, 2.02);

  criterion.arms = {"g"};
  criterion.axis = "optimizer.learning_rate";
  evidence = evidence_for(criterion, table, plan);
  ASSERT_EQ(evidence.arms[0].size(), 3u);  // along the axis
  EXPECT_EQ(evidence.arms[0][0].axis, 0.1);
  EXPECT_EQ(evidence.arms[0][0].values.at(1).value, 3.01);
  EXPECT_EQ(evidence.arms[0][1].axis, 0.5);
  EXPECT_EQ(evidence.arms[0][2].axis, 2);

  // No run at all: the points are there, without values.
  const RunTable nothing = collect(plan, folder / "none");
  evidence = evidence_for(criterion, nothing, plan);
  EXPECT_EQ(evidence.arms[0].size(), 3u);
  criterion.arms = {"best"};
  evidence = evidence_for(criterion, nothing, plan);
  ASSERT_EQ(evidence.arms[0].size(), 1u);
  EXPECT_EQ(evidence.arms[0][0].label, "best");
  EXPECT_TRUE(evidence.arms[0][0].values.empty());
}

TEST(EvidenceFor, RunsThatDivergedAreMarked) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(ExperimentText{});
  write_runs(plan, folder.path(), [](const ArmPoint& point, std::uint64_t seed) {
    FakeRun run;
    if (point.arm == "none" && seed == 2) run = {.status = "diverged", .last_step = 60, .accuracies = {0.1}};
    return run;
  });
  config::CriterionConfig criterion;
  criterion.quantity = "steps";
  criterion.arms = {"none"};
  const RunTable table = collect(plan, folder.path());
  for (const RunTable& one : {table, written_and_read(table, plan)}) {
    const Evidence evidence = evidence_for(criterion, one, plan);
    EXPECT_EQ(evidence.arms[0][0].values.at(2).diverged_at, 60);
    EXPECT_FALSE(evidence.arms[0][0].values.at(1).diverged_at);
  }
}

TEST(Warnings, RunsOfSeveralBuildsAndMachines) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(ExperimentText{});
  const auto with = [&](const std::string& first, const std::string& second) {
    write_runs(plan, folder.path(), [&](const ArmPoint&, std::uint64_t seed) {
      return FakeRun{.more_provenance = seed == 1 ? first : second};
    });
    const RunTable table = collect(plan, folder.path());
    EXPECT_EQ(differences_between_runs(written_and_read(table, plan)), differences_between_runs(table));
    return differences_between_runs(table);
  };
  const std::string gnu = R"(, "compiler": "GNU 12", "build_type": "Release", "host": "a", "cpu": "x")";
  EXPECT_EQ(with(gnu, R"(, "compiler": "Clang 14", "build_type": "Release", "host": "b", "cpu": "y")"),
            (std::vector<std::string>{"the runs differ in their build: Clang 14, Release; GNU 12, Release",
                                      "the runs differ in their machine: x; y"}));
  EXPECT_TRUE(with(gnu, gnu).empty());
  EXPECT_TRUE(with(gnu, "").empty());  // of an earlier version, which did not say
}

TEST(Warnings, RunsThatWereNotMadeAlike) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(ExperimentText{});
  write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t) { return FakeRun{}; });
  EXPECT_TRUE(differences_between_runs(collect(plan, folder.path())).empty());
  write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t seed) {
    FakeRun run;
    if (seed == 2) run = {.isa = "avx512", .threads = 2, .dataset_sha256 = "6be2"};
    return run;
  });
  EXPECT_EQ(differences_between_runs(collect(plan, folder.path())),
            (std::vector<std::string>{"the runs differ in their instruction set: avx2, avx512",
                                      "the runs differ in their number of threads: 1, 2"}));
  EXPECT_EQ(doubts_about(collect(plan, folder.path()), plan),
            (std::vector<std::string>{"the runs differ in their data of drawn_digits (SHA-256): 5ad1, 6be2"}));
  // Of runs that have no result it says nothing.
  write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t seed) {
    FakeRun run;
    if (seed == 2) run = {.status = "failed", .isa = ""};
    return run;
  });
  EXPECT_TRUE(differences_between_runs(collect(plan, folder.path())).empty());
}

TEST(Warnings, ArmsMayDifferInTheirData) {
  const test::TemporaryFolder folder;
  for (const char* set : {R"({"dataset.name": "fashion_mnist"})", R"({"dataset.synthetic.examples": 500})"}) {
    ExperimentText text;
    text.arms = R"([{"name": "none", "set": )" + std::string(set) + R"(}, {"name": "batch"}])";
    const Plan plan = test::plan_of(text);
    write_runs(plan, folder.path(),
               [](const ArmPoint& point, std::uint64_t) { return FakeRun{.dataset_sha256 = point.arm}; });
    EXPECT_TRUE(doubts_about(collect(plan, folder.path()), plan).empty()) << set;
  }
}

}  // namespace
}  // namespace bnlab::experiments

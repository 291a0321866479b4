#include "experiments/run_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "experiments/experiment_testing.h"
#include "experiments/sweep.h"
#include "training/run_summary.h"
#include "util/csv_table.h"
#include "util/errors.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using test::ExperimentText;
using test::FakeRun;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

/// none, batch, a grid of three rates, and its best by the loss.
ExperimentText with_grid(const std::string& values = "[0.5, 0.1, 2]",
                         const std::string& path = "optimizer.learning_rate") {
  ExperimentText text;
  text.arms = R"([{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch"},
      {"name": "g", "set": {"normalization.type": "layer"}, "grid": {")" +
              path + "\": " + values + R"(}}, {"name": "best", "best_of": {"arm": "g", "quantity": "loss"}}])";
  return text;
}

using Writing = std::function<std::optional<FakeRun>(const ArmPoint&, std::uint64_t seed)>;

/// The directories of a plan's runs; none where `run` gives none.
void write_runs(const Plan& plan, const fs::path& directory, const Writing& run) {
  for (const PlannedRun& one : plan.runs)
    if (const auto fake = run(plan.points[one.point], one.seed))
      test::write_run(directory / "runs" / one.name, *fake, one.config);
}

/// Each run has a loss of its own: the place of its point + the seed / 100.
Writing by_point(const Plan& plan) {
  return [&plan](const ArmPoint& point, std::uint64_t seed) {
    FakeRun run;
    run.losses.back() = static_cast<double>(&point - plan.points.data()) + static_cast<double>(seed) / 100;
    return run;
  };
}

const RunRow& row_of(const RunTable& table, const std::string& arm, std::uint64_t seed, std::size_t place = 0) {
  for (const RunRow& row : table.rows)
    if (row.arm == arm && row.seed == seed && place-- == 0) return row;
  throw std::logic_error("no row of " + arm);
}

void expect_equal(const RunTable& a, const RunTable& b) {
  EXPECT_EQ(a.axes, b.axes);
  EXPECT_EQ(a.quantities, b.quantities);
  ASSERT_EQ(a.rows.size(), b.rows.size());
  for (std::size_t i = 0; i < a.rows.size(); ++i) {
    const RunRow &x = a.rows[i], &y = b.rows[i];
    EXPECT_EQ(x.arm, y.arm);
    EXPECT_EQ(x.axes, y.axes);
    EXPECT_EQ(x.seed, y.seed);
    EXPECT_EQ(x.run, y.run);
    EXPECT_EQ(x.status, y.status);
    EXPECT_EQ(x.last_step, y.last_step);
    EXPECT_EQ(x.seconds, y.seconds);
    EXPECT_EQ(x.steps_per_second, y.steps_per_second);
    EXPECT_EQ(x.error, y.error);
    EXPECT_EQ(x.instruction_set, y.instruction_set);
    EXPECT_EQ(x.onednn, y.onednn);
    EXPECT_EQ(x.git_revision, y.git_revision);
    EXPECT_EQ(x.threads, y.threads);
    EXPECT_EQ(x.dataset_sha256, y.dataset_sha256);
    ASSERT_EQ(x.quantities.size(), y.quantities.size()) << x.arm;
    for (const auto& [name, value] : x.quantities) {
      EXPECT_TRUE(y.quantities.at(name).value == value.value ||
                  (std::isnan(value.value) && std::isnan(y.quantities.at(name).value)))
          << name << " " << value.value;
      EXPECT_EQ(y.quantities.at(name).bound, value.bound) << name;
    }
  }
}

RunTable written_and_read(const RunTable& table, const Plan& plan) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "runs.csv", to_csv(table, plan.experiment));
  return read_run_table(folder / "runs.csv", plan);
}

// ---- collecting -----------------------------------------------------------------------------------------------------

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
  EXPECT_EQ(row.status, "completed");
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
  EXPECT_EQ(row_of(table, "none", 1).status, "missing");
  EXPECT_TRUE(row_of(table, "none", 1).quantities.empty());
  const RunRow& diverged = row_of(table, "none", 2);
  EXPECT_EQ(diverged.status, "diverged");
  EXPECT_EQ(diverged.last_step, 60);
  EXPECT_TRUE(std::isnan(diverged.quantities.at("accuracy").value));
  EXPECT_EQ(diverged.quantities.at("steps").value, 100);  // those it was to make
  EXPECT_EQ(diverged.quantities.at("steps").bound, Bound::at_least);
  const RunRow& failed = row_of(table, "batch", 1);
  EXPECT_EQ(failed.status, "failed");
  EXPECT_EQ(failed.error, "killed");
  EXPECT_TRUE(failed.quantities.empty());
  const RunRow& damaged = row_of(table, "batch", 2);
  EXPECT_EQ(damaged.status, "failed");
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
    EXPECT_EQ(row.status, "completed");
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
             "config.json: is of another config: training.batch_size must be 20, got 7"},
        Case{"no config", [](const fs::path& run) { fs::remove(run / "config.json"); }, "config.json"},
        Case{"no JSON", edit("config.json", cut), "config.json: can't be understood"}}) {
    const test::TemporaryFolder folder;
    const Plan plan = test::plan_of(ExperimentText{});
    write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t) { return FakeRun{}; });
    const fs::path run = folder / "runs" / plan.runs[0].name;
    one.damage(run);
    const RunRow row = row_of(collect(plan, folder.path()), "none", 1);
    EXPECT_EQ(row.status, "failed") << one.name;
    test::expect_contains(row.error, one.said);
    EXPECT_TRUE(row.quantities.empty()) << one.name;
    // It is run anew when failed ones are, and not before.
    const std::vector<Standing> runs = standings(plan, folder.path(), {});
    EXPECT_EQ(remaining(runs, false).size(), 0u) << one.name;
    EXPECT_EQ(remaining(runs, true).size(), 1u) << one.name;
    clear_failures(runs);
    EXPECT_FALSE(fs::exists(run)) << one.name;
    EXPECT_EQ(remaining(standings(plan, folder.path(), {}), false).size(), 1u) << one.name;
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
    for (const RunRow& row : collect(plan, folder.path()).rows) EXPECT_EQ(row.status, "completed") << row.error;
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
  const std::vector<Standing> runs = standings(after, folder.path(), {});
  EXPECT_TRUE(remaining(runs, true).empty());
  EXPECT_EQ(runs[0].task.directory.filename(), runs[0].task.name);
}

TEST(Collect, AResultWhoseFolderIsGoneStays) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(with_grid());
  write_runs(plan, folder.path(), by_point(plan));
  const RunTable table = collect(plan, folder.path());
  test::write_text(folder / "runs.csv", to_csv(table, plan.experiment));
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
  EXPECT_EQ(row_of(with_more, "none", 1).error, "its folder is gone, and runs.csv has no norm");
  EXPECT_EQ(row_of(with_more, "none", 1).quantities.at("loss").value, 0.01);
  EXPECT_EQ(row_of(with_more, "none", 2).quantities.at("norm").value, 0.02);
  // Another quantity under the same name: a sweep sets the numbers of the old one aside.
  config::ExperimentConfig edited = plan.experiment;
  prepare(make_plan(edited), {}, folder.path());
  edited.quantities[2].meaning = "words";
  prepare(make_plan(edited), {}, folder.path());
  EXPECT_TRUE(fs::exists(folder / "runs.csv"));
  edited.quantities[2].series.level = 0.25;
  prepare(make_plan(edited), {}, folder.path());
  EXPECT_FALSE(fs::exists(folder / "runs.csv"));
  EXPECT_TRUE(fs::exists(folder / "runs.csv.old"));
}

// ---- runs.csv -------------------------------------------------------------------------------------------------------

TEST(RunsCsv, Columns) {
  const Plan plan = test::plan_of(with_grid());
  EXPECT_EQ(parse_csv(to_csv(collect(plan, "/nowhere"), plan.experiment), "runs.csv").columns,
            (std::vector<std::string>{"arm", "optimizer.learning_rate", "seed", "run", "status", "accuracy", "loss",
                                      "steps", "steps_bound", "last_step", "error", "seconds", "steps_per_second",
                                      "instruction_set", "onednn", "git_revision", "threads", "dataset_sha256"}));
}

TEST(RunsCsv, ValuesAndBoundsComeBackEqual) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(with_grid());
  int count = 0;
  write_runs(plan, folder.path(), [&](const ArmPoint&, std::uint64_t) {
    ++count;
    FakeRun run;
    run.accuracies = {0.1, count % 2 == 0 ? 0.6 : 1.0 / 3, 1.0 / count};
    run.losses = {1, count % 3 == 0 ? nan : count % 3 == 1 ? -inf : 1e-30 / 7};
    return run;
  });
  RunTable table = collect(plan, folder.path());
  table.rows[0].error = "a, \"quoted\"\r\nerror | of two lines";
  table.rows[1].seconds = 123456789;
  expect_equal(written_and_read(table, plan), table);
  EXPECT_EQ(to_csv(written_and_read(table, plan), plan.experiment), to_csv(table, plan.experiment));
}

TEST(RunsCsv, MeasuredValuesHaveTheDigitsOfTheFile) {
  const test::TemporaryFolder folder;
  ExperimentText text = with_grid();
  text.quantities =
      text.quantities.substr(0, text.quantities.size() - 1) +
      R"(, {"name": "mean_loss", "file": "train.csv", "series": {"column": "loss", "over_time": "mean"}}])";
  const Plan plan = test::plan_of(text);
  write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t) {
    FakeRun run;
    run.losses = {0.1, 0.2, 0.2};
    return run;
  });
  const RunTable table = collect(plan, folder.path());
  EXPECT_EQ(row_of(table, "none", 1).quantities.at("mean_loss").value, 0.166666667);
  expect_equal(written_and_read(table, plan), table);
}

TEST(RunsCsv, OddValuesOfAxes) {
  const test::TemporaryFolder folder;
  for (const auto& [path, values] : std::vector<std::pair<std::string, std::string>>{
           {"normalization.mask", R"(["none", [1], {"every": 2}])"},
           {"network.description", R"(["a, b", "\"quoted\"", "two\nlines", "", " ", "nan", "0.1", "\u00e4"])"},
           {"record.batches", "[true, false]"},
           {"training.epochs", "[null, 2]"}}) {
    const Plan plan = test::plan_of(with_grid(values, path));
    write_runs(plan, folder.path(), by_point(plan));
    const RunTable table = collect(plan, folder.path());
    const RunTable read = written_and_read(table, plan);
    expect_equal(read, table);
    EXPECT_EQ(row_of(read, "g", 1, 1).axes.at(path), plan.points[3].settings[0].second);
    EXPECT_EQ(row_of(read, "best", 2).axes.at(path), plan.points[2].settings[0].second) << path;
    const config::CriterionConfig criterion{.name = {},
                                            .meaning = {},
                                            .type = config::CriterionType::range,
                                            .quantity = "loss",
                                            .arms = {"g"},
                                            .axis = path,
                                            .usable = {},
                                            .at_least = {},
                                            .more_than = {},
                                            .at_most = {},
                                            .less_than = {},
                                            .within = {},
                                            .source = {},
                                            .explanation = {}};
    const Evidence evidence = evidence_for(criterion, read, plan);
    ASSERT_EQ(evidence.arms[0].size(), plan.points.size() - 2) << path;
    for (std::size_t i = 0; i < evidence.arms[0].size(); ++i) {
      EXPECT_EQ(evidence.arms[0][i].axis, static_cast<double>(path == "training.epochs" && i == 1 ? 2 : i)) << path;
      EXPECT_EQ(evidence.arms[0][i].values.size(), 2u) << path;
    }
  }
}

/// runs.csv of a finished sweep after `change`, read with the experiment's plan.
class Damaged {
 public:
  Damaged() : plan_(test::plan_of(with_grid())) {
    const test::TemporaryFolder folder;
    write_runs(plan_, folder.path(), by_point(plan_));
    text_ = to_csv(collect(plan_, folder.path()), plan_.experiment);
  }

  std::string error(const std::function<void(std::string&)>& change) const {
    const test::TemporaryFolder folder;
    std::string text = text_;
    change(text);
    const fs::path file = folder / "runs.csv";
    test::write_text(file, text);
    const std::string said = test::error_text<DataError>([&] { read_run_table(file, plan_); });
    EXPECT_TRUE(said.starts_with(file.string())) << said;
    return said.substr(std::min(said.size(), file.string().size()));
  }
  /// After replacing the first `part`.
  std::string error(const std::string& part, const std::string& other) const {
    return error([&](std::string& text) {
      ASSERT_NE(text.find(part), std::string::npos) << part;
      text.replace(text.find(part), part.size(), other);
    });
  }
  const std::string& text() const { return text_; }

 private:
  Plan plan_;
  std::string text_;
};

TEST(RunsCsv, WhatDoesNotFitTheExperimentIsNamed) {
  const Damaged file;
  EXPECT_EQ(file.error("steps_bound", "steps_bond"),
            R"(: no column "steps_bound", which the experiment beside it needs)");
  EXPECT_EQ(file.error("optimizer.learning_rate", "optimizer.momentum"),
            R"(: no column "optimizer.learning_rate", which the experiment beside it needs)");
  EXPECT_EQ(file.error("\nnone,", "\nnon,"), R"(: row 1: arm "non" has no such point in the experiment beside it)");
  EXPECT_EQ(file.error("\ng,0.5,", "\ng,0.7,"), R"(: row 5: arm "g" has no such point in the experiment beside it)");
  EXPECT_EQ(file.error("\nbatch,,", "\nbatch,0.5,"),
            R"(: row 3: arm "batch" has no such point in the experiment beside it)");
  EXPECT_EQ(file.error("\nnone,,1,", "\nnone,,7,"),
            ": row 1: seed 7 of none stands twice, or is none of the experiment beside it");
  EXPECT_EQ(file.error("\nnone,,1,", "\nnone,,2,"),
            ": row 2: seed 2 of none stands twice, or is none of the experiment beside it");
  EXPECT_EQ(file.error([](std::string& text) {
    const std::size_t row = text.find("\ng,2,2");
    ASSERT_NE(row, std::string::npos);
    text.erase(row, text.find('\n', row + 1) - row);
  }),
            ": 1 rows are missing, such as that of g[learning_rate=2] with seed 2");
}

TEST(RunsCsv, DamageIsNamed) {
  const Damaged file;
  EXPECT_EQ(file.error("\nnone,,1,", "\nnone,,x,"), R"(: row 1: column seed: "x" is not a seed)");
  EXPECT_EQ(file.error("\nnone,,1,", "\nnone,,-1,"), R"(: row 1: column seed: "-1" is not a seed)");
  EXPECT_EQ(
      file.error("completed", "complete"),
      R"(: row 1: column status: "complete" is not one of missing, unfinished, completed, diverged, failed; did you )"
      R"(mean "completed"?)");
  EXPECT_EQ(file.error("completed,0.6", "completed,0.6x"), R"(: row 1: column accuracy: "0.6x" is not a number)");
  EXPECT_EQ(file.error(",100,,100,", ",100,about,100,"),
            R"(: row 1: column steps_bound: "about" is not at_least or empty)");
  EXPECT_EQ(file.error(",100,,100,", ",100,,1e2,"), R"(: row 1: column last_step: "1e2" is not a step)");
  EXPECT_EQ(file.error(",1.5,70,", ",,70,"), R"(: row 1: column seconds: "" is not a number)");
  EXPECT_EQ(file.error("\nnone,,1,", "\nnone,1,"), ":2: 17 values, expected 18");
  EXPECT_EQ(file.error([](std::string& text) { text.clear(); }), ": empty or cut off: it has no whole header");
  // Cut off within the rows that are measured; those of `best` can be made from them.
  const std::size_t last = file.text().find("\ng,2,2");
  EXPECT_EQ(file.error([&](std::string& text) { text.resize(last + 10); }),
            ": 1 rows are missing, such as that of g[learning_rate=2] with seed 2");
  const test::TemporaryFolder folder;
  test::expect_contains(
      test::error_text<DataError>([&] { read_run_table(folder / "runs.csv", test::plan_of(ExperimentText{})); }),
      "runs.csv");
}

TEST(RunsCsv, RowsOfTheBestAreMadeFromTheOthers) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(with_grid());
  write_runs(plan, folder.path(), by_point(plan));
  const RunTable table = collect(plan, folder.path());
  const std::string text = to_csv(table, plan.experiment);
  for (const std::string& changed : {text.substr(0, text.find("\nbest") + 1), text.substr(0, text.size() - 5),
                                     text + "best,2,1,x,completed,9,9,9,,9,,9,9,,,,,\n"}) {
    test::write_text(folder / "runs.csv", changed);
    expect_equal(read_run_table(folder / "runs.csv", plan), table);
  }
}

// ---- the best of an arm's points ------------------------------------------------------------------------------------

/// The choice after runs of the grid's points with these losses, each of one seed.
class Choosing {
 public:
  explicit Choosing(const std::string& better = "lower", const std::string& more = "") {
    ExperimentText text = with_grid();
    text.seeds = "2";
    text.quantities = R"([{"name": "accuracy", "where": {"split": "test"}, "series": {"column": "accuracy"}},
        {"name": "loss", "file": "train.csv", "series": {"column": "loss"}, "better": ")" +
                      better + "\"" + more + "}]";
    plan_ = test::plan_of(text);
  }

  /// `losses`: of each point, of seed 1 and 2.
  Choice choice(
      const std::vector<std::pair<double, double>>& losses,
      const std::function<void(std::size_t point, std::uint64_t seed, std::optional<FakeRun>&)>& change =
          [](auto, auto, auto&) {}) {
    const test::TemporaryFolder folder;
    write_runs(plan_, folder.path(), [&](const ArmPoint& point, std::uint64_t seed) {
      std::optional<FakeRun> run = FakeRun{};
      if (point.arm != "g") return run;
      const auto place = static_cast<std::size_t>(&point - plan_.points.data()) - 2;
      run->losses.back() = seed == 1 ? losses[place].first : losses[place].second;
      change(place, seed, run);
      return run;
    });
    const RunTable table = collect(plan_, folder.path());
    rows_of_best_ =
        std::count_if(table.rows.begin(), table.rows.end(), [](const RunRow& row) { return row.arm == "best"; });
    const std::vector<Choice> all = choices(table, plan_);
    EXPECT_EQ(all.size(), 1u);
    // The file says the same.
    EXPECT_EQ(choices(written_and_read(table, plan_), plan_)[0].point, all[0].point);
    return all[0];
  }
  std::ptrdiff_t rows_of_best() const { return rows_of_best_; }

 private:
  Plan plan_;
  std::ptrdiff_t rows_of_best_ = 0;
};

TEST(Choices, TheBestMeanOverTheSeeds) {
  Choosing lower("lower"), higher("higher");
  const Choice choice = lower.choice({{1, 5}, {2.5, 2.5}, {4, 3}});
  EXPECT_EQ(choice.arm, "best");
  EXPECT_EQ(choice.of, "g");
  EXPECT_EQ(choice.quantity, "loss");
  EXPECT_EQ(choice.point, "[learning_rate=0.1]");
  EXPECT_EQ(choice.mean, 2.5);
  EXPECT_EQ(choice.candidates,
            (std::vector<std::pair<std::string, double>>{
                {"[learning_rate=0.5]", 3}, {"[learning_rate=0.1]", 2.5}, {"[learning_rate=2]", 3.5}}));
  EXPECT_EQ(lower.rows_of_best(), 2);
  EXPECT_EQ(higher.choice({{1, 5}, {2.5, 2.5}, {4, 3}}).point, "[learning_rate=2]");
}

TEST(Choices, OfEqualOnesTheFirst) {
  Choosing lower("lower"), higher("higher");
  EXPECT_EQ(lower.choice({{3, 3}, {1, 3}, {2, 2}}).point, "[learning_rate=0.1]");
  EXPECT_EQ(higher.choice({{3, 3}, {1, 3}, {2, 4}}).point, "[learning_rate=0.5]");
}

/// The point chosen by steps to an accuracy, or to a number that is not finite, after runs with these test accuracies.
std::string chosen_by_steps(const std::string& series, const std::vector<std::vector<double>>& accuracies) {
  const test::TemporaryFolder folder;
  ExperimentText text = with_grid();
  text.quantities = R"([{"name": "accuracy", "where": {"split": "test"}, "series": {"column": "accuracy"}},
      {"name": "loss", "file": "train.csv", "series": {"column": "loss", )" +
                    series + "}}]";
  const Plan plan = test::plan_of(text);
  write_runs(plan, folder.path(), [&](const ArmPoint& point, std::uint64_t) {
    FakeRun run;
    const auto place = static_cast<std::size_t>(&point - plan.points.data());
    if (place >= 2) run.losses = accuracies[place - 2];
    return run;
  });
  return choices(collect(plan, folder.path()), plan)[0].point;
}

TEST(Choices, FewerStepsToALevelAreBetterAndMoreStepsToANumberThatIsNotFinite) {
  const std::string level = R"("over_time": "steps_to", "level": 5)", finite = R"("over_time": "first_non_finite")";
  EXPECT_EQ(chosen_by_steps(level, {{1, 2, 3}, {1, 5, 5}, {5, 5, 5}}), "[learning_rate=2]");
  EXPECT_EQ(chosen_by_steps(level, {{1, 2, 3}, {1, 5, 5}, {1, 2, 5}}), "[learning_rate=0.1]");
  // At the last step is better than never.
  EXPECT_EQ(chosen_by_steps(level, {{1, 2, 3}, {1, 2, 5}, {1, 2, 3}}), "[learning_rate=0.1]");
  EXPECT_EQ(chosen_by_steps(finite, {{inf, 2, 3}, {1, 2, nan}, {1, inf, 3}}), "[learning_rate=0.1]");
  EXPECT_EQ(chosen_by_steps(finite, {{1, 2, inf}, {1, 2, 3}, {1, inf, 3}}), "[learning_rate=0.1]");
}

TEST(Choices, WaitForEveryRun) {
  Choosing lower;
  for (const char* status : {"missing", "failed", "interrupted"}) {
    const Choice choice = lower.choice({{1, 1}, {2, 2}, {3, 3}}, [&](std::size_t place, std::uint64_t seed, auto& run) {
      if (place != 2 || seed != 2) return;
      if (std::string(status) == "missing")
        run.reset();
      else
        run->status = status;
    });
    EXPECT_EQ(choice.point, "") << status;
    EXPECT_EQ(choice.candidates[0].second, 1) << status;
    EXPECT_TRUE(std::isnan(choice.candidates[2].second)) << status;
    EXPECT_EQ(lower.rows_of_best(), 0) << status;
  }
}

TEST(Choices, RunsThatDiverged) {
  const auto diverge = [](std::size_t place, std::uint64_t seed, auto& run) {
    if (place != 0 || seed != 2) return;
    run->status = "diverged";
    run->losses.back() = nan;
  };
  Choosing without, with("lower", R"(, "when_diverged": 100)");
  Choice choice = without.choice({{0, 0}, {2, 2}, {3, 3}}, diverge);
  EXPECT_EQ(choice.point, "[learning_rate=0.1]");
  EXPECT_TRUE(std::isnan(choice.candidates[0].second));
  choice = with.choice({{0, 0}, {2, 2}, {3, 3}}, diverge);
  EXPECT_EQ(choice.point, "[learning_rate=0.1]");
  EXPECT_EQ(choice.candidates[0].second, 50);
  EXPECT_EQ(with.choice({{0, 0}, {80, 80}, {90, 90}}, diverge).point, "[learning_rate=0.5]");
  // Nothing to choose from.
  EXPECT_EQ(without.choice({{nan, 0}, {2, nan}, {nan, nan}}).point, "");
}

// ---- evidence -------------------------------------------------------------------------------------------------------

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
  EXPECT_EQ(evidence_for(criterion, table, plan).step_grid, 100);  // evaluated at the end alone
  Plan evaluated = plan;
  for (ArmPoint& point : evaluated.points) point.config.training.eval_every = 5;
  EXPECT_EQ(evidence_for(criterion, table, evaluated).step_grid, 5);
  criterion.quantity = "loss";
  EXPECT_EQ(evidence_for(criterion, table, plan).step_grid, 0);
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

TEST(Warnings, RunsThatWereNotMadeAlike) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(ExperimentText{});
  write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t) { return FakeRun{}; });
  EXPECT_TRUE(warnings_of(collect(plan, folder.path()), plan).empty());
  write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t seed) {
    FakeRun run;
    if (seed == 2) run = {.isa = "avx512", .threads = 2, .dataset_sha256 = "6be2"};
    return run;
  });
  EXPECT_EQ(warnings_of(collect(plan, folder.path()), plan),
            (std::vector<std::string>{"the runs differ in their instruction set: avx2, avx512",
                                      "the runs differ in their number of threads: 1, 2",
                                      "the runs differ in their data of drawn_digits (SHA-256): 5ad1, 6be2"}));
  // Of runs that have no result it says nothing.
  write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t seed) {
    FakeRun run;
    if (seed == 2) run = {.status = "failed", .isa = ""};
    return run;
  });
  EXPECT_TRUE(warnings_of(collect(plan, folder.path()), plan).empty());
}

TEST(Warnings, ArmsMayDifferInTheirData) {
  const test::TemporaryFolder folder;
  for (const char* set : {R"({"dataset.name": "fashion_mnist"})", R"({"dataset.synthetic.examples": 500})"}) {
    ExperimentText text;
    text.arms = R"([{"name": "none", "set": )" + std::string(set) + R"(}, {"name": "batch"}])";
    const Plan plan = test::plan_of(text);
    write_runs(plan, folder.path(),
               [](const ArmPoint& point, std::uint64_t) { return FakeRun{.dataset_sha256 = point.arm}; });
    EXPECT_TRUE(warnings_of(collect(plan, folder.path()), plan).empty()) << set;
  }
}

}  // namespace
}  // namespace bnlab::experiments

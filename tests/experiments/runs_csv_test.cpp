#include "experiments/runs_csv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "experiments/evidence.h"
#include "experiments/run_table_testing.h"
#include "util/csv_table.h"
#include "util/errors.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;

TEST(RunsCsv, Columns) {
  const Plan plan = test::plan_of(with_grid());
  EXPECT_EQ(parse_csv(to_csv(collect(plan, "/nowhere")), "runs.csv").columns,
            (std::vector<std::string>{"arm",
                                      "optimizer.learning_rate",
                                      "seed",
                                      "run",
                                      "status",
                                      "accuracy",
                                      "loss",
                                      "steps",
                                      "steps_bound",
                                      "steps_from",
                                      "last_step",
                                      "error",
                                      "seconds",
                                      "steps_per_second",
                                      "instruction_set",
                                      "onednn",
                                      "git_revision",
                                      "threads",
                                      "dataset_sha256",
                                      "machine",
                                      "build",
                                      "initial_weights_sha256",
                                      "train_sha256",
                                      "doubt",
                                      "plan"}));
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
  table.rows[0].error = "a, \"quoted\"\nerror | of two lines";
  table.rows[1].seconds = 123456789;
  expect_equal(written_and_read(table, plan), table);
  EXPECT_EQ(to_csv(written_and_read(table, plan)), to_csv(table));
}

/// The text of runs.csv without some of its columns.
std::string without_columns(const std::string& text, const std::vector<std::string>& names) {
  const CsvTable table = parse_csv(text, "runs.csv");
  std::vector<std::vector<std::string>> lines{table.columns};
  lines.insert(lines.end(), table.rows.begin(), table.rows.end());
  std::string result;
  for (const std::vector<std::string>& line : lines) {
    std::string joined;
    for (std::size_t i = 0; i < line.size(); ++i)
      if (std::ranges::find(names, table.columns[i]) == names.end()) joined += (joined.empty() ? "" : ",") + line[i];
    result += joined + "\n";
  }
  return result;
}

// Files of an earlier version: a number of steps lies above it less the steps between two rows.
TEST(RunsCsv, LowEndsThatAFileLacksComeFromTheConfig) {
  ExperimentText text;
  text.arms = R"([{"name": "often", "set": {"training.eval_every": 20}}, {"name": "at_end"}])";
  text.criteria = R"([{"name": "c", "type": "value", "quantity": "steps", "arms": ["often"]}])";
  const Plan plan = test::plan_of(text);
  const test::TemporaryFolder folder;
  write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t seed) {
    FakeRun run;
    if (seed == 2) run.accuracies = {0.1, 0.2, 0.3};
    return run;
  });
  const RunTable table = collect(plan, folder.path());
  EXPECT_EQ(known(row_of(table, "often", 1).quantities.at("steps")).low, 50);
  test::write_text(folder / "runs.csv", without_columns(to_csv(table), {"steps_from", "machine", "build", "plan"}));
  const auto expect_from_config = [](const RunTable& earlier) {
    EXPECT_EQ(known(row_of(earlier, "often", 1).quantities.at("steps")).low, 80);
    EXPECT_EQ(known(row_of(earlier, "at_end", 1).quantities.at("steps")).low, 0);
    EXPECT_EQ(known(row_of(earlier, "often", 2).quantities.at("steps")).low, 100);  // never
    EXPECT_EQ(row_of(earlier, "often", 1).machine, "");
  };
  expect_from_config(read_run_table(folder / "runs.csv", plan));
  // The rows stay when the folders are gone.
  fs::remove_all(folder / "runs");
  expect_from_config(collect(plan, folder.path()));
  expect_from_config(written_and_read(collect(plan, folder.path()), plan));
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
           {"normalization.normalize_input", "[true, false]"},
           {"training.epochs", "[null, 2]"}}) {
    const Plan plan = test::plan_of(with_grid(values, path));
    write_runs(plan, folder.path(), by_point(plan));
    const RunTable table = collect(plan, folder.path());
    const RunTable read = written_and_read(table, plan);
    expect_equal(read, table);
    EXPECT_EQ(row_of(read, "g", 1, 1).axes.at(path), plan.points[3].settings[0].second);
    EXPECT_EQ(row_of(read, "best", 2).axes.at(path), plan.points[2].settings[0].second) << path;
    config::CriterionConfig criterion;
    criterion.type = config::CriterionType::range;
    criterion.quantity = "loss";
    criterion.arms = {"g"};
    criterion.axis = path;
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
    text_ = to_csv(collect(plan_, folder.path()));
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
  EXPECT_EQ(file.error("steps_bound", "steps_bond"), R"(: no column "steps_bound", which experiment.json needs)");
  EXPECT_EQ(file.error("optimizer.learning_rate", "optimizer.momentum"),
            R"(: no column "optimizer.learning_rate", which experiment.json needs)");
  EXPECT_EQ(file.error("\nnone,", "\nnon,"), R"(: row 1: experiment.json has no such point of arm "non")");
  EXPECT_EQ(file.error("\ng,0.5,", "\ng,0.7,"), R"(: row 5: experiment.json has no such point of arm "g")");
  EXPECT_EQ(file.error("\nbatch,,", "\nbatch,0.5,"), R"(: row 3: experiment.json has no such point of arm "batch")");
  EXPECT_EQ(file.error("\nnone,,1,", "\nnone,,7,"),
            ": row 1: seed 7 of none appears twice, or is not in experiment.json");
  EXPECT_EQ(file.error([](std::string& text) {
    const std::size_t first = text.find("\nnone,,1,"), second = text.find("\nnone,,2,");
    text.insert(second, text.substr(first, second - first));
  }),
            ": row 2: seed 1 of none appears twice, or is not in experiment.json");
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
  EXPECT_EQ(file.error(",100,,50,100,", ",100,about,50,100,"),
            R"(: row 1: column steps_bound: "about" is not at_least or empty)");
  EXPECT_EQ(file.error(",100,,50,100,", ",100,,fifty,100,"), R"(: row 1: column steps_from: "fifty" is not a number)");
  EXPECT_EQ(file.error(",100,,50,100,", ",100,,100,100,"), R"(: row 1: column steps_from: "100" is not below 100)");
  EXPECT_EQ(file.error(",100,,50,100,", ",100,,50,1e2,"), R"(: row 1: column last_step: "1e2" is not a step)");
  EXPECT_EQ(file.error(",1.5,70,", ",,70,"), R"(: row 1: column seconds: "" is not a number)");
  EXPECT_EQ(file.error("\nnone,,1,", "\nnone,1,"), ":2: 24 values, expected 25");
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
  const std::string text = to_csv(table);
  for (const std::string& changed : {text.substr(0, text.find("\nbest") + 1), text.substr(0, text.size() - 5),
                                     text + "best,2,1,x,completed,9,9,9,,8,9,,9,9,,,,,,,,,,,\n"}) {
    test::write_text(folder / "runs.csv", changed);
    expect_equal(read_run_table(folder / "runs.csv", plan), table);
  }
}

}  // namespace
}  // namespace bnlab::experiments

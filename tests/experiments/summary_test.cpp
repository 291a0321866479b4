// The means of a sweep, as a file and as a table.
#include "experiments/summary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "config/load.h"
#include "experiments/run_table_testing.h"
#include "util/csv_table.h"
#include "util/text_table.h"

namespace bnlab::experiments {
namespace {

/// none, batch, a grid of three rates and its best, with three seeds; `accuracy` of each run by its point and seed.
struct Made {
  ExperimentText text = with_grid();
  Plan plan;
  test::TemporaryFolder folder;

  explicit Made(const Writing& run) {
    text.seeds = "3";
    plan = test::plan_of(text);
    write_runs(plan, folder.path(), run);
  }
  Summary summary() const { return summarize(plan, collect(plan, folder.path())); }
};

FakeRun with_accuracy(double accuracy) {
  FakeRun run;
  run.accuracies.back() = accuracy;
  return run;
}

TEST(Summary, MeansDeviationsAndIntervals) {
  const double values[] = {0.5, 0.25, 0.125};
  const Made made([&](const ArmPoint& point, std::uint64_t seed) {
    FakeRun run = with_accuracy(point.arm == "batch" ? values[seed - 1] : 0.75);
    run.losses.back() = point.label == "g[learning_rate=0.1]" ? 0.5 : 1.0;
    return run;
  });
  const Summary summary = made.summary();
  ASSERT_EQ(summary.rows.size(), 6u);  // none, batch, three rates, the best of these
  const SummaryRow& batch = summary.rows[1];
  EXPECT_EQ(batch.arm, "batch");
  EXPECT_EQ(batch.runs, 3u);
  EXPECT_EQ(batch.completed, 3u);
  const SummaryCell& accuracy = batch.cells[0];
  const double mean = 0.875 / 3;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / 2);
  const double t = 4.302652729749464;  // 97.5 % of Student's t with 2 degrees of freedom, from a table
  EXPECT_EQ(accuracy.count, 3u);
  EXPECT_NEAR(accuracy.mean, mean, 1e-9);
  EXPECT_NEAR(accuracy.deviation, deviation, 1e-9);
  EXPECT_NEAR(accuracy.half_interval, t * deviation / std::sqrt(3.0), 1e-8);
  EXPECT_EQ(summary.rows[0].cells[0].deviation, 0);
  EXPECT_EQ(summary.rows[0].cells[0].half_interval, 0);
  EXPECT_EQ(summary.rows.back().arm, "best");
  EXPECT_EQ(summary.rows.back().axes.at("optimizer.learning_rate"), "0.1");
}

TEST(Summary, RunsWithoutANumberAreCountedAndNotAveraged) {
  const Made made([](const ArmPoint& point, std::uint64_t seed) -> std::optional<FakeRun> {
    FakeRun run = with_accuracy(0.5);
    if (point.arm == "none" && seed == 1) run.status = "diverged";
    if (point.arm == "batch" && seed < 3) run.status = "failed";
    if (point.arm == "g" && seed < 3) return std::nullopt;
    if (point.arm == "g") run.status = "diverged";
    return run;
  });
  const Summary summary = made.summary();
  const SummaryRow &none = summary.rows[0], &batch = summary.rows[1], &grid = summary.rows[2];
  EXPECT_EQ(none.completed, 2u);
  EXPECT_EQ(none.diverged, 1u);
  EXPECT_EQ(none.cells[0].count, 2u);
  EXPECT_EQ(none.cells[0].mean, 0.5);
  EXPECT_EQ(batch.failed, 2u);
  EXPECT_EQ(batch.cells[0].count, 1u);
  EXPECT_EQ(batch.cells[0].mean, 0.5);
  EXPECT_TRUE(std::isnan(batch.cells[0].half_interval));
  EXPECT_EQ(grid.missing(), 2u);
  EXPECT_EQ(grid.cells[0].count, 0u);
  EXPECT_TRUE(std::isnan(grid.cells[0].mean));
  const std::string text = text_table(summary, made.plan.experiment, 100);
  for (const char* part : {"diverged", "failed", "missing", "accuracy (%)", "(2 of 3)", "50 (1 of 3)", " - "})
    test::expect_contains(text, part);
  const Made whole([](const ArmPoint&, std::uint64_t) { return with_accuracy(0.5); });
  for (const char* part : {"diverged", "failed", "missing", " of "})
    EXPECT_EQ(text_table(whole.summary(), whole.plan.experiment, 100).find(part), std::string::npos) << part;
}

TEST(Summary, ALevelThatIsNotReachedIsABound) {
  const Made made([](const ArmPoint& point, std::uint64_t seed) {
    return with_accuracy(point.arm == "batch" && seed == 2 ? 0.1 : 0.75);
  });
  const Summary summary = made.summary();
  EXPECT_EQ(summary.rows[0].cells[2].bound, Bound::exact);
  EXPECT_EQ(summary.rows[1].cells[2].bound, Bound::at_least);
  test::expect_contains(text_table(summary, made.plan.experiment, 100), ">= ");
  const CsvTable csv = parse_csv(to_csv(summary), "summary.csv");
  EXPECT_EQ(csv.rows[0][*csv.find("steps_bound")], "");
  EXPECT_EQ(csv.rows[1][*csv.find("steps_bound")], "at_least");
}

TEST(Summary, MeansAreShownInTheUnitsOfTheQuantities) {
  const SummaryCell accuracy = summarize({{0.968}, {0.970}, {0.972}});
  EXPECT_EQ(mean_text(accuracy, 3, percent), "97.00 +- 0.50");
  EXPECT_EQ(mean_text(accuracy, 4, percent), "97.00 +- 0.50 (3 of 4)");
  EXPECT_EQ(mean_text(accuracy, 3, {}), "0.9700 +- 0.0050");
  // A factor is the power of the mean logarithm, its interval that of the ends.
  Unit factor;
  factor.is_factor = true;
  const SummaryCell logarithm = summarize({{std::log(2.0) - 0.01}, {std::log(2.0)}, {std::log(2.0) + 0.01}});
  EXPECT_EQ(mean_text(logarithm, 3, factor), "2.000 [1.951, 2.050]");
  factor.is_backwards = true;
  EXPECT_EQ(mean_text(logarithm, 3, factor), "0.5000 [0.4877, 0.5126]");
  EXPECT_EQ(mean_text(summarize({{50000}, {50000}}), 2, {}), "50,000");
  EXPECT_EQ(mean_text(summarize({{0.9712}}), 1, percent), "97.12");
}

TEST(Summary, ALevelThatTheFirstRowHasIsAnUpperBound) {
  const auto reached = [](double low, double at) { return Value{.value = at, .between = Interval{low, at}}; };
  const SummaryCell first = summarize({reached(0, 500), reached(0, 500)});
  EXPECT_EQ(first.bound, Bound::at_most);
  EXPECT_EQ(mean_text(first, 2, {}), "<= 500");
  EXPECT_EQ(summarize({reached(0, 500), reached(500, 1000)}).bound, Bound::exact);
  EXPECT_EQ(summarize({reached(0, 500), {.value = 500, .bound = Bound::at_least}}).bound, Bound::at_least);
}

TEST(Summary, TheFileHasARowForEachArmAndPoint) {
  Made made([](const ArmPoint&, std::uint64_t seed) { return with_accuracy(0.25 * static_cast<double>(seed)); });
  const CsvTable csv = parse_csv(to_csv(made.summary()), "summary.csv");
  EXPECT_EQ(csv.columns, (std::vector<std::string>{"arm",         "optimizer.learning_rate",
                                                   "runs",        "completed",
                                                   "diverged",    "failed",
                                                   "accuracy_n",  "accuracy_mean",
                                                   "accuracy_sd", "accuracy_half_interval",
                                                   "loss_n",      "loss_mean",
                                                   "loss_sd",     "loss_half_interval",
                                                   "steps_n",     "steps_mean",
                                                   "steps_sd",    "steps_half_interval",
                                                   "steps_bound", "plan"}));
  ASSERT_EQ(csv.rows.size(), 6u);
  EXPECT_EQ((std::vector<std::string>(csv.rows[0].begin(), csv.rows[0].begin() + 10)),
            (std::vector<std::string>{"none", "", "3", "3", "0", "0", "3", "0.5", "0.25", "0.621034428"}));
  EXPECT_EQ(csv.rows[2][1], "0.5");
}

TEST(Summary, TextsHaveNoQuotes) {
  ExperimentText text = with_grid(R"(["group", "layer"])", "normalization.type");
  text.arms.replace(text.arms.find(R"("set": {"normalization.type": "layer"}, )"), 40, "");
  const Plan plan = test::plan_of(text);
  const test::TemporaryFolder folder;
  const Summary summary = summarize(plan, collect(plan, folder.path()));
  const CsvTable csv = parse_csv(to_csv(summary), "summary.csv");
  EXPECT_EQ(csv.rows[2][1], "group");
  EXPECT_EQ(csv.rows[2][*csv.find("accuracy_n")], "0");
  EXPECT_EQ(csv.rows[2][*csv.find("accuracy_mean")], "");
}

TEST(Summary, TheTableFits) {
  Made made([](const ArmPoint& point, std::uint64_t seed) -> std::optional<FakeRun> {
    FakeRun run = with_accuracy(point.arm == "none" ? 0.1 : 0.5 + 0.01 * static_cast<double>(seed));
    if (point.arm == "none" && seed == 1) run.status = "diverged";
    return run;
  });
  for (config::ArmConfig& arm : made.plan.experiment.arms) arm.meaning = "ä long meaning of an arm";
  Summary summary = made.summary();
  for (SummaryRow& row : summary.rows) row.arm += "_with_a_very_long_name_that_nobody_reads_to_its_end_but_is_there";
  for (const std::size_t width : {60u, 80u, 100u}) {
    std::istringstream lines(text_table(summary, made.plan.experiment, width));
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) EXPECT_LE(display_width(line), width) << line;
    EXPECT_GT(count, summary.rows.size());
  }
  // Every quantity is there, whatever the width.
  for (const char* name : {"accuracy", "loss", "steps"})
    test::expect_contains(text_table(summary, made.plan.experiment, 60), name);
}

TEST(DefaultQuantities, AreTheFinalOnesOfTheTestSplit) {
  ExperimentText text;
  text.quantities = text.criteria = "[]";
  const Plan plan = test::plan_of(text);
  ASSERT_EQ(plan.experiment.quantities.size(), 2u);
  EXPECT_EQ(plan.experiment.quantities[0].name, "test_accuracy");
  EXPECT_EQ(plan.experiment.quantities[1].name, "test_loss");
  EXPECT_EQ(plan.experiment.quantities[1].better, config::Better::lower);
  const test::TemporaryFolder folder;
  write_runs(plan, folder.path(), [](const ArmPoint&, std::uint64_t) { return with_accuracy(0.5); });
  const Summary summary = summarize(plan, collect(plan, folder.path()));
  EXPECT_EQ(summary.rows[0].cells[0].mean, 0.5);
  EXPECT_EQ(summary.rows[0].cells[1].mean, 1);
  // Where several statistics are evaluated, the first that all points have.
  text.base.insert(text.base.size() - 1, R"(, "evaluation": {"statistics": ["batch", "running"]})");
  text.arms = R"([{"name": "a"}, {"name": "b", "set": {"evaluation.statistics": ["running"]}}])";
  const config::QuantityConfig quantity = test::plan_of(text).experiment.quantities[0];
  EXPECT_EQ(quantity.where.columns.back(),
            (std::pair<std::string, std::vector<std::string>>{"statistics", {"running"}}));
}

}  // namespace
}  // namespace bnlab::experiments

#pragma once
// What the tests of runs, their table and what is made of it share.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "experiments/collect.h"
#include "experiments/experiment_testing.h"
#include "experiments/run_table.h"
#include "experiments/runs_csv.h"

namespace bnlab::experiments {

using test::ExperimentText;
using test::FakeRun;

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double inf = std::numeric_limits<double>::infinity();

/// none, batch, a grid of three rates, and its best by the loss.
inline ExperimentText with_grid(const std::string& values = "[0.5, 0.1, 2]",
                                const std::string& path = "optimizer.learning_rate") {
  ExperimentText text;
  text.arms = R"([{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch"},
      {"name": "g", "set": {"normalization.type": "layer"}, "grid": {")" +
              path + "\": " + values + R"(}}, {"name": "best", "best_of": {"arm": "g", "quantity": "loss"}}])";
  return text;
}

using Writing = std::function<std::optional<FakeRun>(const ArmPoint&, std::uint64_t seed)>;

/// The directories of a plan's runs; none where `run` gives none.
inline void write_runs(const Plan& plan, const std::filesystem::path& directory, const Writing& run) {
  for (const PlannedRun& one : plan.runs)
    if (const auto fake = run(plan.points[one.point], one.seed))
      test::write_run(directory / "runs" / one.name, *fake, one.config);
}

/// Each run has a loss of its own: the place of its point + the seed / 100.
inline Writing by_point(const Plan& plan) {
  return [&plan](const ArmPoint& point, std::uint64_t seed) {
    FakeRun run;
    run.losses.back() = static_cast<double>(&point - plan.points.data()) + static_cast<double>(seed) / 100;
    return run;
  };
}

inline const RunRow& row_of(const RunTable& table, std::string_view arm, std::uint64_t seed, std::size_t place = 0) {
  for (const RunRow& row : table.rows)
    if (row.arm == arm && row.seed == seed && place-- == 0) return row;
  throw std::logic_error("no row of " + std::string(arm));
}

inline void expect_equal(const RunTable& a, const RunTable& b) {
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
    EXPECT_EQ(x.machine, y.machine);
    EXPECT_EQ(x.build, y.build);
    ASSERT_EQ(x.quantities.size(), y.quantities.size()) << x.arm;
    for (const auto& [name, value] : x.quantities) {
      EXPECT_TRUE(y.quantities.at(name).value == value.value ||
                  (std::isnan(value.value) && std::isnan(y.quantities.at(name).value)))
          << name << " " << value.value;
      EXPECT_EQ(y.quantities.at(name).bound, value.bound) << name;
      const std::optional<Interval>& between = y.quantities.at(name).between;
      ASSERT_EQ(between.has_value(), value.between.has_value()) << name;
      if (!between) continue;
      EXPECT_EQ(between->low, value.between->low) << name;
      EXPECT_EQ(between->high, value.between->high) << name;
    }
  }
}

inline RunTable written_and_read(const RunTable& table, const Plan& plan) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "runs.csv", to_csv(table));
  return read_run_table(folder / "runs.csv", plan);
}

}  // namespace bnlab::experiments

// The best of an arm's points.
#include "experiments/choices.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/run_table_testing.h"
#include "experiments/warnings.h"

namespace bnlab::experiments {
namespace {

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

TEST(Choices, OfAnotherArm) {
  ExperimentText text = with_grid();
  text.arms.insert(text.arms.rfind(']'), R"(, {"name": "h", "set": {"training.batch_size": 7},
      "grid": {"optimizer.learning_rate": [0.1, 0.5, 2]}},
      {"name": "h_at_best_of_g", "best_of": {"arm": "h", "chosen_by": "g", "quantity": "loss"}})");
  text.quantities = R"([{"name": "accuracy", "where": {"split": "test"}, "series": {"column": "accuracy"}},
      {"name": "loss", "file": "train.csv", "series": {"column": "loss"}, "better": "lower"}])";
  const Plan plan = test::plan_of(text);
  const test::TemporaryFolder folder;
  write_runs(plan, folder.path(), [&](const ArmPoint& point, std::uint64_t) {
    std::optional<FakeRun> run = FakeRun{};
    const bool is_best = point.label == "g[learning_rate=2]" || point.label == "h[learning_rate=0.1]";
    run->losses.back() = is_best ? 1 : 3;
    return run;
  });
  const RunTable table = collect(plan, folder.path());
  const std::vector<Choice> all = choices(table, plan);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].of, "h");
  EXPECT_EQ(all[1].by, "g");
  EXPECT_EQ(all[1].point, "[learning_rate=2]");
  EXPECT_EQ(all[1].mean, 1);  // that of g, by which it is chosen
  for (const RunRow& row : table.rows)
    if (row.arm == "h_at_best_of_g") {
      EXPECT_EQ(row.quantities.at("loss").value, 3);
    }
  EXPECT_NE(edges_of_choices({all[1]}, plan), "");
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

/// What is said of a choice among an arm's points.
std::string edge(const std::string& grid, const std::string& chosen) {
  ExperimentText text = with_grid();
  text.arms = R"([{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch"}, {"name": "g", )" + grid +
              R"(}, {"name": "best", "best_of": {"arm": "g", "quantity": "loss"}}])";
  Choice choice;
  choice.arm = "best";
  choice.of = choice.by = "g";
  choice.point = chosen;
  return edges_of_choices({choice}, test::plan_of(text));
}

TEST(EdgeOfChoice, TheSmallestAndTheLargestOfNumbers) {
  const std::string rates = R"("grid": {"optimizer.learning_rate": [0.5, 0.1, 2]})";
  const std::string said =
      "best points at the edge of their grid, beyond which better ones may lie: optimizer.learning_rate ";
  EXPECT_EQ(edge(rates, "[learning_rate=0.5]"), "");
  EXPECT_EQ(edge(rates, "[learning_rate=0.1]"), said + "0.1 is the smallest of 3 values (best)");
  EXPECT_EQ(edge(rates, "[learning_rate=2]"), said + "2 is the largest of 3 values (best)");
  EXPECT_EQ(edge(rates, ""), "");                                                               // undecided
  EXPECT_EQ(edge(R"("grid": {"optimizer.learning_rate": [0.5]})", "[learning_rate=0.5]"), "");  // nothing is chosen
  const std::string fixed = R"("grid": {"optimizer.learning_rate": [0.1, 0.5, 2], "training.epochs": [1]})";
  EXPECT_EQ(edge(fixed, "[learning_rate=0.5,epochs=1]"), "");
  EXPECT_EQ(edge(fixed, "[learning_rate=2,epochs=1]"), said + "2 is the largest of 3 values (best)");
  // Words have no order.
  EXPECT_EQ(edge(R"("grid": {"normalization.type": ["layer", "none"]})", "[type=none]"), "");
}

TEST(EdgeOfChoice, ArmsWithTheSameEdgeShareALine) {
  ExperimentText text = with_grid();
  text.arms =
      R"([{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch"},
      {"name": "g", "grid": {"optimizer.learning_rate": [0.1, 0.5, 2]}},
      {"name": "a", "best_of": {"arm": "g", "quantity": "loss"}},
      {"name": "b", "best_of": {"arm": "g", "quantity": "loss"}},
      {"name": "c", "best_of": {"arm": "g", "quantity": "loss"}},
      {"name": "d", "best_of": {"arm": "g", "quantity": "loss"}}])";
  std::vector<Choice> choices(4);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    choices[i].arm = std::string(1, static_cast<char>('a' + i));
    choices[i].of = choices[i].by = "g";
    choices[i].point =
        std::vector{"[learning_rate=2]", "[learning_rate=0.1]", "[learning_rate=2]", "[learning_rate=0.5]"}[i];
  }
  EXPECT_EQ(edges_of_choices(choices, test::plan_of(text)),
            "best points at the edge of their grid, beyond which better ones may lie: optimizer.learning_rate 2 is the "
            "largest of 3 values (a, c); optimizer.learning_rate 0.1 is the smallest of 3 values (b)");
}

TEST(EdgeOfChoice, EachAxisOfAGridOrAZip) {
  const std::string values = R"({"optimizer.learning_rate": [0.1, 0.5, 2], "optimizer.weight_decay": [0, 1e-3, 1e-2]})";
  EXPECT_EQ(edge("\"grid\": " + values, "[learning_rate=0.5,weight_decay=0.001]"), "");
  test::expect_contains(edge("\"grid\": " + values, "[learning_rate=2,weight_decay=0.001]"),
                        "may lie: optimizer.learning_rate 2 is the largest of 3 values (best)");
  test::expect_contains(
      edge("\"zip\": " + values, "[learning_rate=0.1,weight_decay=0]"),
      "optimizer.learning_rate 0.1 is the smallest of 3 values (best); optimizer.weight_decay 0 is the "
      "smallest of 3 values (best)");
}

}  // namespace
}  // namespace bnlab::experiments

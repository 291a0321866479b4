// An ablation from the command line: axes, metrics and seeds as texts.
#include "config/ablation.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "config/config_testing.h"
#include "config/experiment.h"
#include "util/test_files.h"

namespace bnlab::config {
namespace {

using Texts = std::vector<std::string>;

class AblationTest : public testing::Test {
 protected:
  void SetUp() override { test::write_text(folder_ / "mine.json", config_with(R"(, "description": "d")")); }

  ExperimentConfig made(const Texts& grid, const Texts& zip = {}, const Texts& metrics = {}) const {
    return to_experiment({.file = (folder_ / "mine.json").string(),
                          .settings = {"training.steps=7"},
                          .grid = grid,
                          .zip = zip,
                          .metrics = metrics,
                          .seeds = {}});
  }

  void expect_error(const Texts& grid, const Texts& zip, const std::string& line) const {
    EXPECT_EQ(error_lines([&] { made(grid, zip); }), ErrorLines{line});
  }

  void expect_metric_error(const std::string& metric, const std::string& problem) const {
    EXPECT_EQ(error_lines([&] { made({"a=1"}, {}, {metric}); }), ErrorLines{"--metric " + metric + ": " + problem});
  }

  test::TemporaryFolder folder_;
};

std::vector<JsonText> values(const Texts& texts) {
  std::vector<JsonText> all;
  for (const std::string& text : texts) all.push_back({text});
  return all;
}

TEST_F(AblationTest, ValuesAreJsonOrWords) {
  const ExperimentConfig one =
      made({R"(a.b=0.10, none ,true,null,-1e-3,"x,y",two words,"")", R"(c=[1,3],{"d":[",",2]},all)"});
  ASSERT_EQ(one.arms.size(), 1u);
  const auto& paths = one.arms[0].grid.paths;
  ASSERT_EQ(paths.size(), 2u);
  EXPECT_EQ(paths[0].first, "a.b");
  EXPECT_EQ(paths[0].second, values({"0.1", "\"none\"", "true", "null", "-0.001", "\"x,y\"", "\"two words\"", "\"\""}));
  EXPECT_EQ(paths[1].second, values({"[1, 3]", R"({"d": [",", 2]})", "\"all\""}));
}

TEST_F(AblationTest, IsAnExperimentWithoutClaimAndProfile) {
  const ExperimentConfig one =
      made({"optimizer.learning_rate=1,2"}, {"normalization.type=none,batch", "dataset.limit=5,6"});
  EXPECT_EQ(one.name, "mine_learning_rate_type_limit");
  EXPECT_EQ(one.profile + one.claim + one.source, "");
  EXPECT_TRUE(one.criteria.empty() && one.quantities.empty());
  EXPECT_EQ(one.seeds, Seeds{});
  EXPECT_EQ(one.arms[0].zip.paths.size(), 2u);
  const RunConfig base = parse(one.base.text, {}, ".", "base");
  EXPECT_EQ(base.training.steps, 7);
  EXPECT_EQ(base.description, "");
  EXPECT_EQ(parse_experiment(to_json(one), "experiment.json"), one);
}

TEST_F(AblationTest, WrongAxesAreNamed) {
  expect_error({"a"}, {}, "--grid a: must be PATH=VALUE,VALUE,..., such as optimizer.learning_rate=0.01,0.1");
  expect_error({"=1"}, {}, "--grid =1: must be PATH=VALUE,VALUE,..., such as optimizer.learning_rate=0.01,0.1");
  expect_error({"a="}, {}, "--grid a=: value 1 is empty");
  expect_error({"a=1, ,2"}, {}, "--grid a=1, ,2: value 2 is empty");
  expect_error({"a=1,2,"}, {}, "--grid a=1,2,: value 3 is empty");
  expect_error({"a=1", "a=2"}, {}, "--grid a=2: the axis a is given twice");
  expect_error({"a=1"}, {"a=2"}, "--zip: a is an axis of the grid");
  expect_error({"a=1,2,1"}, {}, "--grid a=1,2,1: must not repeat the value 1, got [1, 2, 1]");
  expect_error({"a..b=1"}, {}, "--grid a..b=1: must be a dotted path such as optimizer.learning_rate");
  expect_error({"training.seed=1", "a=1"}, {}, "--grid: must leave training.seed to seeds");
  expect_error({}, {"a=1,2", "b=1"}, "--zip: must have lists of equal length, got 1 values of b and 2 of a");
  const ErrorLines lines = error_lines([&] { made({"a=[1,2"}); });
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].rfind("--grid a=[1,2: value 1: not valid JSON", 0), 0u) << lines[0];
}

TEST_F(AblationTest, WrongConfigsAreNamedAsInTraining) {
  test::write_text(folder_ / "mine.json", config_with(R"(, "trainin": {})"));
  const std::string file = (folder_ / "mine.json").string();
  EXPECT_EQ(error_lines([&] { made({"a=1"}); }), error_lines([&] { load(file, {"training.steps=7"}); }));
}

QuantityConfig quantity(const std::string& file, const std::string& name, SeriesConfig series, RowFilter where = {}) {
  QuantityConfig one;
  one.name = name;
  one.file = file;
  one.where = std::move(where);
  one.series = std::move(series);
  return one;
}

TEST_F(AblationTest, MetricsAreQuantities) {
  const RowFilter test_split{{{"split", {"test"}}}};
  const auto series = [](const char* column, OverTime over_time) {
    SeriesConfig one;
    one.column = column;
    one.over_time = over_time;
    return one;
  };
  SeriesConfig mean = series("loss", OverTime::mean), level = series("accuracy", OverTime::steps_to),
               at = series("q50", OverTime::at);
  mean.last = 100;
  level.level = 0.9;
  at.step = 500;
  const std::vector<std::pair<std::string, QuantityConfig>> cases{
      {"accuracy", quantity("eval.csv", "test_accuracy", series("accuracy", OverTime::final), test_split)},
      {"accuracy:best", quantity("eval.csv", "test_accuracy_best", series("accuracy", OverTime::best), test_split)},
      {"eval.csv:accuracy:steps_to:0.9", quantity("eval.csv", "test_accuracy_steps_to_0.9", level, test_split)},
      {"train.csv:loss:mean:100", quantity("train.csv", "train_loss_mean_100", mean)},
      {"x=eval.csv[split=train,statistics=batch]:loss",
       quantity("eval.csv", "x", series("loss", OverTime::final), {{{"split", {"train"}}, {"statistics", {"batch"}}}})},
      {"activation_distribution.csv[layer=act:1,unit=0]:q50:at:500",
       quantity("activation_distribution.csv", "activation_distribution_act_1_0_q50_at_500", at,
                {{{"layer", {"act:1"}}, {"unit", {"0"}}}})},
      {R"({"name": "j", "file": "train.csv", "series": {"column": "loss"}, "better": "lower"})",
       quantity("train.csv", "j", series("loss", OverTime::final))}};
  for (const auto& [text, expected] : cases) {
    const ExperimentConfig one = made({"a=1"}, {}, {text});
    ASSERT_EQ(one.quantities.size(), 1u) << text;
    QuantityConfig got = one.quantities[0];
    EXPECT_EQ(got.better, expected.series.column == "loss" ? Better::lower : Better::higher) << text;
    got.meaning.clear();
    got.better = expected.better;
    EXPECT_EQ(got, expected) << text;
  }
  EXPECT_EQ(made({"a=1"}, {}, {"accuracy"}).quantities[0].meaning, "final test accuracy");
}

TEST_F(AblationTest, WrongMetricsAreNamed) {
  const std::string form =
      "must be [NAME=][FILE[COLUMN=VALUE,...]:]COLUMN[:REDUCTION[:NUMBER]], such as eval.csv:accuracy:best, or a "
      "quantity as JSON";
  for (const char* text : {"", ":", "=accuracy", "eval.csv", "eval.csv:", "eval.csv:a:final:1:2", "eval.csv[split]:a",
                           "eval.csv[split=test:a", "eval.csv[=x]:a"})
    expect_metric_error(text, form);
  expect_metric_error("accuracy:final:3", R"("final" takes no number, got "3")");
  expect_metric_error("loss:mean:0", "series.last: must be at least 1, got 0");
  expect_metric_error("loss:at:x", R"(series.step: must be an integer, got "x")");
  expect_metric_error("a b=loss",
                      R"(name: must be letters, digits, ., _ and -, the first a letter or a digit, got "a b")");
  EXPECT_TRUE(any_contains(error_lines([&] { made({"a=1"}, {}, {"accuracy:bst"}); }), R"(did you mean "best"?)"));
  EXPECT_TRUE(any_contains(error_lines([&] { made({"a=1"}, {}, {"{\"nam\": 1}"}); }), R"(did you mean "name"?)"));
  EXPECT_EQ(error_lines([&] { made({"a=1"}, {}, {"loss", "eval.csv:loss"}); }).size(), 1u);  // one name twice
  EXPECT_EQ(error_lines([&] { made({"a=1"}, {}, {"seed=loss"}); }).size(), 1u);              // a column of runs.csv
}

TEST(Seeds, ACountOrAList) {
  EXPECT_EQ(parse_seeds("3"), (Seeds{{1, 2, 3}}));
  EXPECT_EQ(parse_seeds("1,5, 9"), (Seeds{{1, 5, 9}}));
  EXPECT_EQ(parse_seeds("[7]"), (Seeds{{7}}));
  const std::string form = "must be a number of seeds, or a list of seeds such as 1,5,9";
  for (const std::string text : {"", "x", "1,", "1.5", "1,[2]", "\"3\"", "{}"})
    EXPECT_TRUE(any_contains(error_lines([&] { parse_seeds(text); }), "--seeds " + text + ": " + form)) << text;
  for (const std::string text : {"0", "1001", "-1", "1,1", "1,-1", "[]", "99999999999999999999"})
    EXPECT_EQ(error_lines([&] { parse_seeds(text); }).size(), 1u) << text;
}

}  // namespace
}  // namespace bnlab::config

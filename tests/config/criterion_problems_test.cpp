// What is wrong in the criteria of an experiment file is named.
#include "config/experiment.h"

#include <gtest/gtest.h>

#include <string>

#include "config/csv_columns.h"
#include "config/experiment_config_testing.h"
#include "config/writer.h"

namespace bnlab::config {
namespace {

TEST(CriterionProblems, AThresholdNeedsASource) {
  const std::string rest = R"("quantity": "accuracy", "arms": ["batch", "none"])";
  for (const char* threshold : {R"("type": "difference", "at_least": 0, )", R"("type": "ratio", "at_most": 0.5, )",
                                R"("type": "equality", "within": 0.5, )", R"("type": "ratio", "more_than": 1, )",
                                R"("type": "ratio", "less_than": 1, )"})
    expect_problem(with_criterion(threshold + rest),
                   "8: criteria.0.source: must be set for a criterion with a threshold");
  EXPECT_EQ(experiment_problems(with_criterion(R"("type": "difference", )" + rest)), ErrorLines{});
}

TEST(CriterionProblems, AContrastHasAWeightForEachArm) {
  const auto contrast = [](const std::string& rest) {
    return with_criterion(R"("type": "contrast", "quantity": "accuracy", "arms": ["batch", "none"])" + rest);
  };
  EXPECT_EQ(experiment_problems(contrast(R"(, "weights": [1, 1])")), ErrorLines{});
  expect_problem(contrast(""), "8: criteria.0.weights: must have one number for each of the 2 arms");
  expect_problem(contrast(R"(, "weights": [1, -1, 1])"),
                 "8: criteria.0.weights: must have one number for each of the 2 arms, got [1, -1, 1]");
  expect_problem(contrast(R"(, "weights": [1, 0])"),
                 "8: criteria.0.weights: must not be 0: leave that arm out, got [1, 0]");
  expect_problem(
      with_criterion(R"("type": "ratio", "quantity": "accuracy", "arms": ["batch", "none"], "weights": [1, 2])"),
      "8: criteria.0.weights: only for type contrast, got type ratio");
}

TEST(CriterionProblems, APointThatAnotherArmChooses) {
  const auto of = [](const std::string& best, const std::string& other = R"({"x": [1, 2], "y": [5]})") {
    ExperimentText text =
        with_arms(R"([{"name": "a"}, {"name": "g", "grid": {"x": [1, 2, 3], "y": [5]}},
        {"name": "h", "grid": )" +
                  other + R"(}, {"name": "best", "best_of": {"arm": "g", "quantity": "loss", )" + best + "}}]");
    text.quantities = R"([{"name": "accuracy", "where": {"split": "test"}, "series": {"column": "accuracy"}},
                          {"name": "loss", "file": "train.csv", "series": {"column": "loss"}}])";
    return experiment_problems(text);
  };
  const auto expect = [&](const ErrorLines& lines, const std::string& problem) {
    EXPECT_TRUE(any_contains(lines, "arms.3.best_of: " + problem)) << problem;
  };
  const std::string by_h = R"("chosen_by": "h")";
  EXPECT_EQ(of(by_h), ErrorLines{});
  expect(of(R"("chosen_by": "i")"), R"(no arm "i"; there are a, g, h, best)");
  expect(of(R"("chosen_by": "g")"), R"(chosen_by must name an arm other than "g")");
  expect(of(R"("chosen_by": "a")"), R"(arms "g" and "a" must have the same axes, got x, y and none)");
  expect(of(by_h, R"({"x": [1, 4], "y": [5]})"), R"(arm "g" has no x 4, which arm "h" may choose)");
}

TEST(CriterionProblems, AnExplanationIsOneLine) {
  expect_problem(with_criterion(R"("type": "value", "quantity": "accuracy", "arms": ["none"], "explanation": "a\nb")"),
                 R"(8: criteria.0.explanation: must be one line, got "a\nb")");
}

TEST(CriterionProblems, UnknownArmsAndQuantitiesOfCriteria) {
  expect_problem(with_criterion(R"("type": "value", "quantity": "acuracy", "arms": ["none"])"),
                 R"(8: criteria.0.quantity: no quantity "acuracy"; there are accuracy, loss, steps; did you mean )"
                 R"("accuracy"?)");
  expect_problem(with_criterion(R"("type": "value", "quantity": "accuracy", "arms": ["bach"])"),
                 R"(8: criteria.0.arms: no arm "bach"; there are none, batch; did you mean "batch"?)");
  expect_problem(with_criterion(R"("type": "value", "quantity": "accuracy", "arms": ["bach[learning_rate=0.1]"])"),
                 R"(8: criteria.0.arms: no arm "bach"; there are none, batch; did you mean "batch"?)");
  expect_problem(with_criterion(R"("type": "value", "quantity": "accuracy", "arms": ["zzzzz"])"),
                 R"(8: criteria.0.arms: no arm "zzzzz"; there are none, batch)");
  expect_problem(with_criterion(R"("type": "value", "quantity": "accuracy", "arms": ["batch[x=1]"])"),
                 R"(8: criteria.0.arms: arm "batch" has no axes, so no point "batch[x=1]")");
}

TEST(CriterionProblems, TheNumberOfArmsOfACriterion) {
  const auto expect = [](const std::string& type, const std::string& arms, const std::string& rule) {
    ExperimentText text = with_arms(
        R"([{"name": "a", "grid": {"x": [1, 2]}}, {"name": "b", "grid": {"x": [1, 2]}}, {"name": "c", "grid": {"x": [1]}},
            {"name": "d"}, {"name": "e"}, {"name": "f"}])",
        R"({"name": "c", "type": ")" + type + R"(", "quantity": "accuracy", "arms": )" + arms + "}");
    const ErrorLines lines = experiment_problems(text);
    if (rule.empty())
      EXPECT_EQ(lines, ErrorLines{}) << type << arms;
    else
      EXPECT_TRUE(any_contains(lines, "criteria.0.arms: must be " + rule)) << type << arms;
  };
  const std::string two = R"(["d", "e"])", three = R"(["d", "e", "f"])", one = R"(["d"])";
  expect("value", one, "");
  expect("value", two, "one arm, got 2");
  for (const std::string type : {"difference", "ratio"}) {
    expect(type, one, "two arms, got 1");
    expect(type, two, "");
    expect(type, three, "two arms, got 3");
  }
  expect(R"(equality", "within": 1, "source": "s)", two, "");
  expect(R"(equality", "within": 1, "source": "s)", three, "two arms, got 3");
  expect("order", one, "at least two arms, got 1");
  expect("order", three, "");
  const std::string x = R"(", "axis": "x)";
  expect("range" + x, R"(["a"])", "");
  expect("range" + x, R"(["a", "b"])", "one arm, got 2");
  expect("log_slope" + x, R"(["a", "b"])", "");
  expect("log_slope" + x, R"(["a", "b", "c"])", "one or two arms, got 3");
  expect(R"(widest_interval", "usable": 1, "axis": "x)", R"(["a", "b", "c"])", "one or two arms, got 3");
}

TEST(CriterionProblems, AxesOfCriteria) {
  const std::string arms =
      R"([{"name": "a", "grid": {"optimizer.learning_rate": [1, 2]}}, {"name": "b"},
{"name": "two", "grid": {"x": [1, 2], "y": [3, 4]}}, {"name": "zipped", "zip": {"x": [1, 2], "y": [3, 4]}}])";
  const auto expect = [&](const std::string& criterion, const std::string& expected) {
    const ExperimentText text = with_arms(arms, R"({"name": "c", "quantity": "accuracy", )" + criterion + "}");
    if (expected.empty())
      EXPECT_EQ(experiment_problems(text), ErrorLines{}) << criterion;
    else
      expect_problem(text, "9: criteria.0." + expected);
  };
  expect(R"("type": "range", "arms": ["a"], "axis": "optimizer.learning_rat")",
         R"(axis: arm "a" has no axis "optimizer.learning_rat"; there are optimizer.learning_rate; did you mean )"
         R"("optimizer.learning_rate"?)");
  expect(R"("type": "range", "arms": ["b"], "axis": "x")", R"(axis: arm "b" has no axis "x")");
  expect(R"("type": "range", "arms": ["two"], "axis": "x")",
         R"(arms: arm "two" has more than one axis; zip them, or make an arm of each)");
  expect(R"("type": "range", "arms": ["zipped"], "axis": "x")", "");
  expect(R"("type": "log_slope", "arms": ["two[x=1,y=3]"], "axis": "x")",
         R"(arms: must be arms with an axis, got the point "two[x=1,y=3]")");
  expect(R"("type": "value", "arms": ["two"])",
         R"(arms: arm "two" has axes; name one of its points, such as "two[x=1,y=3]", or an arm that is its best_of)");
  expect(R"("type": "value", "arms": ["two[x=1,y=3]"])", "");
}

}  // namespace
}  // namespace bnlab::config

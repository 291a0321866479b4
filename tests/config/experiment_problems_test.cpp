// What is wrong in an experiment file is named.
#include "config/experiment.h"

#include <gtest/gtest.h>

#include <string>

#include "config/csv_columns.h"
#include "config/experiment_config_testing.h"
#include "config/writer.h"

namespace bnlab::config {
namespace {

TEST(ExperimentProblems, TheSmallestExperimentHasNone) {
  EXPECT_EQ(experiment_problems(ExperimentText{}), ErrorLines{});
  EXPECT_EQ(experiment_problems(with_more(R"("$schema": "schema.json")")), ErrorLines{});
}

TEST(ExperimentProblems, WhatIsRequired) {
  const ErrorLines lines = experiment_problems("{}");
  for (const char* field : {"base", "arms"})
    EXPECT_TRUE(any_contains(lines, "e.json:1: " + std::string(field) + ": is required")) << field;
  EXPECT_EQ(lines.size(), 2u);
  const ErrorLines inside = experiment_problems(
      R"({"claim": "", "source": "", "base": "", "arms": [{}], "quantities": [{"series": {}}], "criteria": [{}]})");
  for (const char* problem :
       {"base: must not be empty", "arms.0.name: is required", "quantities.0.name: is required",
        "quantities.0.series.column: is required", "criteria.0.name: is required", "criteria.0.type: is required",
        "criteria.0.quantity: is required", "criteria.0.arms: is required"})
    EXPECT_TRUE(any_contains(inside, problem)) << problem;
  ExperimentText none;
  none.arms = "[]";
  EXPECT_TRUE(any_contains(experiment_problems(none), "arms: must have at least 1 entry"));
}

TEST(ExperimentProblems, UnknownKeysAndChoices) {
  expect_problem(with_more(R"("figur": {})"), R"(9: figur: unknown key; did you mean "figure"?)");
  expect_problem(with_arms(R"([{"name": "a", "sett": {}}])"), R"(5: arms.0.sett: unknown key; did you mean "set"?)");
  expect_problem(with_quantity(R"("series": {"column": "a", "over_time": "finl"})"),
                 "7: quantities.0.series.over_time: must be one of final, best, minimum, maximum, mean, median, range, "
                 "area, standard_deviation, detrended_deviation, at, at_level, steps_to, "
                 R"(first_non_finite, got "finl"; did you mean "final"?)");
  expect_problem(with_criterion(R"("type": "diference", "quantity": "accuracy", "arms": ["none"])"),
                 "8: criteria.0.type: must be one of value, difference, ratio, log_slope, range, widest_interval, "
                 R"(equality, order, contrast, got "diference"; did you mean "difference"?)");
}

TEST(ExperimentProblems, FieldsThatDoNotApply) {
  expect_problem(with_quantity(R"("series": {"column": "a", "level": 1})"),
                 "7: quantities.0.series.level: only for over_time at_level, steps_to, got over_time final");
  expect_problem(with_quantity(R"("series": {"column": "a", "when": {"column": "b"}})"),
                 "7: quantities.0.series.when: only for over_time at_level, got over_time final");
  expect_problem(with_quantity(R"("series": {"column": "a", "over_time": "at_level"})"),
                 "7: quantities.0.series.when: must be set for at_level");
  expect_problem(
      with_quantity(R"("series": {"column": "a", "over_time": "at_level", "when": {"column": "b", "wher": {}}})"),
      R"(7: quantities.0.series.when.wher: unknown key; did you mean "where"?)");
  expect_problem(with_quantity(R"("series": {"column": "a", "over_time": "best", "last": 1})"),
                 "7: quantities.0.series.last: only for over_time mean, median, standard_deviation, "
                 "detrended_deviation, got over_time best");
  expect_problem(with_quantity(R"("series": {"column": "a", "over_time": "mean", "last": 0})"),
                 "7: quantities.0.series.last: must be at least 1, got 0");
  expect_problem(with_quantity(R"("series": {"column": "a", "step": 3})"),
                 "7: quantities.0.series.step: only for over_time at, got over_time final");
  expect_problem(with_quantity(R"("series": {"column": "a"}, "divided_by": {"column": "a", "over_time": "steps_to"})"),
                 "7: quantities.0.divided_by: cannot be combined with steps_to or first_non_finite, got "
                 R"({"column": "a", "over_time": "steps_to"})");
  for (const char* steps : {"steps_to", "first_non_finite"}) {
    const std::string series = R"("series": {"column": "a", "over_time": ")" + std::string(steps) + "\"}";
    expect_problem(
        with_quantity(series + R"(, "when_diverged": 0)"),
        "7: quantities.0.when_diverged: cannot be combined with steps_to or first_non_finite, which count the "
        "steps of a diverged run, got 0");
    expect_problem(with_quantity(series + R"(, "over_rows": "log_slope")"),
                   "7: quantities.0.over_rows: can't be log_slope of steps_to or first_non_finite, got "
                   "\"log_slope\"");
  }
  const std::string rest = R"(, "quantity": "accuracy", "arms": ["none", "batch"], "source": "s")";
  expect_problem(with_criterion(R"("type": "difference", "axis": "x")" + rest),
                 "8: criteria.0.axis: only for type log_slope, range, widest_interval, got type difference");
  expect_problem(with_criterion(R"("type": "equality", "within": 1, "at_least": 1)" + rest),
                 "8: criteria.0.at_least: only for type value, difference, ratio, log_slope, range, widest_interval, "
                 "contrast, got type equality");
  expect_problem(
      with_criterion(R"("type": "order", "at_most": 1)" + rest),
      "8: criteria.0.at_most: only for type value, difference, ratio, log_slope, range, widest_interval, contrast, got "
      "type order");
  expect_problem(with_criterion(R"("type": "difference", "usable": 1)" + rest),
                 "8: criteria.0.usable: only for type widest_interval, got type difference");
  expect_problem(with_criterion(R"("type": "equality")" + rest), "8: criteria.0.within: must be set for equality");
  expect_problem(with_criterion(R"("type": "difference", "at_least": 3, "at_most": 1)" + rest),
                 "8: criteria.0.at_most: must not be below at_least, got 1");
  const auto expect_thresholds = [&](const std::string& thresholds, const std::string& expected) {
    expect_problem(with_criterion(R"("type": "difference", )" + thresholds + rest), "8: criteria.0." + expected);
  };
  expect_thresholds(R"("at_least": 3, "more_than": 3)", "more_than: cannot be combined with at_least, got 3");
  expect_thresholds(R"("at_most": 3, "less_than": 3)", "less_than: cannot be combined with at_most, got 3");
  expect_thresholds(R"("more_than": 3, "at_most": 3)", "at_most: must be above more_than, got 3");
  expect_thresholds(R"("at_least": 3, "less_than": 3)", "less_than: must be above at_least, got 3");
  expect_thresholds(R"("more_than": 3, "less_than": 3)", "less_than: must be above more_than, got 3");
  expect_problem(with_more(R"("figure": {"type": "curves", "quantity": "accuracy"})"),
                 "9: figure.quantity: only for type axis, heat_map, got type curves");
}

TEST(ExperimentProblems, AFindingIsOneLine) {
  expect_problem(with_more(R"("finding": "a\nb")"), R"(9: finding: must be one line, got "a\nb")");
}

TEST(ExperimentProblems, Names) {
  for (const char* name :
       {"", "a b", "a[b", "a/b", "..", ".", "-a", "a,b", "a|b", "a\\u0000", "a\\nb", "*", "\\u00e4", "a\\\"b"}) {
    ExperimentText text;
    text.arms = R"([{"name": ")" + std::string(name) + R"("}])";
    text.quantities = R"([{"name": ")" + std::string(name) + R"(", "series": {"column": "a"}}])";
    text.criteria = R"([{"name": ")" + std::string(name) + R"(", "type": "value", "quantity": "q", "arms": ["a"]}])";
    const ErrorLines lines = experiment_problems(text);
    for (const char* section : {"5: arms", "7: quantities", "8: criteria"})
      EXPECT_TRUE(any_contains(lines, std::string(section) + ".0.name: must ")) << name << " " << section;
    EXPECT_EQ(lines.size(), 3u) << name;
  }
  expect_problem(with_arms(R"([{"name": "a b"}])"),
                 R"(5: arms.0.name: must be letters, digits, ., _ and -, the first a letter or a digit, got "a b")");
  for (const char* name : {"a/b", "../x", "a\\\\b"})
    EXPECT_TRUE(any_contains(experiment_problems(with_more(R"("name": ")" + std::string(name) + "\"")),
                             "9: name: must be a plain file name"))
        << name;
  expect_problem(with_arms(R"([{"name": "a"}, {"name": "a"}])"), R"(5: arms.1.name: duplicate name, got "a")");
  ExperimentText text;
  text.quantities =
      R"([{"name": "accuracy", "series": {"column": "a"}}, {"name": "accuracy", "series": {"column": "b"}}])";
  expect_problem(text, R"(7: quantities.1.name: duplicate name, got "accuracy")");
  text = {};
  text.criteria = text.criteria.substr(0, text.criteria.size() - 1) + "," + text.criteria.substr(1);
  expect_problem(text, R"(8: criteria.1.name: duplicate name, got "higher")");
}

TEST(ExperimentProblems, QuantitiesAreNoOtherColumnOfTheRuns) {
  const auto expect = [](const std::string& name, bool refused) {
    ExperimentText text;
    text.arms = R"([{"name": "a", "grid": {"dataset.limit": [1]}}, {"name": "b"}])";
    text.quantities = R"([{"name": ")" + name + R"(", "series": {"column": "a"}},
                          {"name": "s", "series": {"column": "a", "over_time": "steps_to", "level": 1}}])";
    text.criteria = R"([{"name": "c", "type": "value", "quantity": "s", "arms": ["b"]}])";
    const std::string problem =
        R"(e.json:7: quantities.0.name: must not be the name of another column of runs.csv, got ")";
    EXPECT_EQ(experiment_problems(text), refused ? ErrorLines{problem + name + "\""} : ErrorLines{});
  };
  for (const RunColumnName& column : run_columns) expect(std::string(column.name), true);
  expect("dataset.limit", true);
  expect("s_bound", true);
  expect("s_from", true);
  expect("s_bounds", false);
  expect("limit", false);
}

TEST(ExperimentProblems, Arms) {
  expect_problem(with_arms(R"([{"name": "a", "set": {"training.seed": 3}}])"),
                 "5: arms.0.set: must leave training.seed to seeds");
  const auto of_axes = [](const std::string& arm) {
    return with_arms(R"([{"name": "a"}, {"name": "x", )" + arm + "}]");
  };
  expect_problem(of_axes(R"("grid": {"training.seed": [3, 4]})"), "5: arms.1.grid: must leave training.seed to seeds");
  expect_problem(of_axes(R"("zip": {"training.seed": [3, 4]})"), "5: arms.1.zip: must leave training.seed to seeds");
  expect_problem(of_axes(R"("grid": {"p": [1]}, "set": {"p": 2})"), "5: arms.1.set: must not set p, which is an axis");
  expect_problem(of_axes(R"("grid": {"p": [1]}, "zip": {"p": [2]})"), "5: arms.1.zip: p is an axis of the grid");
  expect_problem(of_axes(R"("zip": {"p": [1]}, "set": {"p": 2})"), "5: arms.1.set: must not set p, which is an axis");
  expect_problem(of_axes(R"("zip": {"p": [1, 2], "q": [2]})"),
                 "5: arms.1.zip: must have lists of equal length, got 1 values of q and 2 of p");
  expect_problem(of_axes(R"("grid": {"p": []})"), "5: arms.1.grid.p: must be a list of 1 to 1000 values, got []");
  expect_problem(of_axes(R"("grid": {"p": 3})"), "5: arms.1.grid.p: must be a list of 1 to 1000 values, got 3");
  expect_problem(of_axes(R"("grid": {"p": [1, 2, 1]})"),
                 "5: arms.1.grid.p: must not repeat the value 1, got [1, 2, 1]");
  expect_problem(of_axes(R"("differs_in": ["p"])"), R"(5: arms.1.differs_in: only with config, got ["p"])");
  for (const char* path : {"", ".a", "a.", "a..b", "a=b"})
    for (const std::string& field :
         {R"("set": {")" + std::string(path) + R"(": 1})", R"("grid": {")" + std::string(path) + R"(": [1]})"})
      EXPECT_TRUE(
          any_contains(experiment_problems(of_axes(field)), "must be a dotted path such as optimizer.learning_rate"))
          << field;
}

TEST(ExperimentProblems, BestOf) {
  const auto with_best = [](const std::string& best, const std::string& more = "") {
    ExperimentText text;
    text.arms =
        R"([{"name": "none"}, {"name": "batch"}, {"name": "g", "grid": {"x": [1, 2]}}, {"name": "best", "best_of": )" +
        best + more + "}]";
    text.quantities.replace(0, 1,
                            R"([{"name": "validation", "where": {"split": ["validation"]}, "series": {"column": "a"}},
        {"name": "any", "series": {"column": "a"}},
        {"name": "both", "where": {"split": ["validation", "test"]}, "series": {"column": "a"}},
        {"name": "waits", "where": {"split": "validation"}, "series": {"column": "a", "over_time": "at_level",
         "when": {"column": "b", "where": {"split": "test"}}}}, )");
    return text;
  };
  EXPECT_EQ(experiment_problems(with_best(R"({"arm": "g", "quantity": "loss"})")), ErrorLines{});
  EXPECT_EQ(experiment_problems(with_best(R"({"arm": "g", "quantity": "validation"})")), ErrorLines{});
  for (const std::string name : {"accuracy", "any", "both", "waits"})
    expect_problem(with_best(R"({"arm": "g", "quantity": ")" + name + "\"}"),
                   R"(5: arms.3.best_of: must choose on the train or the validation split; quantity ")" + name +
                       R"(" looks at the test split)");
  expect_problem(with_best(R"({"arm": "gg", "quantity": "loss"})"),
                 R"(5: arms.3.best_of: no arm "gg"; there are none, batch, g, best; did you mean "g"?)");
  expect_problem(
      with_best(R"({"arm": "g", "quantity": "los"})"),
      R"(5: arms.3.best_of: no quantity "los"; there are validation, any, both, waits, accuracy, loss, steps; did you )"
      R"(mean "loss"?)");
  for (const std::string arm : {"none", "best"})
    expect_problem(with_best(R"({"arm": ")" + arm + R"(", "quantity": "loss"})"),
                   R"(5: arms.3.best_of: arm ")" + arm + R"(" has no axes to choose from)");
  expect_problem(
      with_best(R"({"arm": "g", "quantity": "loss"})", R"(, "set": {"p": 1})"),
      R"(5: arms.3.best_of: cannot be combined with set, grid, zip or config, got {"arm": "g", "quantity": "loss"})");
}

TEST(ExperimentProblems, Profiles) {
  const auto with_profile = [](const std::string& profile) {
    ExperimentText text;
    text.arms = R"([{"name": "none"}, {"name": "batch"}, {"name": "g", "grid": {"optimizer.learning_rate": [1, 2]}},
                    {"name": "z", "zip": {"x": [1, 2], "y": [3, 4]}}])";
    text.more = ",\n" + profile;
    return text;
  };
  EXPECT_EQ(
      experiment_problems(with_profile(R"("quick": {"levels": {"steps": 1}, "axes": {"x": [5, 6]}, "seeds": 1})")),
      ErrorLines{});
  expect_problem(
      with_profile(R"("quick": {
    "levels": {"step": 1}})"),
      R"(11: quick.levels.step: no quantity "step"; there are accuracy, loss, steps; did you mean "steps"?)");
  expect_problem(with_profile(R"("full": {"levels": {"accuracy": 1}})"),
                 R"(10: full.levels.accuracy: quantity "accuracy" has no level: it is not at_level or steps_to)");
  expect_problem(
      with_profile(R"("quick": {"seeds": 2,
    "axes": {"optimizer.learning_rat": [1]}})"),
      R"(11: quick.axes."optimizer.learning_rat": the arms have no axis "optimizer.learning_rat"; there are )"
      R"(optimizer.learning_rate, x, y; did you mean "optimizer.learning_rate"?)");
  expect_problem(with_profile(R"("full": {"axes": {"y": [1]}})"),
                 R"(10: full.axes.y: must keep the lists of arm "z", which are zipped, of equal length)");
  expect_problem(with_profile(R"("full": {"axes": {"x": [1]}})"),
                 R"(10: full.axes.x: must keep the lists of arm "z", which are zipped, of equal length)");
  EXPECT_EQ(experiment_problems(with_profile(R"("full": {"axes": {"x": [1], "y": [2]}})")), ErrorLines{});
  expect_problem(with_profile(R"("full": {"set": {"training.seed": 1}})"),
                 R"(10: full.set."training.seed": must leave training.seed to seeds)");
  expect_problem(with_profile(R"("quick": {"minutes": -1})"), "10: quick.minutes: must be at least 0, got -1");
}

TEST(ExperimentProblems, Figure) {
  const auto with_figure = [](const std::string& figure) {
    ExperimentText text;
    text.arms = R"([{"name": "none"}, {"name": "batch"}, {"name": "g", "grid": {"dataset.limit": [1]}}])";
    text.more = ",\n\"figure\": {\"log_x\": true,\n" + figure + "}";
    return text;
  };
  expect_problem(with_figure(R"("type": "axis", "quantity": "acc")"),
                 R"(10: figure.quantity: no quantity "acc"; there are accuracy, loss, steps)");
  expect_problem(with_figure(R"("arms": ["bach"])"),
                 R"(10: figure.arms: no arm "bach"; there are none, batch, g; did you mean "batch"?)");
  expect_problem(with_figure(R"("type": "axis", "quantity": "loss", "axis": "dataset.limt")"),
                 R"(10: figure.axis: the arms have no axis "dataset.limt"; there are dataset.limit; did you mean )"
                 R"("dataset.limit"?)");
  EXPECT_EQ(experiment_problems(with_figure(R"("type": "axis", "quantity": "loss", "axis": "dataset.limit")")),
            ErrorLines{});
  expect_problem(with_figure(R"("type": "axis", "quantity": "loss", "arms": ["none", "batch"])"),
                 R"(10: figure.type: needs an arm with an axis)");
  expect_problem(with_figure(R"("type": "heat_map", "quantity": "loss")"),
                 R"(10: figure.type: needs an arm with two axes)");
  expect_problem(with_figure(R"("type": "curves", "column": "acuracy")"),
                 R"(10: figure.column: eval.csv has no column "acuracy"; did you mean "accuracy"?)");
  expect_problem(with_figure(R"("type": "curves", "file": "train.csv", "column": "loss", "where": {"split": "test"})"),
                 R"(10: figure.where: train.csv has no column "split")");
  EXPECT_EQ(experiment_problems(with_figure(R"("type": "curves", "file": "p.csv", "column": "x")")), ErrorLines{});
  expect_problem(with_figure(R"("type": "curves", "divided_by": "los")"),
                 R"(10: figure.divided_by: eval.csv has no column "los"; did you mean "loss"?)");
  expect_problem(with_figure(R"("criterion": "highr")"), R"(10: figure.criterion: no criterion "highr"; )"
                                                         R"(there are higher; did you mean "higher"?)");
}

TEST(ExperimentProblems, Seeds) {
  const auto expect = [](const std::string& seeds, const std::string& problem) {
    ExperimentText text;
    text.seeds = seeds;
    expect_problem(text, "6: seeds" + problem);
  };
  expect("0", ": must be between 1 and 1000, got 0");
  expect("1001", ": must be between 1 and 1000, got 1001");
  expect("[]", ": must have at least 1 entry, got []");
  expect("[1, 1]", ".1: must not repeat an entry, got 1");
  expect("[-1]", ".0: must be at least 0, got -1");
  expect("\"3\"", ": must be a number of seeds, or a list of them, got \"3\"");
}

TEST(ExperimentProblems, WrongTypes) {
  const std::string valid = to_json(everything());
  Json root = parse_json(valid, 0).root;
  int damaged = 0;
  const auto visit = [&](const auto& self, Json& json, const std::string& path) -> void {
    // Settings and values of axes may be anything; what they set is checked when they are applied.
    if (path.ends_with(".set") || path.ends_with(".grid") || path.ends_with(".zip") || path.ends_with(".axes")) return;
    if (!path.empty()) {
      const Json saved = json;
      // Nothing takes a list of lists of true.
      Json inner = Json::list();
      inner.items = {Json(true)};
      json = Json::list();
      json.items = {inner};
      const ErrorLines lines = experiment_problems(format_json(root));
      EXPECT_TRUE(any_contains(lines, ": " + path)) << path;
      json = saved;
      ++damaged;
    }
    for (std::size_t i = 0; i < json.items.size(); ++i)
      self(self, json.items[i], path + (path.empty() ? "" : ".") + std::to_string(i));
    for (JsonMember& member : json.members) self(self, member.value, path + (path.empty() ? "" : ".") + member.key);
  };
  // A list that loses an entry's right value is named by the list where its entries have no paths of their own.
  root.find("quantities")->items.resize(1);
  root.find("quantities")->items[0].find("where")->members.clear();
  root.find("criteria")->items[1].set("arms", parse_json(R"(["best", "zip"])", 0).root);
  visit(visit, root, "");
  EXPECT_GT(damaged, 80);
}

TEST(ExperimentProblems, DeepAndHugeText) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
  };
  const auto with_value = [](const std::string& value) {
    return with_arms(R"([{"name": "a", "set": {"p": )" + value + "}}]");
  };
  EXPECT_TRUE(any_contains(experiment_problems(with_value(nested(100000))), "nested deeper than 256 levels"));
  // As deep as a text may be, and still when it's written and read again.
  const ExperimentConfig deep = parse_experiment(with_value(nested(252)).text(), "e");
  EXPECT_EQ(there_and_back(deep), deep);
  std::string million = "[0";
  for (int i = 1; i < 1'000'000; ++i) million += ",0";
  EXPECT_TRUE(any_contains(experiment_problems(with_value(million + "]")), "more than 300000 values"));
  EXPECT_TRUE(any_contains(experiment_problems("{\"claim\": \"a\", \"claim\": \"b\"}"), "appears twice"));
  EXPECT_TRUE(any_contains(experiment_problems(""), "e.json:1:1: the text is empty"));
  EXPECT_TRUE(any_contains(experiment_problems("[]"), "e.json:1: must be an object, got []"));
  EXPECT_TRUE(any_contains(experiment_problems("{\"claim\": \"a\","), "not valid JSON"));
}

}  // namespace
}  // namespace bnlab::config

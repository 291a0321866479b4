#pragma once
// What the tests of experiment files share.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "config/config_testing.h"
#include "config/experiment.h"
#include "experiments/experiment_testing.h"

namespace bnlab::config {

using test::ExperimentText;
using Paths = std::vector<std::pair<std::string, JsonText>>;

inline ErrorLines experiment_problems(const std::string& text) {
  return error_lines([&] { parse_experiment(text, "e.json"); });
}

inline ErrorLines experiment_problems(const ExperimentText& text) { return experiment_problems(text.text()); }

/// Expects one problem, whole.
inline void expect_problem(const ExperimentText& text, const std::string& expected) {
  const ErrorLines lines = experiment_problems(text);
  ASSERT_EQ(lines.size(), 1u) << expected << (lines.empty() ? "" : "\n" + lines[0] + "\n" + lines.back());
  EXPECT_EQ(lines[0], "e.json:" + expected);
}

inline ExperimentText with_arms(const std::string& arms, const std::string& criteria = "") {
  ExperimentText text;
  text.arms = arms;
  text.criteria = criteria.empty() ? R"([{"name": "c", "type": "value", "quantity": "accuracy", "arms": ["a"]}])"
                                   : "[" + criteria + "]";
  return text;
}

inline ExperimentText with_criterion(const std::string& criterion) {
  ExperimentText text;
  text.criteria = R"([{"name": "c", )" + criterion + "}]";
  return text;
}

inline ExperimentText with_quantity(const std::string& quantity) {
  ExperimentText text;
  text.quantities = R"([{"name": "accuracy", )" + quantity + "}]";
  return text;
}

inline ExperimentText with_more(const std::string& more) {
  ExperimentText text;
  text.more = ",\n" + more;
  return text;
}

/// Every field away from its default.
inline ExperimentConfig everything() {
  ExperimentConfig experiment;
  experiment.name = "n";
  experiment.profile = "quick";
  experiment.settings = {{"a=1", "b=[2]"}};
  experiment.plan = "0123456789abcdef";
  experiment.part = "A";
  experiment.claim = "ä \"quoted\" | claim";
  experiment.source = "s";
  experiment.finding = "f";
  experiment.notes = {{"one", "two"}};
  experiment.base = {.file = "base.json", .text = ""};
  ArmConfig grid{.name = "grid",
                 .meaning = "m",
                 .config = BaseConfig{.file = "own.json", .text = ""},
                 .differs_in = {"optimizer", "training.steps"},
                 .set = {Paths{{"a.b", {"\"text, with \\\"quotes\\\"\""}}, {"c", {"[1, {\"d\": null}]"}}}},
                 .grid = {{{"x.y", {{"0.1"}, {"\"none\""}, {"[1, 3]"}}}, {"z", {{"true"}, {"1e-05"}}}}},
                 .zip = {},
                 .best_of = {}};
  ArmConfig zip{
      .name = "zip", .meaning = {}, .config = {}, .differs_in = {}, .set = {}, .grid = {}, .zip = {}, .best_of = {}};
  zip.zip = {{{"x.y", {{"1"}, {"2"}}}, {"z", {{"3"}, {"4"}}}}};
  ArmConfig best = zip;
  best.name = "best";
  best.zip = {};
  best.best_of = BestOf{.arm = "grid", .quantity = "q", .chosen_by = "twin"};
  ArmConfig twin = grid;
  twin.name = "twin";
  experiment.arms = {grid, zip, best, twin};
  experiment.seeds = {{7, 0, 9223372036854775807u}};
  QuantityConfig quantity;
  quantity.name = "q";
  quantity.meaning = "m";
  quantity.unit = "u";
  quantity.file = "p.csv";
  quantity.where = {{{"layer", {"one"}}, {"unit", {"0", "0.5", "all"}}}};
  quantity.series = {.column = "a",
                     .minus = "b",
                     .over_time = OverTime::median,
                     .last = 7,
                     .step = 0,
                     .level = 0,
                     .when = {},
                     .from_step = 3};
  quantity.divided_by = quantity.series;
  quantity.divided_by->last = 9;
  quantity.over_rows = OverRows::sum;
  quantity.better = Better::lower;
  quantity.when_diverged = -0.5;
  QuantityConfig at = quantity;
  at.name = "at";
  at.series = {.column = "a",
               .minus = "b",
               .over_time = OverTime::at,
               .last = {},
               .step = 5,
               .level = 0,
               .when = {},
               .from_step = 1};
  QuantityConfig level = quantity;
  level.name = "level";
  level.series.over_time = OverTime::at_level;
  level.series.last = {};
  level.series.level = 0.75;
  level.series.when = WhenConfig{.column = "c", .where = {{{"layer", {"two"}}}}, .better = Better::lower};
  level.divided_by = level.series;
  QuantityConfig steps = quantity;
  steps.name = "steps";
  steps.series.over_time = OverTime::steps_to;
  steps.series.last = {};
  steps.series.level = 0.25;
  steps.divided_by.reset();
  steps.when_diverged.reset();
  QuantityConfig slope = quantity;
  slope.name = "slope";
  slope.over_rows = OverRows::log_slope;
  slope.factor_to = FactorTo::previous;
  experiment.quantities = {quantity, at, level, steps, slope};
  const CriterionConfig width{.name = "width",
                              .meaning = "m",
                              .type = CriterionType::widest_interval,
                              .quantity = "q",
                              .arms = {"zip"},
                              .axis = "x.y",
                              .usable = 0.5,
                              .weights = {},
                              .at_least = 1,
                              .more_than = {},
                              .at_most = 2,
                              .less_than = {},
                              .within = {},
                              .source = "s",
                              .explanation = "e"};
  CriterionConfig equality = width;
  equality.name = "equality";
  equality.type = CriterionType::equality;
  equality.arms = {"best", "zip[y=1,z=3]"};
  equality.axis.clear();
  equality.usable = equality.at_least = equality.at_most = {};
  equality.within = 0.01;
  CriterionConfig strict = width;
  strict.name = "strict";
  strict.more_than = strict.at_least;
  strict.less_than = strict.at_most;
  strict.at_least = strict.at_most = {};
  CriterionConfig contrast = strict;
  contrast.name = "contrast";
  contrast.type = CriterionType::contrast;
  contrast.arms = {"best", "zip[y=1,z=3]"};
  contrast.axis.clear();
  contrast.usable = {};
  contrast.weights = {0.5, 0.5};
  experiment.criteria = {width, equality, strict, contrast};
  const ProfileConfig profile{.set = {Paths{{"training.steps", {"5"}}}},
                              .seeds = Seeds{{4}},
                              .levels = {{{"steps", 0.125}}},
                              .axes = {{{"z", {{"5"}, {"6"}}}}},
                              .minutes = 1.5};
  experiment.quick = experiment.full = profile;
  experiment.full.minutes = 2.5;
  experiment.figure = {.type = FigureType::axis,
                       .title = "t",
                       .quantity = "q",
                       .file = "eval.csv",
                       .column = "accuracy",
                       .low = {},
                       .high = {},
                       .divided_by = {},
                       .where = {},
                       .step = {},
                       .arms = {"zip"},
                       .axis = "z",
                       .log_x = true,
                       .log_y = true,
                       .min_y = 0.5,
                       .criterion = "strict"};
  return experiment;
}

inline FigureConfig curves() {
  return {.type = FigureType::curves,
          .title = {},
          .quantity = {},
          .file = "f.csv",
          .column = "c",
          .low = {},
          .high = {},
          .divided_by = "d",
          .where = {{{"split", {"test"}}}},
          .step = {},
          .arms = {},
          .axis = {},
          .log_x = false,
          .log_y = false,
          .min_y = {},
          .criterion = {}};
}

inline FigureConfig fill() {
  FigureConfig figure = curves();
  figure.type = FigureType::fill;
  figure.column = FigureConfig{}.column;
  figure.divided_by.clear();
  figure.low = "l";
  figure.high = "h";
  return figure;
}

inline FigureConfig rows() {
  FigureConfig figure = curves();
  figure.type = FigureType::rows;
  figure.divided_by.clear();
  figure.step = 0;
  return figure;
}

inline ExperimentConfig there_and_back(const ExperimentConfig& experiment) {
  return parse_experiment(to_json(experiment), "resolved");
}

}  // namespace bnlab::config

#include "config/experiment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/config_testing.h"
#include "config/experiment_codecs.h"
#include "config/writer.h"
#include "experiments/experiment_testing.h"
#include "util/test_files.h"

namespace bnlab::config {
namespace {

namespace fs = std::filesystem;
using test::ExperimentText;
using Paths = std::vector<std::pair<std::string, JsonText>>;

const fs::path experiments_folder = fs::path(BNLAB_SOURCE_DIR) / "experiments";

ErrorLines experiment_problems(const std::string& text) {
  return error_lines([&] { parse_experiment(text, "e.json"); });
}

ErrorLines experiment_problems(const ExperimentText& text) { return experiment_problems(text.text()); }

/// Expects one problem, whole.
void expect_problem(const ExperimentText& text, const std::string& expected) {
  const ErrorLines lines = experiment_problems(text);
  ASSERT_EQ(lines.size(), 1u) << expected << (lines.empty() ? "" : "\n" + lines[0] + "\n" + lines.back());
  EXPECT_EQ(lines[0], "e.json:" + expected);
}

ExperimentText with_arms(const std::string& arms, const std::string& criteria = "") {
  ExperimentText text;
  text.arms = arms;
  text.criteria = criteria.empty() ? R"([{"name": "c", "type": "value", "quantity": "accuracy", "arms": ["a"]}])"
                                   : "[" + criteria + "]";
  return text;
}

ExperimentText with_criterion(const std::string& criterion) {
  ExperimentText text;
  text.criteria = R"([{"name": "c", )" + criterion + "}]";
  return text;
}

ExperimentText with_quantity(const std::string& quantity) {
  ExperimentText text;
  text.quantities = R"([{"name": "accuracy", )" + quantity + "}]";
  return text;
}

ExperimentText with_more(const std::string& more) {
  ExperimentText text;
  text.more = ",\n" + more;
  return text;
}

// Every field away from its default.
ExperimentConfig everything() {
  ExperimentConfig experiment;
  experiment.name = "n";
  experiment.profile = "quick";
  experiment.claim = "ä \"quoted\" | claim";
  experiment.source = "s";
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
  best.best_of = BestOf{.arm = "grid", .quantity = "q"};
  experiment.arms = {grid, zip, best};
  experiment.seeds = {{7, 0, 9223372036854775807u}};
  QuantityConfig quantity;
  quantity.name = "q";
  quantity.meaning = "m";
  quantity.unit = "u";
  quantity.file = "p.csv";
  quantity.where = {{{"layer", {"one"}}, {"unit", {"0", "0.5", "all"}}}};
  quantity.series = {
      .column = "a", .minus = "b", .over_time = OverTime::median, .last = 7, .step = 0, .level = 0, .from_step = 3};
  quantity.divided_by = quantity.series;
  quantity.divided_by->last = 9;
  quantity.over_rows = OverRows::sum;
  quantity.better = Better::lower;
  quantity.when_diverged = -0.5;
  QuantityConfig at = quantity;
  at.name = "at";
  at.series = {
      .column = "a", .minus = "b", .over_time = OverTime::at, .last = {}, .step = 5, .level = 0, .from_step = 1};
  QuantityConfig steps = quantity;
  steps.name = "steps";
  steps.series.over_time = OverTime::steps_to;
  steps.series.last = {};
  steps.series.level = 0.25;
  steps.divided_by.reset();
  steps.when_diverged.reset();
  experiment.quantities = {quantity, at, steps};
  const CriterionConfig width{.name = "width",
                              .meaning = "m",
                              .type = CriterionType::widest_interval,
                              .quantity = "q",
                              .arms = {"zip"},
                              .axis = "x.y",
                              .usable = 0.5,
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
  experiment.criteria = {width, equality, strict};
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

FigureConfig curves() {
  return {.type = FigureType::curves,
          .title = {},
          .quantity = {},
          .file = "f.csv",
          .column = "c",
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

FigureConfig rows() {
  FigureConfig figure = curves();
  figure.type = FigureType::rows;
  figure.divided_by.clear();
  figure.step = 0;
  return figure;
}

ExperimentConfig there_and_back(const ExperimentConfig& experiment) {
  return parse_experiment(to_json(experiment), "resolved");
}

/// Every leaf with its path; the entries of lists of sections share one.
void collect_leaves(const Json& json, const std::string& path, std::map<std::string, std::set<std::string>>& leaves) {
  if (json.is(Json::Kind::list) && !json.items.empty() && json.items[0].is(Json::Kind::object)) {
    for (const Json& item : json.items) collect_leaves(item, path, leaves);
  } else if (json.is(Json::Kind::object) && !json.members.empty()) {
    for (const JsonMember& member : json.members) collect_leaves(member.value, path + "." + member.key, leaves);
  } else {
    leaves[path].insert(format_json(json));
  }
}

/// The paths of all fields, as the table of fields has them.
class FieldNames {
 public:
  template <class T>
  static std::vector<std::string> of() {
    std::vector<std::string> names;
    T value{};
    FieldNames visitor("", names);
    fields(visitor, value);
    return names;
  }

  template <class T>
  void field(std::string_view name, T&, std::string_view, const Rule& = {}) {
    names_.push_back(path_ + "." + std::string(name));
  }
  template <class T>
  void section(std::string_view name, T&, std::string_view, const Rule& = {}) {
    T value{};
    FieldNames visitor(path_ + "." + std::string(name), names_);
    fields(visitor, value);
  }
  template <class T>
  void optional_section(std::string_view name, std::optional<T>&, std::string_view meaning, const Rule& rule = {}) {
    T value{};
    section(name, value, meaning, rule);
  }
  template <class T>
  void sections(std::string_view name, std::vector<T>&, std::string_view meaning, const Rule& rule = {}) {
    T value{};
    section(name, value, meaning, rule);
  }
  void require(bool, std::string_view, std::string_view) {}

 private:
  FieldNames(std::string path, std::vector<std::string>& names) : path_(std::move(path)), names_(names) {}
  std::string path_;
  std::vector<std::string>& names_;
};

// ---- reading and writing --------------------------------------------------------------------------------------------

TEST(ExperimentRoundTrip, EveryFieldAwayFromItsDefault) {
  const ExperimentConfig experiment = everything();
  EXPECT_EQ(there_and_back(experiment), experiment) << to_json(experiment);
  EXPECT_EQ(to_json(there_and_back(experiment)), to_json(experiment));
  ExperimentConfig other = experiment;
  for (const FigureConfig& figure : {curves(), rows()}) {
    other.figure = figure;
    EXPECT_EQ(there_and_back(other), other);
  }

  // Holds this test to what it says: a new field must be set in everything(), curves() or rows().
  std::map<std::string, std::set<std::string>> values, defaults;
  ExperimentConfig standard;
  standard.base.file = "-";
  standard.arms.emplace_back().best_of.emplace();
  QuantityConfig& quantity = standard.quantities.emplace_back();
  standard.criteria.emplace_back();
  for (const OverTime reduction : {OverTime::final, OverTime::mean, OverTime::at, OverTime::steps_to}) {
    quantity.series.over_time = reduction;
    quantity.divided_by = quantity.series;
    collect_leaves(parse_json(to_json(standard), 0).root, "", defaults);
  }
  for (const FigureConfig& figure : {experiment.figure, curves(), rows()}) {
    other.figure = figure;
    collect_leaves(parse_json(to_json(other), 0).root, "", values);
    standard.figure.type = figure.type;
    collect_leaves(parse_json(to_json(standard), 0).root, "", defaults);
  }
  for (const std::string& name : FieldNames::of<ExperimentConfig>()) {
    if (name.ends_with(".type") || name.ends_with(".over_time")) continue;  // other values turn fields off
    const bool is_series = name.starts_with(".quantities.divided_by.");     // whose fields are those of .series
    if (is_series && (name.ends_with(".step") || name.ends_with(".level"))) continue;
    EXPECT_TRUE(std::any_of(values.begin(), values.end(), [&](const auto& leaf) {
      const bool is_inside = leaf.first.starts_with(name + ".");  // settings by their paths
      return is_inside || (leaf.first == name && !std::ranges::includes(defaults[name], leaf.second));
    })) << name;
  }
}

TEST(ExperimentRoundTrip, ABaseAndAnArmsConfigThatAreWrittenOut) {
  ExperimentText text = with_arms(R"([{"name": "a", "config": {"dataset": {"name": "mnist"}}, "differs_in": ["x"]}])");
  const ExperimentConfig experiment = parse_experiment(text.text(), "e.json");
  EXPECT_TRUE(experiment.base.file.empty());
  EXPECT_NE(experiment.base.text.find("drawn_digits"), std::string::npos);
  EXPECT_NE(experiment.arms[0].config->text.find("mnist"), std::string::npos);
  EXPECT_EQ(there_and_back(experiment), experiment);
}

TEST(ExperimentRoundTrip, Seeds) {
  const auto seeds = [](const std::string& json) {
    ExperimentText text;
    text.seeds = json;
    return parse_experiment(text.text(), "e.json").seeds.list;
  };
  EXPECT_EQ(seeds("1"), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(seeds("4"), (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(seeds("[4, 0]"), (std::vector<std::uint64_t>{4, 0}));
  EXPECT_EQ(seeds("1000").size(), 1000u);
}

TEST(ExperimentRoundTrip, Values) {
  const auto values = [](const std::string& json) {
    return parse_experiment(with_arms(R"([{"name": "a", "set": {"p": )" + json + "}}]").text(), "e").arms[0].set;
  };
  for (const auto& [json, text] : std::vector<std::pair<std::string, std::string>>{
           {"0.10", "0.1"},
           {"1.0", "1.0"},
           {"1", "1"},
           {"1e-5", "1e-05"},
           {"null", "null"},
           {R"("a\nb,\" =]")", R"("a\nb,\" =]")"},
           {R"(  [1,  2 ,{"a":{"b":[]}}])", R"([1, 2, {"a": {"b": []}}])"},
           {R"({"a": 1, "b": {"c": "  two  blanks"}})", R"({"a": 1, "b": {"c": "  two  blanks"}})"},
           {"{}", "{}"}})
    EXPECT_EQ(values(json).paths, (Paths{{"p", {text}}})) << json;
  // Longer than a line.
  std::string list = "[0";
  for (int i = 1; i < 100; ++i) list += ", " + std::to_string(i);
  EXPECT_EQ(values(list + "]").paths[0].second.text, list + "]");
}

TEST(ExperimentRoundTrip, NotesAndWhereOfOneValue) {
  ExperimentText text = with_more(R"("notes": "one line")");
  const ExperimentConfig experiment = parse_experiment(text.text(), "e.json");
  EXPECT_EQ(experiment.notes.lines, (std::vector<std::string>{"one line"}));
  EXPECT_EQ(experiment.quantities[0].where.columns[0].second, (std::vector<std::string>{"test"}));
  EXPECT_EQ(there_and_back(experiment), experiment);
}

TEST(ExperimentFiles, TheNameIsTheFiles) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "robust.json", ExperimentText{}.text());
  EXPECT_EQ(load_experiment(folder / "robust.json").name, "robust");
  test::write_text(folder / "other.json", with_more(R"("name": "own")").text());
  EXPECT_EQ(load_experiment(folder / "other.json").name, "own");
  test::write_text(folder / "a..b.json", ExperimentText{}.text());
  EXPECT_TRUE(
      any_contains(error_lines([&] { load_experiment(folder / "a..b.json"); }), "a..b.json: name: must be set"));
  EXPECT_TRUE(any_contains(error_lines([&] { load_experiment(folder / "none.json"); }), "none.json: no such file"));
  EXPECT_EQ(experiment_names(folder.path()), (std::vector<std::string>{"a..b", "other", "robust"}));
  EXPECT_TRUE(experiment_names(folder / "none").empty());
}

TEST(ExperimentFiles, AreToldFromOthers) {
  const test::TemporaryFolder folder;
  const auto is_experiment = [&](const std::string& text) {
    test::write_text(folder / "f.json", text);
    return is_experiment_file(folder / "f.json");
  };
  EXPECT_TRUE(is_experiment(ExperimentText{}.text()));
  EXPECT_TRUE(is_experiment(R"({"claim": "c"})"));  // so that it's told what it lacks
  EXPECT_TRUE(is_experiment(R"({"arms": []})"));
  EXPECT_FALSE(is_experiment(config_with("")));
  EXPECT_FALSE(is_experiment("[]"));
  EXPECT_FALSE(is_experiment_file(experiments_folder / "schema.json"));
}

TEST(ExperimentFiles, ShippedOnesAreRight) {
  const std::string configs = (fs::path(BNLAB_SOURCE_DIR) / "configs").string();
  const test::EnvironmentGuard variable("BNLAB_CONFIGS", configs.c_str());
  const std::vector<std::string> names = experiment_names(experiments_folder);
  ASSERT_GE(names.size(), 3u);
  for (const std::string& name : names) {
    const ExperimentConfig experiment = load_experiment(experiments_folder / (name + ".json"));
    EXPECT_EQ(there_and_back(experiment), experiment) << name;
    EXPECT_GT(experiment.quick.minutes, 0) << name;
    EXPECT_GT(experiment.full.minutes, 0) << name;
    for (const Profile profile : {Profile::quick, Profile::full}) {
      const ExperimentConfig as_run = effective(experiment, profile, {}, {}, experiments_folder);
      EXPECT_EQ(there_and_back(as_run), as_run) << name;
      EXPECT_GE(as_run.seeds.list.size(), 3u) << name;
      EXPECT_FALSE(experiments::make_plan(as_run).runs.empty()) << name;
    }
  }
}

TEST(ExperimentFiles, SchemaIsUpToDate) {
  EXPECT_EQ(test::read_text(experiments_folder / "schema.json"), experiment_schema());
}

TEST(ExperimentFiles, TheReferenceNamesEveryField) {
  const std::string reference = experiment_reference();
  for (const std::string& path : FieldNames::of<ExperimentConfig>())
    EXPECT_NE(reference.find("| `" + path.substr(path.rfind('.') + 1) + "` |"), std::string::npos) << path;
  EXPECT_EQ(reference.back(), '\n');
}

// ---- what is wrong is named -----------------------------------------------------------------------------------------

TEST(ExperimentProblems, TheSmallestExperimentHasNone) {
  EXPECT_EQ(experiment_problems(ExperimentText{}), ErrorLines{});
  EXPECT_EQ(experiment_problems(with_more(R"("$schema": "schema.json")")), ErrorLines{});
}

TEST(ExperimentProblems, WhatIsRequired) {
  const ErrorLines lines = experiment_problems("{}");
  for (const char* field : {"claim", "source", "base", "arms", "quantities", "criteria"})
    EXPECT_TRUE(any_contains(lines, "e.json:1: " + std::string(field) + ": is required")) << field;
  EXPECT_EQ(lines.size(), 6u);
  const ErrorLines inside = experiment_problems(
      R"({"claim": "", "source": "", "base": "", "arms": [{}], "quantities": [{"series": {}}], "criteria": [{}]})");
  for (const char* problem :
       {"claim: must not be empty", "source: must not be empty", "base: must not be empty", "arms.0.name: is required",
        "quantities.0.name: is required", "quantities.0.series.column: is required", "criteria.0.name: is required",
        "criteria.0.type: is required", "criteria.0.quantity: is required", "criteria.0.arms: is required"})
    EXPECT_TRUE(any_contains(inside, problem)) << problem;
  ExperimentText none;
  none.arms = none.quantities = none.criteria = "[]";
  for (const char* field : {"arms", "quantities", "criteria"})
    EXPECT_TRUE(any_contains(experiment_problems(none), std::string(field) + ": must have at least 1 entry")) << field;
}

TEST(ExperimentProblems, UnknownKeysAndChoices) {
  expect_problem(with_more(R"("figur": {})"), R"(9: figur: unknown key; did you mean "figure"?)");
  expect_problem(with_arms(R"([{"name": "a", "sett": {}}])"), R"(5: arms.0.sett: unknown key; did you mean "set"?)");
  expect_problem(with_quantity(R"("series": {"column": "a", "over_time": "finl"})"),
                 "7: quantities.0.series.over_time: must be one of final, best, minimum, maximum, mean, median, range, "
                 "area, at, steps_to, "
                 R"(first_non_finite, got "finl"; did you mean "final"?)");
  expect_problem(with_criterion(R"("type": "diference", "quantity": "accuracy", "arms": ["none"])"),
                 "8: criteria.0.type: must be one of value, difference, ratio, log_slope, range, widest_interval, "
                 R"(equality, order, got "diference"; did you mean "difference"?)");
}

TEST(ExperimentProblems, FieldsThatDoNotApply) {
  expect_problem(with_quantity(R"("series": {"column": "a", "level": 1})"),
                 "7: quantities.0.series.level: only for over_time steps_to, got over_time final");
  expect_problem(with_quantity(R"("series": {"column": "a", "over_time": "best", "last": 1})"),
                 "7: quantities.0.series.last: only for over_time mean, median, got over_time best");
  expect_problem(with_quantity(R"("series": {"column": "a", "over_time": "mean", "last": 0})"),
                 "7: quantities.0.series.last: must be at least 1, got 0");
  expect_problem(with_quantity(R"("series": {"column": "a", "step": 3})"),
                 "7: quantities.0.series.step: only for over_time at, got over_time final");
  expect_problem(with_quantity(R"("series": {"column": "a"}, "divided_by": {"column": "a", "over_time": "steps_to"})"),
                 "7: quantities.0.divided_by: can't be, or stand beside, steps_to or first_non_finite, got "
                 R"({"column": "a", "over_time": "steps_to"})");
  for (const char* steps : {"steps_to", "first_non_finite"}) {
    const std::string series = R"("series": {"column": "a", "over_time": ")" + std::string(steps) + "\"}";
    expect_problem(with_quantity(series + R"(, "when_diverged": 0)"),
                   "7: quantities.0.when_diverged: can't stand beside steps_to or first_non_finite, which count the "
                   "steps of a run that diverged, got 0");
    expect_problem(with_quantity(series + R"(, "over_rows": "log_slope")"),
                   "7: quantities.0.over_rows: can't be difference or log_slope of steps_to or first_non_finite, got "
                   "\"log_slope\"");
  }
  const std::string rest = R"(, "quantity": "accuracy", "arms": ["none", "batch"], "source": "s")";
  expect_problem(with_criterion(R"("type": "difference", "axis": "x")" + rest),
                 "8: criteria.0.axis: only for type log_slope, range, widest_interval, got type difference");
  expect_problem(with_criterion(R"("type": "equality", "within": 1, "at_least": 1)" + rest),
                 "8: criteria.0.at_least: only for type value, difference, ratio, log_slope, range, widest_interval, "
                 "got type equality");
  expect_problem(
      with_criterion(R"("type": "order", "at_most": 1)" + rest),
      "8: criteria.0.at_most: only for type value, difference, ratio, log_slope, range, widest_interval, got "
      "type order");
  expect_problem(with_criterion(R"("type": "difference", "usable": 1)" + rest),
                 "8: criteria.0.usable: only for type widest_interval, got type difference");
  expect_problem(with_criterion(R"("type": "equality")" + rest), "8: criteria.0.within: must be set for equality");
  expect_problem(with_criterion(R"("type": "difference", "at_least": 3, "at_most": 1)" + rest),
                 "8: criteria.0.at_most: must not be below at_least, got 1");
  const auto expect_thresholds = [&](const std::string& thresholds, const std::string& expected) {
    expect_problem(with_criterion(R"("type": "difference", )" + thresholds + rest), "8: criteria.0." + expected);
  };
  expect_thresholds(R"("at_least": 3, "more_than": 3)", "more_than: can't stand beside at_least, got 3");
  expect_thresholds(R"("at_most": 3, "less_than": 3)", "less_than: can't stand beside at_most, got 3");
  expect_thresholds(R"("more_than": 3, "at_most": 3)", "at_most: must be above more_than, got 3");
  expect_thresholds(R"("at_least": 3, "less_than": 3)", "less_than: must be above at_least, got 3");
  expect_thresholds(R"("more_than": 3, "less_than": 3)", "less_than: must be above more_than, got 3");
  expect_problem(with_more(R"("figure": {"type": "curves", "quantity": "accuracy"})"),
                 "9: figure.quantity: only for type axis, heat_map, got type curves");
}

TEST(ExperimentProblems, AThresholdNeedsASource) {
  const std::string rest = R"("quantity": "accuracy", "arms": ["batch", "none"])";
  for (const char* threshold : {R"("type": "difference", "at_least": 0, )", R"("type": "ratio", "at_most": 0.5, )",
                                R"("type": "equality", "within": 0.5, )", R"("type": "ratio", "more_than": 1, )",
                                R"("type": "ratio", "less_than": 1, )"})
    expect_problem(with_criterion(threshold + rest), "8: criteria.0.source: must say where the threshold comes from");
  EXPECT_EQ(experiment_problems(with_criterion(R"("type": "difference", )" + rest)), ErrorLines{});
}

TEST(ExperimentProblems, AnExplanationIsOneLine) {
  expect_problem(with_criterion(R"("type": "value", "quantity": "accuracy", "arms": ["none"], "explanation": "a\nb")"),
                 R"(8: criteria.0.explanation: must be one line, got "a\nb")");
}

TEST(ExperimentProblems, UnknownArmsAndQuantitiesOfCriteria) {
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

TEST(ExperimentProblems, TheNumberOfArmsOfACriterion) {
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

TEST(ExperimentProblems, AxesOfCriteria) {
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
  expect_problem(with_arms(R"([{"name": "a"}, {"name": "a"}])"),
                 R"(5: arms.1.name: must be another than those before, got "a")");
  ExperimentText text;
  text.quantities =
      R"([{"name": "accuracy", "series": {"column": "a"}}, {"name": "accuracy", "series": {"column": "b"}}])";
  expect_problem(text, R"(7: quantities.1.name: must be another than those before, got "accuracy")");
  text = {};
  text.criteria = text.criteria.substr(0, text.criteria.size() - 1) + "," + text.criteria.substr(1);
  expect_problem(text, R"(8: criteria.1.name: must be another than those before, got "higher")");
}

TEST(ExperimentProblems, QuantitiesAreNoOtherColumnOfTheRuns) {
  const auto expect = [](const std::string& name, bool refused) {
    ExperimentText text;
    text.arms = R"([{"name": "a", "grid": {"dataset.limit": [1]}}, {"name": "b"}])";
    text.quantities = R"([{"name": ")" + name + R"(", "series": {"column": "a"}},
                          {"name": "s", "series": {"column": "a", "over_time": "steps_to", "level": 1}}])";
    text.criteria = R"([{"name": "c", "type": "value", "quantity": "s", "arms": ["b"]}])";
    const std::string problem = R"(e.json:7: quantities.0.name: must not be another column of runs.csv, got ")";
    EXPECT_EQ(experiment_problems(text), refused ? ErrorLines{problem + name + "\""} : ErrorLines{});
  };
  for (const char* name : run_columns) expect(name, true);
  expect("dataset.limit", true);
  expect("s_bound", true);
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
  expect_problem(of_axes(R"("grid": {"p": [1]}, "set": {"p": 2})"), "5: arms.1.set: must leave p to the axis");
  expect_problem(of_axes(R"("grid": {"p": [1]}, "zip": {"q": [2]})"),
                 R"(5: arms.1.zip: can't stand beside a grid, got {"q": [2]})");
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
        {"name": "both", "where": {"split": ["validation", "test"]}, "series": {"column": "a"}}, )");
    return text;
  };
  EXPECT_EQ(experiment_problems(with_best(R"({"arm": "g", "quantity": "loss"})")), ErrorLines{});
  EXPECT_EQ(experiment_problems(with_best(R"({"arm": "g", "quantity": "validation"})")), ErrorLines{});
  for (const std::string name : {"accuracy", "any", "both"})
    expect_problem(with_best(R"({"arm": "g", "quantity": ")" + name + "\"}"),
                   R"(5: arms.3.best_of: must choose on the train or the validation split; quantity ")" + name +
                       R"(" looks at the test split)");
  expect_problem(with_best(R"({"arm": "gg", "quantity": "loss"})"),
                 R"(5: arms.3.best_of: no arm "gg"; there are none, batch, g, best; did you mean "g"?)");
  expect_problem(
      with_best(R"({"arm": "g", "quantity": "los"})"),
      R"(5: arms.3.best_of: no quantity "los"; there are validation, any, both, accuracy, loss, steps; did you )"
      R"(mean "loss"?)");
  for (const std::string arm : {"none", "best"})
    expect_problem(with_best(R"({"arm": ")" + arm + R"(", "quantity": "loss"})"),
                   R"(5: arms.3.best_of: arm ")" + arm + R"(" has no axes to choose from)");
  expect_problem(
      with_best(R"({"arm": "g", "quantity": "loss"})", R"(, "set": {"p": 1})"),
      R"(5: arms.3.best_of: can't stand beside set, grid, zip or config, got {"arm": "g", "quantity": "loss"})");
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
                 R"(10: full.levels.accuracy: quantity "accuracy" has no level: it is not steps_to)");
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
  EXPECT_TRUE(any_contains(experiment_problems(with_value(million + "]")), "more than 1000000 values"));
  EXPECT_TRUE(any_contains(experiment_problems("{\"claim\": \"a\", \"claim\": \"b\"}"), "stands twice"));
  EXPECT_TRUE(any_contains(experiment_problems(""), "e.json:1:1: the text is empty"));
  EXPECT_TRUE(any_contains(experiment_problems("[]"), "e.json:1: must be an object, got []"));
  EXPECT_TRUE(any_contains(experiment_problems("{\"claim\": \"a\","), "not valid JSON"));
}

// ---- as it is run ---------------------------------------------------------------------------------------------------

ExperimentText with_profiles() {
  ExperimentText text;
  text.arms = R"([{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch"},
                  {"name": "g", "grid": {"optimizer.learning_rate": [1, 2, 3], "training.batch_size": [10, 20]}},
                  {"name": "z", "zip": {"optimizer.learning_rate": [1, 2, 3], "dataset.limit": [100, 200, 300]}}])";
  text.more = R"(, "quick": {"set": {"training.steps": 7, "training.batch_size": 5}, "seeds": [8, 9],
                             "levels": {"steps": 0.25}, "axes": {"optimizer.learning_rate": [0.5, 0.25, 0.125]}, "minutes": 1},
                   "full": {"set": {"training.steps": 70}, "minutes": 2})";
  return text;
}

TEST(Effective, QuickAndFull) {
  const ExperimentConfig quick = test::effective(with_profiles(), Profile::quick);
  const ExperimentConfig full = test::effective(with_profiles(), Profile::full);
  EXPECT_EQ(quick.profile, "quick");
  EXPECT_EQ(full.profile, "full");
  EXPECT_EQ(quick.seeds.list, (std::vector<std::uint64_t>{8, 9}));
  EXPECT_EQ(full.seeds.list, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(quick.quantities[2].series.level, 0.25);
  EXPECT_EQ(full.quantities[2].series.level, 0.5);
  const auto base = [](const ExperimentConfig& one) { return resolve(one.base, {}, "/nowhere", "base"); };
  EXPECT_EQ(base(quick).training.steps, 7);
  EXPECT_EQ(base(quick).training.batch_size, 5);
  EXPECT_EQ(base(full).training.steps, 70);
  EXPECT_EQ(base(full).training.batch_size, 20);
  const std::vector<JsonText> rates{{"0.5"}, {"0.25"}, {"0.125"}};
  EXPECT_EQ(quick.arms[2].grid.paths[0].second, rates);
  EXPECT_EQ(quick.arms[2].grid.paths[1].second, (std::vector<JsonText>{{"10"}, {"20"}}));
  EXPECT_EQ(quick.arms[3].zip.paths[0].second, rates);
  EXPECT_EQ(full.arms[2].grid, test::parsed(with_profiles()).arms[2].grid);
  for (const ExperimentConfig& one : {quick, full}) {
    EXPECT_EQ(one.quick, ProfileConfig{});
    EXPECT_EQ(one.full, ProfileConfig{});
    EXPECT_TRUE(one.base.file.empty());
    // What experiment.json keeps gives the same runs, whichever profile is asked for then.
    const ExperimentConfig again = there_and_back(one);
    EXPECT_EQ(again, one);
    const auto plan = experiments::make_plan(one), same = experiments::make_plan(again);
    ASSERT_EQ(plan.runs.size(), same.runs.size());
    for (std::size_t i = 0; i < plan.runs.size(); ++i) {
      EXPECT_EQ(plan.runs[i].name, same.runs[i].name);
      EXPECT_EQ(plan.runs[i].config, same.runs[i].config);
    }
  }
}

TEST(Effective, SettingsComeAfterTheProfileAndBeforeTheArms) {
  const ExperimentConfig one = test::effective(with_profiles(), Profile::quick,
                                               {"training.steps=9", "normalization.type=layer"}, std::int64_t{3});
  EXPECT_EQ(one.seeds.list, (std::vector<std::uint64_t>{1, 2, 3}));
  const auto plan = experiments::make_plan(one);
  EXPECT_EQ(plan.points[0].config.training.steps, 9);
  EXPECT_EQ(plan.points[0].config.normalization.type, NormalizationType::none);
  EXPECT_EQ(plan.points[1].config.normalization.type, NormalizationType::layer);
}

TEST(Effective, TheSeedIsNoSetting) {
  EXPECT_EQ(error_lines([] { test::effective(with_profiles(), Profile::quick, {"training.seed=4"}); }),
            (ErrorLines{"--set training.seed=4: must leave training.seed to seeds"}));
}

TEST(Effective, WrongSettingsAreNamed) {
  ExperimentText text = with_more(R"("quick": {"set": {"training.stps": 1, "optimizer.learning_rate": -1}})");
  const ErrorLines lines = error_lines([&] { test::effective(text, Profile::quick); });
  EXPECT_EQ(lines, (ErrorLines{R"(e: base: --set training.stps=1: training.stps: unknown key; did you mean "steps"?)",
                               "e: base: --set optimizer.learning_rate=-1: optimizer.learning_rate: must be above 0, "
                               "got -1"}));
  text = {};
  text.base = R"({"dataset": {"name": "mnist"}, "network": {"name": "mlp_3x100_sigmoi"}})";
  EXPECT_TRUE(any_contains(error_lines([&] { test::effective(text, Profile::full, {}, {}, configs_folder); }),
                           R"(did you mean "mlp_3x100_sigmoid"?)"));
}

TEST(Effective, BasesAndConfigsOfArmsAreReadIn) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "base.json", config_with(R"(, "description": "d", "training": {"steps": 500})"));
  test::write_text(folder / "own.json", config_with(R"(, "training": {"steps": 500}, "optimizer": {"type": "adam"})"));
  ExperimentText text =
      with_arms(R"([{"name": "a"}, {"name": "b", "config": "own.json", "differs_in": ["optimizer.type"]}])");
  text.base = "\"base.json\"";
  text.more = R"(, "quick": {"set": {"training.steps": 5}})";
  const ExperimentConfig one = test::effective(text, Profile::quick, {}, {}, folder.path());
  for (const char* name : {"base.json", "own.json"}) fs::remove(folder / name);
  const auto plan = experiments::make_plan(there_and_back(one));
  EXPECT_EQ(plan.points[0].config.optimizer.type, OptimizerType::sgd);
  EXPECT_EQ(plan.points[1].config.optimizer.type, OptimizerType::adam);
  // The profile is for all arms.
  EXPECT_EQ(plan.points[0].config.training.steps, 5);
  EXPECT_EQ(plan.points[1].config.training.steps, 5);
  const ErrorLines lines = error_lines([&] { test::effective(text, Profile::quick, {}, {}, folder.path()); });
  EXPECT_TRUE(any_contains(lines, "base: no base.json in " + folder.path().string()));
}

// ---- differences ----------------------------------------------------------------------------------------------------

TEST(Differences, PathsValuesAndWhoDecides) {
  const auto config = [](const std::vector<std::string>& settings) {
    return parse(config_with(R"(, "normalization": {"type": "batch"})"), settings, "/nowhere", "c");
  };
  EXPECT_TRUE(differences(config({}), config({})).empty());
  const auto named = [](const std::vector<Difference>& all, const std::string& path) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const Difference& one) { return one.path == path; });
    EXPECT_NE(found, all.end()) << path;
    return found == all.end() ? Difference{} : *found;
  };
  std::vector<Difference> all = differences(config({}), config({"optimizer.learning_rate=0.5"}));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].path, "optimizer.learning_rate");
  EXPECT_EQ(all[0].second, "0.5");
  EXPECT_TRUE(all[0].decided_by.empty());

  all = differences(config({}), config({"optimizer.type=adam"}));
  EXPECT_EQ(named(all, "optimizer.type").first, "\"sgd\"");
  EXPECT_EQ(named(all, "optimizer.type").second, "\"adam\"");
  EXPECT_EQ(named(all, "optimizer.beta1").first, "(unset)");
  EXPECT_EQ(named(all, "optimizer.momentum").second, "(unset)");
  EXPECT_EQ(named(all, "optimizer.beta1").decided_by, (ErrorLines{"optimizer.type"}));

  all = differences(config({}), config({"training.epochs=2"}));
  EXPECT_EQ(named(all, "training.epochs").first, "(unset)");
  EXPECT_EQ(named(all, "training.steps").second, "(unset)");
  EXPECT_EQ(named(all, "training.steps").decided_by, (ErrorLines{"training.epochs"}));
  EXPECT_TRUE(named(all, "training.epochs").decided_by.empty());

  all = differences(config({}), config({"normalization.type=batch_renorm"}));
  EXPECT_EQ(named(all, "normalization.r_max.initial").decided_by, (ErrorLines{"normalization.type"}));

  all = differences(config({R"(probes=[{"type": "gradient_norm"}])"}),
                    config({R"(probes=[{"type": "activation_distribution", "units": [1, 2]}])"}));
  EXPECT_EQ(named(all, "probes.0.units").second, "[1, 2]");
  EXPECT_EQ(named(all, "probes.0.units").decided_by, (ErrorLines{"probes.0.type"}));

  all = differences(config({}), config({"network.layers.1.dense.units=11"}));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].path, "network.layers.1.dense.units");
}

}  // namespace
}  // namespace bnlab::config

#pragma once
// The table of the fields of an experiment, as fields.h is of a config's.

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>

#include "config/experiment_config.h"
#include "config/rule.h"
#include "util/join.h"

namespace bnlab::config {

/// The field applies for the kinds whose row has the trait: a member or a function of the row.
template <class E, class Trait>
Rule only_where(std::string_view field, E value, Trait trait, Rule rule = {}) {
  rule.decided_by = field;
  rule.decided_as = name_of(value);
  rule.applies = std::invoke(trait, row_of(value));
  rule.applies_to = names_where<E>([&](const auto& row) { return std::invoke(trait, row); });
  return rule;
}

template <class V>
void fields(V& v, BestOf& c) {
  v.field("arm", c.arm, "the arm of which it is a point", required().not_empty());
  v.field("quantity", c.quantity,
          "quantity that decides, by its mean over the seeds and its `better`; of the training or the validation "
          "split, never of the test split",
          required().not_empty());
  v.field("chosen_by", c.chosen_by,
          "another arm whose points are compared to find the best values of the axes, such as the rate that is best "
          "for none, used in batch; unset: arm",
          not_empty());
}

template <class V>
void fields(V& v, ArmConfig& c) {
  v.field("name", c.name, "name of the arm, in criteria, files and figures", required().name());
  v.field("meaning", c.meaning, "its name in figures and tables; empty: name");
  v.field("config", c.config, "a config that replaces the base; its differences must be declared");
  v.field("differs_in", c.differs_in, "paths in which the config of the arm may differ from the base");
  v.field("set", c.set, "dotted paths and their values, as for --set");
  v.field("grid", c.grid, "dotted paths and lists of values: a point for every combination");
  v.field(
      "zip", c.zip,
      "dotted paths and lists of equal length: a point for each position in the lists; with a grid: for each position "
      "and every combination of the grid");
  v.optional_section("best_of", c.best_of, "the best point of another arm; the arm has no runs of its own");
  v.require(c.differs_in.empty() || c.config, "differs_in", "only with config");
  v.require(!c.best_of || (c.set.paths.empty() && c.grid.paths.empty() && c.zip.paths.empty() && !c.config), "best_of",
            "cannot be combined with set, grid, zip or config");
}

template <class V>
void fields(V& v, WhenConfig& c) {
  v.field("column", c.column, "column of the file", required().not_empty());
  v.field("where", c.where, "columns and the value of the rows that count; one row of each step must be left");
  v.field("better", c.better, "higher: the level is reached from below; lower: from above");
}

template <class V>
void fields(V& v, SeriesConfig& c) {
  const auto only_of = [&c](OverTime reduction, const Rule& rule = {}) {
    return only_where(
        "over_time", c.over_time, [=](const auto& kind) { return kind.value == reduction; }, rule);
  };
  v.field("column", c.column, "column of the file", required().not_empty());
  v.field("minus", c.minus, "another column, subtracted in each row");
  v.field("over_time", c.over_time, meanings_of<OverTime>());
  v.field("last", c.last, "number of last rows; unset: all rows",
          only_where("over_time", c.over_time, &OverTimeKind::takes_last, at_least(1)));
  v.field("step", c.step, "the step", only_of(OverTime::at, at_least(0)));
  v.field("level", c.level, "level to reach", only_where("over_time", c.over_time, &OverTimeKind::takes_level));
  v.optional_section("when", c.when, "the series of the same file that must reach the level",
                     only_of(OverTime::at_level));
  v.require(c.over_time != OverTime::at_level || c.when, "when", "must be set for at_level");
  v.field("from_step", c.from_step, "rows before this step do not count", at_least(0));
}

template <class V>
void fields(V& v, QuantityConfig& c) {
  v.field("name", c.name, "name of the quantity, in criteria and in runs.csv", required().name());
  v.field("meaning", c.meaning, "its name in figures and tables; empty: name");
  v.field("unit", c.unit, "unit of the quantity");
  v.field("file", c.file, "file of the run: train.csv, eval.csv, PROBE.csv", file_name());
  v.field("where", c.where, "columns and the value, or list of values, of the rows that count");
  v.section("series", c.series, "the column, and its reduction over time", required());
  v.optional_section("divided_by", c.divided_by, "another series of the same rows");
  v.field("over_rows", c.over_rows,
          "reduction over several series: one for each combination of the columns that `where` does not fix (layers, "
          "units), in the order of the file. For steps_to and first_non_finite, difference and ratio are those of each "
          "step. " +
              meanings_of<OverRows>());
  v.field("factor_to", c.factor_to,
          "tables, figures and pages show a slope of logarithms as a factor: " + meanings_of<FactorTo>(),
          only_where("over_rows", c.over_rows, &OverRowsKind::is_logarithm));
  v.field("better", c.better,
          "whether higher or lower values of the column are better; for steps_to fewer steps are always better, for "
          "first_non_finite more steps");
  v.field("when_diverged", c.when_diverged, "value of a diverged run; unset: the value from its rows");
  const bool of_steps = row_of(c.series.over_time).counts_steps;
  v.require(!c.divided_by || (!of_steps && !row_of(c.divided_by->over_time).counts_steps), "divided_by",
            "cannot be combined with steps_to or first_non_finite");
  v.require(!row_of(c.over_rows).is_logarithm || !of_steps, "over_rows",
            "can't be " + join(names_where<OverRows>([](const auto& kind) { return kind.is_logarithm; }), " or ") +
                " of steps_to or first_non_finite");
  v.require(!c.when_diverged || !of_steps, "when_diverged",
            "cannot be combined with steps_to or first_non_finite, which count the steps of a diverged run");
}

template <class V>
void fields(V& v, CriterionConfig& c) {
  v.field("name", c.name, "name of the criterion", required().name());
  v.field("meaning", c.meaning, "the criterion in words: the effect that is measured");
  v.field("type", c.type, meanings_of<CriterionType>(), required());
  // The rules look at the type, which the line above reads.
  const bool has_tolerance = row_of(c.type).claim == ClaimType::tolerance;
  const Rule axis = only_where("type", c.type, &CriterionKind::has_axis);
  const Rule usable = only_where("type", c.type, &CriterionKind::needs_usable);
  const Rule threshold =
      only_where("type", c.type, [](const auto& kind) { return kind.claim == ClaimType::thresholds; });
  const Rule within = only_where(
      "type", c.type, [](const auto& kind) { return kind.claim == ClaimType::tolerance; }, at_least(0));
  v.field("quantity", c.quantity, "quantity of the criterion", required().not_empty());
  v.field("arms", c.arms, "arms of the criterion", required().not_empty());
  const bool has_weights = row_of(c.type).needs_weights;
  v.field("weights", c.weights, "of the arms, in their order: [1, -1, -1, 1] for (a - b) - (c - d)",
          only_where("type", c.type, &CriterionKind::needs_weights, between(-largest, largest).may_repeat()));
  v.require(!has_weights || c.weights.size() == c.arms.size(), "weights",
            "must have one number for each " +
                (c.arms.empty() ? "arm" : "of the " + std::to_string(c.arms.size()) + " arms"));
  v.require(std::find(c.weights.begin(), c.weights.end(), 0.0) == c.weights.end(), "weights",
            "must not be 0: leave that arm out");
  v.field("axis", c.axis, "path of the axis", axis);
  v.field("usable", c.usable, "value of the quantity from which a point of the axis is usable", usable);
  v.field("at_least", c.at_least, "the claim: the effect is at least this", threshold);
  v.field("more_than", c.more_than, "the claim: the effect is above this, not equal to it", threshold);
  v.field("at_most", c.at_most, "the claim: the effect is at most this", threshold);
  v.field("less_than", c.less_than, "the claim: the effect is below this, not equal to it", threshold);
  v.require(!c.at_least || !c.more_than, "more_than", "cannot be combined with at_least");
  v.require(!c.at_most || !c.less_than, "less_than", "cannot be combined with at_most");
  v.require(!c.at_least || !c.at_most || *c.at_least <= *c.at_most, "at_most", "must not be below at_least");
  v.require(!c.more_than || !c.at_most || *c.more_than < *c.at_most, "at_most", "must be above more_than");
  v.require(!c.less_than || !c.at_least || *c.at_least < *c.less_than, "less_than", "must be above at_least");
  v.require(!c.less_than || !c.more_than || *c.more_than < *c.less_than, "less_than", "must be above more_than");
  v.field("within", c.within, "the claim: the difference is at most this, in either direction", within);
  v.require(!row_of(c.type).needs_usable || c.usable, "usable", "must be set for " + join(usable.applies_to));
  v.require(!has_tolerance || c.within, "within", "must be set for " + join(within.applies_to));
  v.field("source", c.source, "source of the threshold");
  const bool has_threshold = c.at_least || c.more_than || c.at_most || c.less_than || has_tolerance;
  v.require(!has_threshold || !c.source.empty(), "source", "must be set for a criterion with a threshold");
  v.field("explanation", c.explanation,
          "the authors' explanation for a verdict of the full profile other than \"reproduced\"; shown only after such "
          "a verdict");
  v.require(c.explanation.find('\n') == std::string::npos, "explanation", "must be one line");
}

template <class V>
void fields(V& v, ProfileConfig& c) {
  v.field("set", c.set, "dotted paths and values for all arms; those of an arm override them");
  v.field("seeds", c.seeds, "seeds that replace those of the experiment");
  v.field("levels", c.levels, "other levels of quantities with steps_to or at_level, for a profile with other data");
  v.field("axes", c.axes, "other values for axes of the arms, by path");
  v.field("minutes", c.minutes, "expected time on two cores", at_least(0));
}

template <class V>
void fields(V& v, FigureConfig& c) {
  const auto drawn_from = [&c](FigureSource source, const Rule& rule = {}) {
    return only_where(
        "type", c.type, [=](const auto& kind) { return kind.source == source; }, rule);
  };
  v.field("type", c.type, meanings_of<FigureType>());
  v.field("title", c.title, "title of the figure");
  v.field("quantity", c.quantity, "quantity that is drawn", drawn_from(FigureSource::quantity));
  v.field("file", c.file, "file of the runs", drawn_from(FigureSource::file, file_name()));
  v.field("column", c.column, "column that is drawn", only_where("type", c.type, &FigureKind::takes_column));
  const Rule ends = only_where("type", c.type, &FigureKind::takes_ends);
  v.field("low", c.low, "the column of the lower ends", ends);
  v.field("high", c.high, "the column of the upper ends", ends);
  v.require(!row_of(c.type).takes_ends || !c.low.empty(), "low", "must be set for " + join(ends.applies_to));
  v.require(!row_of(c.type).takes_ends || !c.high.empty(), "high", "must be set for " + join(ends.applies_to));
  v.field("divided_by", c.divided_by, "another column: the ratio of the sums of both up to each step is drawn",
          only_where("type", c.type, &FigureKind::takes_divided_by));
  v.field("where", c.where, "rows that are drawn", drawn_from(FigureSource::file));
  v.field("step", c.step, "step whose rows are drawn; unset: the last",
          only_where("type", c.type, &FigureKind::takes_step, at_least(0)));
  v.field("arms", c.arms, "arms that are drawn; empty: all");
  v.field("axis", c.axis, "path of the horizontal axis", drawn_from(FigureSource::quantity));
  v.field("log_x", c.log_x, "logarithmic horizontal axis");
  v.field("log_y", c.log_y, "logarithmic vertical axis");
  v.field("min_y", c.min_y, "lower end of the vertical axis, if most means are above it; unset: as the values need",
          only_where("type", c.type, &FigureKind::takes_min_y));
  v.field("criterion", c.criterion, "criterion below the title; empty: the first with the verdict of the experiment");
}

template <class V>
void fields(V& v, ExperimentConfig& c) {
  v.field("name", c.name, "name of the experiment; empty: that of the file, without .json", file_name());
  v.field("profile", c.profile, "in experiment.json of a sweep: the profile that was run; empty: an ablation (--grid)");
  v.field("settings", c.settings, "in experiment.json of a sweep: its --set");
  v.field("plan", c.plan, "in experiment.json of a sweep: a hash of all that decides its runs and its verdict");
  v.field("part", c.part, "heading under which tables and pages list the experiment");
  v.field("claim", c.claim, "the claim, in one to three sentences");
  v.field("source", c.source, "source of the claim, with its number");
  v.field("finding", c.finding,
          "the result of the full profile in a few sentences, on one line; shown with the verdict. With another "
          "profile, other seeds "
          "or --set it begins with \"(full profile)\"");
  v.require(c.finding.find('\n') == std::string::npos, "finding", "must be one line");
  v.field("notes", c.notes, "notes for the reader: the protocol, differences from the source, results");
  v.field("base", c.base, "the config that the arms start from: a file's name, or the config", required());
  v.sections("arms", c.arms, "the arms, which are compared", required().not_empty());
  v.field("seeds", c.seeds, "seeds of the runs of each arm: a list, or n for 1 to n");
  v.sections("quantities", c.quantities,
             "quantities measured in each run; empty: test_accuracy and test_loss, the final ones");
  v.sections("criteria", c.criteria, "criteria of the claim; empty: nothing is judged");
  v.section("quick", c.quick, "the quick profile: seconds to a few minutes");
  v.section("full", c.full, "the full profile, whose result counts");
  v.section("figure", c.figure, "figure of the experiment");
}

}  // namespace bnlab::config

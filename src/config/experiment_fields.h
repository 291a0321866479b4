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
          "what they are compared by: its mean over the seeds, the better one as the quantity says; of the training or "
          "the validation split, never of the test split",
          required().not_empty());
  v.field("chosen_by", c.chosen_by,
          "the arm whose points are compared, where it is another: the point is that of the same values of the axes, "
          "such as batch at the best rate of none; unset: arm",
          not_empty());
}

template <class V>
void fields(V& v, ArmConfig& c) {
  v.field("name", c.name, "of the arm, in criteria, files and figures", required().name());
  v.field("meaning", c.meaning, "what figures and tables call it; empty: its name");
  v.field("config", c.config, "a config in place of the base; its differences must be declared");
  v.field("differs_in", c.differs_in, "the paths in which the arm's own config may differ from the base");
  v.field("set", c.set, "dotted paths and their values, as --set takes them");
  v.field("grid", c.grid, "dotted paths and lists of values: a point for every combination");
  v.field(
      "zip", c.zip,
      "dotted paths and lists of equal length: a point for each place in the lists; with a grid: for each place and "
      "every combination of the grid");
  v.optional_section("best_of", c.best_of, "the best point of another arm, in place of runs of its own");
  v.require(c.differs_in.empty() || c.config, "differs_in", "only with config");
  v.require(!c.best_of || (c.set.paths.empty() && c.grid.paths.empty() && c.zip.paths.empty() && !c.config), "best_of",
            "can't stand beside set, grid, zip or config");
}

template <class V>
void fields(V& v, SeriesConfig& c) {
  const auto only_of = [&c](OverTime reduction, Rule rule = {}) {
    return only_where(
        "over_time", c.over_time, [=](const auto& kind) { return kind.value == reduction; }, rule);
  };
  v.field("column", c.column, "of the file", required().not_empty());
  v.field("minus", c.minus, "another column, taken away in each row");
  v.field("over_time", c.over_time, meanings_of<OverTime>());
  v.field("last", c.last, "of the last n rows; unset: of all",
          only_where("over_time", c.over_time, &OverTimeKind::takes_last, at_least(1)));
  v.field("step", c.step, "the step", only_of(OverTime::at, at_least(0)));
  v.field("level", c.level, "the level to be reached", only_of(OverTime::steps_to));
  v.field("from_step", c.from_step, "rows before this step do not count", at_least(0));
}

template <class V>
void fields(V& v, QuantityConfig& c) {
  v.field("name", c.name, "of the quantity, in criteria and in runs.csv", required().name());
  v.field("meaning", c.meaning, "what figures and tables call it; empty: its name");
  v.field("unit", c.unit, "of the quantity");
  v.field("file", c.file, "of the run: train.csv, eval.csv, PROBE.csv", file_name());
  v.field("where", c.where, "columns and the values, one or a list, of the rows that count");
  v.section("series", c.series, "what is read, and its reduction over time", required());
  v.optional_section("divided_by", c.divided_by, "another series of the same rows");
  v.field("over_rows", c.over_rows,
          "what becomes of several series, one for each combination of the columns that `where` leaves open (layers, "
          "units), in the file's order. " +
              meanings_of<OverRows>());
  v.field("better", c.better,
          "which of two values in the column is the better one; of steps to a level fewer always are, of steps until a "
          "value is not finite more");
  v.field("when_diverged", c.when_diverged, "the value of a run that diverged; unset: what its rows give");
  const bool of_steps = row_of(c.series.over_time).counts_steps;
  v.require(!c.divided_by || (!of_steps && !row_of(c.divided_by->over_time).counts_steps), "divided_by",
            "can't be, or stand beside, steps_to or first_non_finite");
  v.require(!row_of(c.over_rows).compares_rows || !of_steps, "over_rows",
            "can't be " + join(names_where<OverRows>([](const auto& kind) { return kind.compares_rows; }), " or ") +
                " of steps_to or first_non_finite");
  v.require(!c.when_diverged || !of_steps, "when_diverged",
            "can't stand beside steps_to or first_non_finite, which count the steps of a run that diverged");
}

template <class V>
void fields(V& v, CriterionConfig& c) {
  v.field("name", c.name, "of the criterion", required().name());
  v.field("meaning", c.meaning, "what it says, in words");
  v.field("type", c.type, meanings_of<CriterionType>(), required());
  // The rules look at the type, which the line above reads.
  const bool has_tolerance = row_of(c.type).claim == ClaimType::tolerance;
  const Rule axis = only_where("type", c.type, &CriterionKind::has_axis);
  const Rule usable = only_where("type", c.type, &CriterionKind::needs_usable);
  const Rule threshold =
      only_where("type", c.type, [](const auto& kind) { return kind.claim == ClaimType::thresholds; });
  const Rule within = only_where(
      "type", c.type, [](const auto& kind) { return kind.claim == ClaimType::tolerance; }, at_least(0));
  v.field("quantity", c.quantity, "what it is about", required().not_empty());
  v.field("arms", c.arms, "the arms that it compares", required().not_empty());
  const bool has_weights = row_of(c.type).needs_weights;
  v.field("weights", c.weights, "of the arms, in their order: [1, -1, -1, 1] for (a - b) - (c - d)",
          only_where("type", c.type, &CriterionKind::needs_weights, between(-largest, largest).may_repeat()));
  v.require(!has_weights || c.weights.size() == c.arms.size(), "weights",
            "must have one number for each of the " + std::to_string(c.arms.size()) + " arms");
  v.require(std::find(c.weights.begin(), c.weights.end(), 0.0) == c.weights.end(), "weights",
            "must not be 0: leave that arm out");
  v.field("axis", c.axis, "the path of the axis", axis);
  v.field("usable", c.usable, "the value of the quantity from which a point is usable", usable);
  v.field("at_least", c.at_least, "the claim: the effect is at least this", threshold);
  v.field("more_than", c.more_than, "the claim: the effect is above this; equality does not show it", threshold);
  v.field("at_most", c.at_most, "the claim: the effect is at most this", threshold);
  v.field("less_than", c.less_than, "the claim: the effect is below this; equality does not show it", threshold);
  v.require(!c.at_least || !c.more_than, "more_than", "can't stand beside at_least");
  v.require(!c.at_most || !c.less_than, "less_than", "can't stand beside at_most");
  v.require(!c.at_least || !c.at_most || *c.at_least <= *c.at_most, "at_most", "must not be below at_least");
  v.require(!c.more_than || !c.at_most || *c.more_than < *c.at_most, "at_most", "must be above more_than");
  v.require(!c.less_than || !c.at_least || *c.at_least < *c.less_than, "less_than", "must be above at_least");
  v.require(!c.less_than || !c.more_than || *c.more_than < *c.less_than, "less_than", "must be above more_than");
  v.field("within", c.within, "the largest difference that is none", within);
  v.require(!row_of(c.type).needs_usable || c.usable, "usable", "must be set for " + join(usable.applies_to));
  v.require(!has_tolerance || c.within, "within", "must be set for " + join(within.applies_to));
  v.field("source", c.source, "where the threshold comes from");
  const bool has_threshold = c.at_least || c.more_than || c.at_most || c.less_than || has_tolerance;
  v.require(!has_threshold || !c.source.empty(), "source", "must say where the threshold comes from");
  v.field("explanation", c.explanation,
          "the reason that the authors of the experiment found, in the full profile, for a verdict that is not "
          "\"reproduced\"; shown behind such a verdict of the full profile only");
  v.require(c.explanation.find('\n') == std::string::npos, "explanation", "must be one line");
}

template <class V>
void fields(V& v, ProfileConfig& c) {
  v.field("set", c.set, "dotted paths and values for all arms; an arm's own come after");
  v.field("seeds", c.seeds, "in place of the experiment's");
  v.field("levels", c.levels, "other levels of quantities with steps_to, where the profile has other data");
  v.field("axes", c.axes, "other values for axes of the arms, by path");
  v.field("minutes", c.minutes, "expected time on two cores", at_least(0));
}

template <class V>
void fields(V& v, FigureConfig& c) {
  const auto drawn_from = [&c](FigureSource source, Rule rule = {}) {
    return only_where(
        "type", c.type, [=](const auto& kind) { return kind.source == source; }, rule);
  };
  v.field("type", c.type, meanings_of<FigureType>());
  v.field("title", c.title, "above the figure");
  v.field("quantity", c.quantity, "what is drawn", drawn_from(FigureSource::quantity));
  v.field("file", c.file, "of the runs", drawn_from(FigureSource::file, file_name()));
  v.field("column", c.column, "what is drawn", only_where("type", c.type, &FigureKind::takes_column));
  const Rule ends = only_where("type", c.type, &FigureKind::takes_ends);
  v.field("low", c.low, "the column of the lower ends", ends);
  v.field("high", c.high, "the column of the upper ends", ends);
  v.require(!row_of(c.type).takes_ends || !c.low.empty(), "low", "must be set for " + join(ends.applies_to));
  v.require(!row_of(c.type).takes_ends || !c.high.empty(), "high", "must be set for " + join(ends.applies_to));
  v.field("divided_by", c.divided_by, "another column: drawn is the ratio of their sums up to each step",
          only_where("type", c.type, &FigureKind::takes_divided_by));
  v.field("where", c.where, "the rows that count", drawn_from(FigureSource::file));
  v.field("step", c.step, "whose rows are drawn; unset: the last",
          only_where("type", c.type, &FigureKind::takes_step, at_least(0)));
  v.field("arms", c.arms, "those that are drawn; empty: all");
  v.field("axis", c.axis, "the path of the horizontal axis", drawn_from(FigureSource::quantity));
  v.field("log_x", c.log_x, "logarithmic horizontal axis");
  v.field("log_y", c.log_y, "logarithmic vertical axis");
  v.field("min_y", c.min_y,
          "the lower end of the vertical axis, where most means are above it; unset: what the values need",
          only_where("type", c.type, &FigureKind::takes_min_y));
  v.field("criterion", c.criterion, "quoted below the title; empty: the first with the verdict of the whole");
}

template <class V>
void fields(V& v, ExperimentConfig& c) {
  v.field("name", c.name, "of the experiment; empty: the file's, without .json", file_name());
  v.field("profile", c.profile, "of a sweep's experiment.json: the profile that was run; empty: an ablation (--grid)");
  v.field("settings", c.settings, "of a sweep's experiment.json: its --set");
  v.field("plan", c.plan,
          "of a sweep's experiment.json: a hash of what decides its runs and their judgement. A sweep writes its own");
  v.field("claim", c.claim, "what is claimed, in a sentence");
  v.field("source", c.source, "who claims it, where, with which number");
  v.field("finding", c.finding,
          "one sentence: what a reader should take away from the verdict of the full profile; shown with it. Where "
          "another profile, other seeds or --set are judged, \"(full profile)\" stands before it");
  v.require(c.finding.find('\n') == std::string::npos, "finding", "must be one line");
  v.field("notes", c.notes, "what a reader must know: the protocol, what differs from the source, what came out");
  v.field("base", c.base, "the config that the arms start from: a file's name, or the config", required());
  v.sections("arms", c.arms, "what is compared", required().not_empty());
  v.field("seeds", c.seeds, "of the runs of each arm: a list, or n for 1 to n");
  v.sections("quantities", c.quantities,
             "what is measured of each run; empty: test_accuracy and test_loss, the final ones");
  v.sections("criteria", c.criteria, "what the claim says of it; empty: nothing is judged");
  v.section("quick", c.quick, "the small profile: seconds to a few minutes");
  v.section("full", c.full, "what the claim deserves");
  v.section("figure", c.figure, "what shows it");
}

}  // namespace bnlab::config

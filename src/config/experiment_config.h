#pragma once
// An experiment: one claim as runs, quantities and criteria. Plain structs; all defaults live here.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/experiment_kinds.h"

namespace bnlab::config {

/// A value of JSON that is handed on to a config, as text on one line: 0.5, "none", [1, 3].
struct JsonText {
  std::string text;
  bool operator==(const JsonText&) const = default;
};

/// Dotted paths of a config and the value each gets, in the order of the file.
struct Settings {
  std::vector<std::pair<std::string, JsonText>> paths;
  bool operator==(const Settings&) const = default;
};

/// Dotted paths of a config and the values that each takes in turn.
struct Axes {
  std::vector<std::pair<std::string, std::vector<JsonText>>> paths;
  bool operator==(const Axes&) const = default;
};

/// Columns of a CSV file and the values of the rows that count, as the file has them.
struct RowFilter {
  std::vector<std::pair<std::string, std::vector<std::string>>> columns;
  bool operator==(const RowFilter&) const = default;
};

/// Names of quantities and the level that each is about.
struct Levels {
  std::vector<std::pair<std::string, double>> by_quantity;
  bool operator==(const Levels&) const = default;
};

/// The seeds of an experiment: a count n for 1 to n, or a list.
struct Seeds {
  std::vector<std::uint64_t> list{1, 2, 3};
  bool operator==(const Seeds&) const = default;
};

/// One or more lines of text.
struct Lines {
  std::vector<std::string> lines;
  bool operator==(const Lines&) const = default;
};

/// The config that the arms start from: the name of a file, or a config written out.
struct BaseConfig {
  std::string file;  // empty: `text` holds it
  std::string text;  // JSON
  bool operator==(const BaseConfig&) const = default;
};

/// An arm without runs of its own: the best point of another arm's axes.
struct BestOf {
  std::string arm;
  std::string quantity;                  // by its mean over the seeds; never of the test split
  std::optional<std::string> chosen_by;  // the arm whose points are compared; unset: `arm`
  bool operator==(const BestOf&) const = default;
};

struct ArmConfig {
  std::string name;
  std::string meaning;
  std::optional<BaseConfig> config;     // a whole config of its own, in place of the base
  std::vector<std::string> differs_in;  // config: the paths in which it may differ from the base
  Settings set;
  Axes grid;  // every combination
  Axes zip;   // the first values together, then the second, ...; each of these with every combination of the grid
  std::optional<BestOf> best_of;

  /// Those of the grid, then those of the zip.
  Axes axes() const {
    Axes all = grid;
    all.paths.insert(all.paths.end(), zip.paths.begin(), zip.paths.end());
    return all;
  }
  bool has_axes() const { return !grid.paths.empty() || !zip.paths.empty(); }
  bool operator==(const ArmConfig&) const = default;
};

/// The series that decides at which step another is read. Its rows are of the same file.
struct WhenConfig {
  std::string column;
  RowFilter where;  // leaves one series
  Better better = Better::higher;
  bool operator==(const WhenConfig&) const = default;
};

/// One number out of the rows of one group: those that differ in nothing but the step.
struct SeriesConfig {
  std::string column;
  std::string minus;  // another column, taken away from each row
  OverTime over_time = OverTime::final;
  std::optional<std::int64_t> last;  // mean, median: of the last n rows; unset: of all
  std::int64_t step = 0;             // at
  double level = 0;                  // steps_to, at_level
  std::optional<WhenConfig> when;    // at_level
  std::int64_t from_step = 0;        // earlier rows don't count
  bool operator==(const SeriesConfig&) const = default;
};

/// One number of each run: a series of each group, divided by another where there is one, and all groups together.
struct QuantityConfig {
  std::string name;
  std::string meaning;
  std::string unit;
  std::string file = "eval.csv";
  RowFilter where;
  SeriesConfig series;
  std::optional<SeriesConfig> divided_by;
  OverRows over_rows = OverRows::mean;
  FactorTo factor_to = FactorTo::next;  // log_slope: as which factor people see it
  Better better = Better::higher;       // of two values in its column
  std::optional<double> when_diverged;  // the value of a run that diverged; unset: what its rows give
  bool operator==(const QuantityConfig&) const = default;
};

/// Whether the rows of each step are reduced first: the steps until a difference of two rows reaches a level.
inline bool reduces_rows_first(const QuantityConfig& quantity) {
  return row_of(quantity.series.over_time).counts_steps && row_of(quantity.over_rows).compares_rows;
}

/// A statement about one quantity over arms. Without a threshold it is reported and decides nothing.
struct CriterionConfig {
  std::string name;
  std::string meaning;
  CriterionType type = CriterionType::difference;
  std::string quantity;
  std::vector<std::string> arms;
  std::string axis;              // the path of the arm's axis, of kinds that have one
  std::optional<double> usable;  // the level of the quantity from which a point of the axis counts
  std::vector<double> weights;   // contrast: one for each arm
  std::optional<double> at_least;
  std::optional<double> more_than;
  std::optional<double> at_most;
  std::optional<double> less_than;
  std::optional<double> within;  // equality: the tolerance
  std::string source;            // of the threshold
  std::string explanation;       // one line: why the full profile came out as it did, where it is not reproduced
  bool operator==(const CriterionConfig&) const = default;
};

/// How much of an experiment is run.
struct ProfileConfig {
  Settings set;
  std::optional<Seeds> seeds;
  Levels levels;       // other levels to be reached, where the profile has other data
  Axes axes;           // other values of the arms' axes
  double minutes = 0;  // expected, on two cores
  bool operator==(const ProfileConfig&) const = default;
};

struct FigureConfig {
  FigureType type = FigureType::none;
  std::string title;
  std::string quantity;           // of figures that are drawn from a quantity
  std::string file = "eval.csv";  // curves, bands
  std::string column = "accuracy";
  std::string low;  // fill: the columns between which the area lies
  std::string high;
  std::string divided_by;  // curves: another column
  RowFilter where;
  std::optional<std::int64_t> step;  // rows; unset: the last
  std::vector<std::string> arms;     // empty: all
  std::string axis;                  // the path on the horizontal axis; empty: the first
  bool log_x = false;
  bool log_y = false;
  std::optional<double> min_y;  // axis: the lower end of the vertical axis; unset: what the values need
  std::string criterion;        // quoted below the title; empty: the first with the overall verdict
  bool operator==(const FigureConfig&) const = default;
};

struct ExperimentConfig {
  std::string name;  // the file's name without its ending
  // These three are written by a sweep.
  std::string profile;  // "quick" or "full"; empty: an ablation, which has no profiles
  Lines settings;       // its --set, in their order
  std::string plan;     // experiments::Plan::hash
  std::string part;     // the heading under which tables and pages list it
  std::string claim;
  std::string source;
  std::string finding;  // one line: what a reader should take away from the full profile
  Lines notes;
  BaseConfig base;
  std::vector<ArmConfig> arms;
  Seeds seeds;
  std::vector<QuantityConfig> quantities;  // empty: the final accuracy and loss of the test split
  std::vector<CriterionConfig> criteria;
  ProfileConfig quick;
  ProfileConfig full;
  FigureConfig figure;
  bool operator==(const ExperimentConfig&) const = default;
};

}  // namespace bnlab::config

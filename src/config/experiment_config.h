#pragma once
// An experiment: one claim as runs, quantities and criteria. Plain structs; all defaults live here.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bnlab::config {

/// A value of JSON that is passed on to a config, or shown: as compact JSON text ("0.5", "\"none\"", "[1, 3]").
using JsonText = std::string;
/// Dotted paths of a config and the values they get, in the order of the file.
using Settings = std::vector<std::pair<std::string, JsonText>>;
/// Dotted paths and the values that each takes in turn.
using Axes = std::vector<std::pair<std::string, std::vector<JsonText>>>;

enum class Profile { quick, full };
enum class Better { higher, lower };

/// An arm that has no runs of its own: the best point of another arm's axes.
struct BestOf {
  std::string arm;
  std::string quantity;  // by its mean over the seeds; never of the test split
  bool operator==(const BestOf&) const = default;
};

struct ArmConfig {
  std::string name;
  std::string meaning;
  Settings set;
  Axes grid;                // every combination
  Axes zip;                 // the first values of each together, then the second, ...
  std::string config;       // a whole config of its own in place of the base
  std::vector<std::string> differs_in;  // config: the paths in which it may differ from the base
  std::optional<BestOf> best_of;
  bool operator==(const ArmConfig&) const = default;
};

enum class OverTime { final, best, mean, median, range, area, at, steps_to, first_non_finite };
enum class OverRows { mean, median, minimum, maximum, sum, log_slope };

/// One number of a run, of each combination of the columns that `where` leaves open (layers, units).
struct SeriesConfig {
  std::string column;
  std::string minus;  // another column of the same row
  OverTime over_time = OverTime::final;
  std::optional<std::int64_t> last;   // mean, median: of the last n rows; unset: of all
  std::optional<std::int64_t> step;   // at
  std::optional<double> level;        // steps_to
  std::int64_t from_step = 0;
  bool operator==(const SeriesConfig&) const = default;
};

/// One number of each run.
struct QuantityConfig {
  std::string name;
  std::string meaning;
  std::string unit;
  std::string file = "eval.csv";
  std::vector<std::pair<std::string, std::string>> where;  // column, text of its value; a list in JSON has several
  SeriesConfig series;
  std::optional<SeriesConfig> divided_by;
  OverRows over_rows = OverRows::mean;
  Better better = Better::higher;
  std::optional<double> when_diverged;  // in place of what is not finite, or was never reached, in a run that diverged
  bool operator==(const QuantityConfig&) const = default;
};

enum class CriterionType { value, difference, ratio, log_slope, range, widest_interval, equality, order };

/// A statement about a quantity over arms. Thresholds: with neither the criterion is reported, and decides nothing.
struct CriterionConfig {
  std::string name;
  std::string meaning;
  CriterionType type = CriterionType::difference;
  std::string quantity;
  std::vector<std::string> arms;
  std::string axis;                   // log_slope, range, widest_interval: the path of the axis
  std::optional<double> usable;       // widest_interval: a point counts where the quantity is at least (lower: at most) this
  std::optional<double> at_least;
  std::optional<double> at_most;
  std::optional<double> within;       // equality: the largest difference that is none
  std::string source;                 // of the threshold
  bool operator==(const CriterionConfig&) const = default;
};

}  // namespace bnlab::config

#pragma once
// Files of runs, and quantities to measure in them.

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "experiments/experiment_testing.h"
#include "experiments/quantities.h"
#include "util/errors.h"

namespace bnlab::experiments {

using config::OverRows;
using config::OverTime;
using config::QuantityConfig;
using config::SeriesConfig;

inline constexpr double inf = std::numeric_limits<double>::infinity();

/// A run that diverged did so at step 60.
inline RunReport report_of(RunState state, std::int64_t steps = 100) {
  RunReport report;
  report.state = state;
  report.last_step = state == RunState::diverged ? 60 : steps;
  report.steps = steps;
  return report;
}

/// A run's directory with one file.
class Directory {
 public:
  explicit Directory(const std::string& text, const std::string& file = "p.csv") : file_(file) {
    test::write_text(folder_ / file, text);
  }

  Value measure(QuantityConfig quantity, RunState state = RunState::completed, std::int64_t steps = 100) const {
    quantity.name = std::string("q");
    quantity.file = file_;
    return experiments::measure(quantity, folder_.path(), report_of(state, steps));
  }
  double value(const QuantityConfig& quantity, RunState state = RunState::completed) const {
    const Value value = measure(quantity, state);
    EXPECT_EQ(value.bound, Bound::exact);
    return value.value;
  }
  template <class Error>
  std::string error(const QuantityConfig& quantity) const {
    const std::string text = test::error_text<Error>([&] { measure(quantity); });
    const std::string path = (folder_ / file_).string();
    const auto at = text.find(path);
    return at == std::string::npos ? text : text.substr(0, at) + file_ + text.substr(at + path.size());
  }

 private:
  std::string file_;
  test::TemporaryFolder folder_;
};

inline QuantityConfig over_time(OverTime reduction, const std::string& column = "y") {
  QuantityConfig quantity;
  quantity.series.column = column;
  quantity.series.over_time = reduction;
  return quantity;
}

inline QuantityConfig over_rows(OverRows reduction) {
  QuantityConfig quantity = over_time(OverTime::final);
  quantity.over_rows = reduction;
  return quantity;
}

inline QuantityConfig last_of(OverTime reduction, std::int64_t count) {
  QuantityConfig quantity = over_time(reduction);
  quantity.series.last = count;
  return quantity;
}

inline QuantityConfig where(QuantityConfig quantity, const std::string& column,
                            const std::vector<std::string>& values) {
  quantity.where.columns.emplace_back(column, values);
  return quantity;
}

inline QuantityConfig steps_to(double level, config::Better better = config::Better::higher) {
  QuantityConfig quantity = over_time(OverTime::steps_to);
  quantity.series.level = level;
  quantity.better = better;
  return quantity;
}

//                           step   0     10   20   50   100
inline const char* const series = "step,y,z\n0,5,1\n10,2,1\n20,8,2\n50,4,3\n100,1,3\n";

}  // namespace bnlab::experiments

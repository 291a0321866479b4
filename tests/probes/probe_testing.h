#pragma once
// A probe on a small network, and the table that it writes.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "probes/probe.h"
#include "training/run_directory.h"
#include "training/small_run.h"
#include "util/test_files.h"

namespace bnlab::test {

using Row = std::map<std::string, std::string>;

inline std::vector<std::string> split_line(const std::string& line) {
  std::vector<std::string> values;
  std::istringstream text(line);
  for (std::string value; std::getline(text, value, ',');) values.push_back(value);
  return values;
}

inline std::vector<Row> read_rows(const std::filesystem::path& path) {
  std::istringstream text(read_text(path));
  std::string line;
  std::getline(text, line);
  const std::vector<std::string> header = split_line(line);
  std::vector<Row> rows;
  while (std::getline(text, line)) {
    const std::vector<std::string> values = split_line(line);
    EXPECT_EQ(values.size(), header.size()) << line;
    Row row;
    for (std::size_t i = 0; i < values.size() && i < header.size(); ++i) row[header[i]] = values[i];
    rows.push_back(row);
  }
  return rows;
}

/// A network that has made one step, and one probe that measures it.
struct ProbeRun {
  ProbeRun(config::RunConfig config, const config::ProbeConfig& probe_config)
      : run(std::move(config)),
        dataset(small_dataset()),
        scaler(dataset, config::Scaling::standardized),
        network(run, dataset.info, run.training.batch_size),
        directory(folder / "run", training::Existing::refuse),
        probe(probes::make_probe(probe_config, {network, dataset, scaler, run,
                                                [this](const std::string& name, const std::vector<std::string>& columns)
                                                    -> CsvWriter& { return directory.open_csv(name, columns); }})) {}

  std::vector<Row> measure(const std::string& name, std::int64_t step) {
    probe->gradients_ready(step, run.optimizer.learning_rate);
    probe->step_done(step);
    return read_rows(folder / ("run/" + name + ".csv"));
  }

  TemporaryFolder folder;
  config::RunConfig run;
  data::Dataset dataset;
  data::Scaler scaler;
  network::Network network;
  training::RunDirectory directory;
  std::unique_ptr<probes::Probe> probe;
};

/// A value as %.9g wrote it.
inline void expect_value(const Row& row, const std::string& column, double expected) {
  const double found = std::stod(row.at(column));
  if (std::isnan(expected)) {
    EXPECT_EQ(row.at(column), "nan") << column;
  } else {
    EXPECT_NEAR(found, expected, 1e-6 * std::max(1.0, std::abs(expected))) << column;
  }
}

inline double l2_norm(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

}  // namespace bnlab::test

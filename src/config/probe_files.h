#pragma once
// The CSV files that probes write.

#include <algorithm>
#include <string>
#include <vector>

#include "config/names.h"
#include "config/run_config.h"

namespace bnlab::config {

/// Of one probe, with ".csv".
inline std::vector<std::string> files_of(const ProbeConfig& probe) {
  std::vector<std::string> files{name_of(probe.type) + ".csv"};
  if (probe.points) files.push_back(std::string(row_of(probe.type).points_file) + ".csv");
  return files;
}

/// Whether the probe writes `file`.
inline bool writes(const ProbeConfig& probe, const std::string& file) {
  const std::vector<std::string> files = files_of(probe);
  return std::find(files.begin(), files.end(), file) != files.end();
}

/// All that any probe may write.
inline std::vector<std::string> files_of_probes() {
  std::vector<std::string> files;
  for (const ProbeRow& row : Names<ProbeType>::table) {
    files.push_back(std::string(row.name) + ".csv");
    if (!row.points_file.empty()) files.push_back(std::string(row.points_file) + ".csv");
  }
  return files;
}

}  // namespace bnlab::config

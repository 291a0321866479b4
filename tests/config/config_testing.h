#pragma once
// What the tests of src/config share.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "config/load.h"
#include "util/errors.h"

namespace bnlab::config {

inline const std::filesystem::path configs_folder = std::filesystem::path(BNLAB_SOURCE_DIR) / "configs";

/// The lines of the ConfigError that `run` throws; none when it throws nothing.
inline std::vector<std::string> error_lines(const std::function<void()>& run) {
  std::vector<std::string> lines;
  try {
    run();
  } catch (const ConfigError& error) {
    std::istringstream text(error.what());
    for (std::string line; std::getline(text, line);) lines.push_back(line);
  }
  return lines;
}

/// The problems of a config named "c.json".
inline std::vector<std::string> problems_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return error_lines([&] { parse(text, overrides, configs_folder, "c.json"); });
}

inline bool any_contains(const std::vector<std::string>& lines, const std::string& part) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

/// A config of one line with the two required sections and `more`, such as R"(, "training": {})".
inline std::string config_with(const std::string& more) {
  return R"({"dataset": {"name": "mnist"}, "network": {"layers": [{"flatten": {}}, {"dense": {"units": 10}}]})" + more +
         "}";
}

/// A config of one line with one block before the last layer.
inline std::string config_with_block(const std::string& block) {
  return R"({"dataset": {"name": "mnist"}, "network": {"layers": [)" + block + R"(, {"dense": {"units": 10}}]}})";
}

using ErrorLines = std::vector<std::string>;

/// Expects one line; where `expected` ends in "..." the line may go on otherwise.
inline void expect_line(const ErrorLines& lines, const std::string& expected, const std::string& what) {
  ASSERT_EQ(lines.size(), 1u) << what;
  if (expected.ends_with("..."))
    EXPECT_EQ(lines[0].substr(0, expected.size() - 3) + "...", expected) << what;
  else
    EXPECT_EQ(lines[0], expected) << what;
}

}  // namespace bnlab::config

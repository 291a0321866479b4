#pragma once
// What the tests of executors share: small runs, programs that misbehave, and a display that remembers.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/executor.h"
#include "util/test_files.h"

namespace bnlab::test {

/// A run that needs no data files: `steps` of a small network, of 0.1 ms each or less.
inline std::string small_run(int steps, int seed, const std::string& training = "",
                             const std::string& more = R"("optimizer": {"learning_rate": 0.01})") {
  return fmt::format(
      R"({{"dataset": {{"name": "drawn_digits", "synthetic": {{"examples": 300, "test_examples": 60}}}},
          "network": {{"name": "small", "layers": [{{"flatten": {{}}}}, {{"dense_block": {{"units": 20}}}},
                                                   {{"dense": {{"units": 10}}}}]}},
          {}, "training": {{"batch_size": 20, "steps": {}, "seed": {}{}}}}})",
      more, steps, seed, training);
}

/// A task in `folder` whose config has this text.
inline experiments::Task make_task(const std::filesystem::path& folder, const std::string& name,
                                   const std::string& config) {
  std::filesystem::create_directories(folder / "configs");
  write_text(folder / "configs" / (name + ".json"), config);
  return {name, folder / "configs" / (name + ".json"), folder / "runs" / name, 0};
}

/// An executable script. Its arguments are those of bnlab: $2 is the config, $4 the directory.
inline std::filesystem::path write_script(const std::filesystem::path& path, const std::string& text) {
  write_text(path, "#!/bin/sh\n" + text);
  chmod(path.c_str(), 0755);
  return path;
}

/// Remembers what it is told; `at_progress` may act on it.
class Recorder : public experiments::SweepDisplay {
 public:
  void started(const experiments::Task& task) override { events.push_back("started " + task.name); }
  void progress(const experiments::Task& task, std::int64_t step, double loss) override {
    steps[task.name].push_back(step);
    losses[task.name] = loss;
    if (at_progress) at_progress(task, step);
  }
  void ended(const experiments::Task& task, const experiments::RunReport& report) override {
    events.push_back(fmt::format("{} {}", experiments::name_of(report.state), task.name));
    EXPECT_FALSE(reports.contains(task.name)) << task.name << " ended twice";
    reports[task.name] = report;
    if (at_end) at_end(task);
  }
  void message(const std::string& text) override { messages += text + "\n"; }
  void tick() override {
    ++ticks;
    if (at_tick) at_tick();
  }

  std::vector<std::string> events;
  std::map<std::string, experiments::RunReport> reports;
  std::map<std::string, std::vector<std::int64_t>> steps;
  std::map<std::string, double> losses;
  std::string messages;
  int ticks = 0;
  std::function<void(const experiments::Task&, std::int64_t)> at_progress;
  std::function<void(const experiments::Task&)> at_end;
  std::function<void()> at_tick;
};

inline experiments::RunState state_of(const experiments::Task& task) {
  return experiments::read_report(task.directory).state;
}

/// train.csv or eval.csv without the seconds, which differ.
inline std::string without_seconds(const std::string& csv) {
  std::istringstream lines(csv);
  std::string result;
  for (std::string line; std::getline(lines, line);)
    result += (csv.find(",seconds\n") != std::string::npos ? line.substr(0, line.rfind(',')) : line) + "\n";
  return result;
}

/// Expects equal results of two directories of a run, bit for bit.
inline void expect_same_run(const std::filesystem::path& one, const std::filesystem::path& other) {
  for (const char* name : {"train.csv", "eval.csv"})
    EXPECT_EQ(without_seconds(read_text(one / name)), without_seconds(read_text(other / name))) << one << " " << name;
  EXPECT_TRUE(read_text(one / "weights.npz") == read_text(other / "weights.npz")) << one;
  EXPECT_EQ(read_text(one / "config.json"), read_text(other / "config.json"));
}

}  // namespace bnlab::test

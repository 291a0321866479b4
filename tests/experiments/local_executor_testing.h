#pragma once
// The fixture of the tests of run_local().

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <sstream>
#include <string>
#include <vector>

#include "experiments/executor_testing.h"
#include "experiments/local_executor.h"

namespace bnlab::experiments {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The child of this process that runs a task.
inline pid_t process_of(const Task& task) {
  const std::string self = std::to_string(getpid());
  std::istringstream children(test::read_text("/proc/self/task/" + self + "/children"));
  for (pid_t child = 0; children >> child;)
    if (test::read_text(fmt::format("/proc/{}/cmdline", child)).find(task.directory.string()) != std::string::npos)
      return child;
  ADD_FAILURE() << "no process of " << task.name;
  return 0;
}

class LocalExecutor : public ::testing::Test {
 protected:
  LocalExecutor() { options.program = BNLAB_PROGRAM; }

  Task task(const std::string& name, const std::string& config) { return test::make_task(folder.path(), name, config); }

  SweepEnd run(const std::vector<Task>& tasks) { return run_local(tasks, options, display, stop); }

  /// The report of one task that a script stands for.
  RunReport run_script(const std::string& text) {
    options.program = test::write_script(folder / "program", text);
    const Task one = task("one", "{}");
    EXPECT_EQ(run({one}), SweepEnd::done);
    const RunReport report = display.reports.at("one");
    EXPECT_EQ(report.state, test::state_of(one));
    EXPECT_EQ(report.error, read_report(one.directory).error);
    return report;
  }

  test::TemporaryFolder folder;
  LocalOptions options;
  test::Recorder display;
  std::atomic<int> stop{0};
};

// Whether the program is linked with the address sanitizer, be this file compiled with it or not.
extern "C" void __asan_init() __attribute__((weak));  // NOLINT: its name
inline const bool is_sanitized = __asan_init != nullptr;
}  // namespace bnlab::experiments

// Runs of a sweep that are stopped, killed or begun twice.

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "experiments/local_executor_testing.h"
#include "experiments/sweep_lock.h"
#include "util/errors.h"
#include "util/posix.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using test::expect_contains;
using test::make_task;
using test::Recorder;
using test::small_run;
using test::state_of;
using test::write_script;

TEST_F(LocalExecutor, KillOfOneCostsThatOneAndItGoesOnFromItsCheckpoint) {
  if (is_sanitized) GTEST_SKIP() << "many runs of bnlab, half a minute under the sanitizers";
  options.jobs = 2;
  const std::string checkpoints = R"(, "checkpoint_every": 100)";
  const Task one = task("one", small_run(20000, 1, checkpoints)), other = task("other", small_run(50, 2));
  const Task whole = make_task(folder / "whole", "one", small_run(20000, 1, checkpoints));
  display.at_progress = [&](const Task& task, std::int64_t step) {
    if (task.name != "one" || step < 300 || step > 19000) return;
    kill(process_of(task), SIGKILL);
  };
  EXPECT_EQ(run({one, other}), SweepEnd::done);
  EXPECT_EQ(state_of(other), RunState::completed);
  ASSERT_EQ(state_of(one), RunState::failed);
  EXPECT_EQ(display.reports.at("one").error, "ended by signal 9 (Killed)");
  display = Recorder();
  EXPECT_EQ(run({one}), SweepEnd::done);
  display = Recorder();
  EXPECT_EQ(run({whole}), SweepEnd::done);
  EXPECT_EQ(state_of(one), RunState::completed);
  test::expect_same_run(one.directory, whole.directory);
}

TEST_F(LocalExecutor, StopWritesCheckpointsAndALaterCallGoesOn) {
  if (is_sanitized) GTEST_SKIP() << "many runs of bnlab, half a minute under the sanitizers";
  options.jobs = 2;
  std::vector<Task> tasks, whole;
  for (int seed = 1; seed <= 3; ++seed) {
    tasks.push_back(task(fmt::format("s{}", seed), small_run(20000, seed)));
    whole.push_back(make_task(folder / "whole", fmt::format("s{}", seed), small_run(20000, seed)));
  }
  display.at_tick = [&] {
    if (display.steps.size() == 2) stop = 1;
  };
  EXPECT_EQ(run(tasks), SweepEnd::interrupted);
  expect_contains(display.messages, "stopping 2 runs");
  for (const int i : {0, 1}) {
    EXPECT_EQ(state_of(tasks[static_cast<std::size_t>(i)]), RunState::unfinished);
    EXPECT_TRUE(fs::exists(tasks[static_cast<std::size_t>(i)].directory / "checkpoint.npz"));
  }
  EXPECT_EQ(state_of(tasks[2]), RunState::missing);
  stop = 0;
  display = Recorder();
  EXPECT_EQ(run(tasks), SweepEnd::done);
  display = Recorder();
  run(whole);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    EXPECT_EQ(state_of(tasks[i]), RunState::completed);
    test::expect_same_run(tasks[i].directory, whole[i].directory);
  }
}

TEST_F(LocalExecutor, SecondStopKills) {
  options.program = write_script(folder / "program", "trap '' TERM; while :; do sleep 0.05; done");
  display.at_tick = [&] { stop = stop + 1; };
  const Task one = task("one", "{}");
  EXPECT_EQ(run({one, task("two", "{}")}), SweepEnd::interrupted);
  EXPECT_NE(state_of(one), RunState::failed);
  EXPECT_EQ(display.events.size(), 2u) << "the second never began";
}

TEST_F(LocalExecutor, StopBeforeTheFirst) {
  stop = 1;
  EXPECT_EQ(run({task("one", small_run(10, 1))}), SweepEnd::interrupted);
  EXPECT_TRUE(display.events.empty());
}

TEST_F(LocalExecutor, AskedToStopBySomeoneElseIsNoFailure) {
  display.at_progress = [&](const Task& task, std::int64_t) { kill(process_of(task), SIGTERM); };
  const Task one = task("one", small_run(100000000, 1));
  EXPECT_EQ(run({one}), SweepEnd::done);
  EXPECT_EQ(state_of(one), RunState::unfinished);
  expect_contains(display.reports.at("one").error, "stopped by a signal that bnlab did not send");
}

/// Holds the lock of a run's directory.
posix::Descriptor hold(const fs::path& directory) {
  fs::create_directories(directory);
  posix::Descriptor file = posix::open(directory, O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(::flock(file.get(), LOCK_EX | LOCK_NB), 0);
  return file;
}

TEST_F(LocalExecutor, WaitsForALockedDirectoryAndRunsOthersMeanwhile) {
  const Task locked = task("locked", small_run(10, 1)), other = task("other", small_run(10, 2));
  posix::Descriptor lock = hold(locked.directory);
  display.at_end = [&](const Task& task) {
    if (task.name == "other") lock.close();
  };
  EXPECT_EQ(run({locked, other}), SweepEnd::done);
  EXPECT_EQ(display.events.front(), "started other");
  EXPECT_EQ(state_of(locked), RunState::completed);
}

TEST_F(LocalExecutor, GivesADirectoryUpThatStaysLocked) {
  options.lock_wait = 0.3;
  const Task one = task("one", small_run(10, 1));
  const posix::Descriptor lock = hold(one.directory);
  EXPECT_EQ(run({one}), SweepEnd::done);
  expect_contains(display.reports.at("one").error, "another process writes into " + one.directory.string());
  EXPECT_EQ(state_of(one), RunState::missing) << "the run of another must not be marked as failed";
}

// ---- a sweep that dies

/// A sweep as a process of its own, as the command line would run it: under the lock, what is not finished.
pid_t start_sweep(const fs::path& folder, const std::vector<Task>& tasks, const LocalOptions& options) {
  const pid_t child = fork();
  if (child != 0) return child;
  int status = 1;
  try {
    const SweepLock lock(folder);
    LocalOptions own = options;
    own.kept_open = lock.held_by_runs();
    std::vector<Task> left;
    for (const Task& task : tasks)
      if (!is_finished(state_of(task))) left.push_back(task);
    Recorder display;
    const std::atomic<int> stop{0};
    status = run_local(left, own, display, stop) == SweepEnd::done ? 0 : 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
  _exit(status);
}

int status_of(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_F(LocalExecutor, KilledTenTimesAndBegunAgain) {
  if (is_sanitized) GTEST_SKIP() << "many runs of bnlab, half a minute under the sanitizers";
  options.jobs = 2;
  std::vector<Task> tasks, whole;
  for (int seed = 1; seed <= 6; ++seed) {
    // Some write checkpoints by themselves, some only when they are asked to stop.
    const std::string text = small_run(15000, seed, seed % 2 == 0 ? R"(, "checkpoint_every": 700)" : "");
    tasks.push_back(task(fmt::format("s{}", seed), text));
    whole.push_back(make_task(folder / "whole", fmt::format("s{}", seed), text));
  }
  std::map<std::string, std::string> finished;  // name and run.json, which holds the time of the run's start
  std::mt19937 random(5);
  int kills = 0;
  for (int i = 0; i < 10; ++i) {
    const pid_t sweep = start_sweep(folder.path(), tasks, options);
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution(5, 300)(random)));
    kill(sweep, SIGKILL);
    kills += status_of(sweep) == 128 + SIGKILL ? 1 : 0;
    for (const Task& task : tasks) {
      const std::string name = task.name;
      if (!is_finished(state_of(task))) {
        EXPECT_FALSE(finished.contains(name)) << "a run that was finished is no more";
        continue;
      }
      const std::string text = test::read_text(task.directory / "run.json");
      EXPECT_TRUE(!finished.contains(name) || finished[name] == text) << name << " ran twice";
      finished[name] = text;
    }
  }
  EXPECT_GE(kills, 5) << "the runs are too short to be killed";
  EXPECT_EQ(status_of(start_sweep(folder.path(), tasks, options)), 0);
  run(whole);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    EXPECT_EQ(state_of(tasks[i]), RunState::completed) << read_report(tasks[i].directory).error;
    test::expect_same_run(tasks[i].directory, whole[i].directory);
    const std::string& name = tasks[i].name;
    if (finished.contains(name)) {
      EXPECT_EQ(test::read_text(tasks[i].directory / "run.json"), finished[name]) << name << " ran twice";
    }
  }
}

TEST_F(LocalExecutor, DiesWithTheSweep) {
  const Task one = task("one", small_run(100000000, 1));
  const pid_t sweep = start_sweep(folder.path(), {one}, options);
  const Clock::time_point start = Clock::now();
  while (!last_logged_step(one.directory) && seconds_since(start) < 30)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  kill(sweep, SIGKILL);
  status_of(sweep);
  const SweepLock lock(folder.path());  // waits for the run's end
  EXPECT_TRUE(fs::exists(one.directory / "checkpoint.npz"));
  expect_contains(test::read_text(one.directory / "run.json"), "interrupted");
}

TEST_F(LocalExecutor, TwoSweepsAtOnce) {
  const Task one = task("one", small_run(20000, 1));
  const pid_t first = start_sweep(folder.path(), {one}, options);
  const Clock::time_point start = Clock::now();
  while (!last_logged_step(one.directory) && seconds_since(start) < 30)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const std::string error = test::error_text<ConfigError>([&] { SweepLock(folder.path()); });
  expect_contains(error, fmt::format("process {} on ", first));
  EXPECT_EQ(status_of(first), 0);
  EXPECT_EQ(state_of(one), RunState::completed);
  EXPECT_NO_THROW(SweepLock(folder.path()));
}

}  // namespace
}  // namespace bnlab::experiments

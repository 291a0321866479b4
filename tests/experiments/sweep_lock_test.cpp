#include "experiments/sweep_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "util/errors.h"
#include "util/process.h"
#include "util/provenance.h"
#include "util/test_files.h"

namespace bnlab::experiments {
namespace {

using test::error_text;
using test::expect_contains;

TEST(SweepLock, SecondIsRefusedAndToldWhoHoldsIt) {
  const test::TemporaryFolder folder;
  {
    const SweepLock first(folder / "a/b");
    const std::string error = error_text<ConfigError>([&] { SweepLock(folder / "a/b"); });
    expect_contains(error, (folder / "a/b").string());
    expect_contains(error, "process " + std::to_string(getpid()) + " on " + host_name());
    EXPECT_NO_THROW(SweepLock(folder / "a/other"));
  }
  EXPECT_NO_THROW(SweepLock(folder / "a/b"));
}

TEST(SweepLock, DirectoryThatCannotBeMade) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "file", "text");
  expect_contains(error_text<ConfigError>([&] { SweepLock(folder / "file/below"); }), "file/below");
}

TEST(SweepLock, DoesNotOverwriteAFileOfSomebodyElse) {
  const test::TemporaryFolder folder;
  const auto file = folder / ".sweep.lock";
  const std::string ours = "process 7 on host since 2026-01-01T00:00:00Z\n";
  for (const std::string& text : {std::string("my notes\n"), ours + "and notes\n", std::string("process 7\n"),
                                  std::string("\0", 1), ours + std::string(1000, 'x')}) {
    test::write_text(file, text);
    expect_contains(error_text<ConfigError>([&] { SweepLock(folder.path()); }), file.string());
    EXPECT_EQ(test::read_text(file), text);
  }
  for (const std::string& text : {std::string(), ours}) {
    test::write_text(file, text);
    EXPECT_NO_THROW(SweepLock(folder.path()));
  }
}

/// What the runs of a sweep that was killed do: they hold its second lock, for `seconds`.
Process run_left_over(const SweepLock& lock, const std::string& seconds) {
  Command command;
  command.program = "/bin/sleep";
  command.arguments = {"sleep", seconds};
  command.kept_open = {lock.held_by_runs()};
  return Process(command);
}

TEST(SweepLock, WaitsForTheRunsOfASweepThatIsGone) {
  const test::TemporaryFolder folder;
  auto lock = std::make_unique<SweepLock>(folder.path());
  Process run = run_left_over(*lock, "0.4");
  lock.reset();
  EXPECT_FALSE(run.end());
  const SweepLock next(folder.path());
  for (int i = 0; i < 100 && !run.end(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(run.end());
}

TEST(SweepLock, DoesNotWaitForEver) {
  const test::TemporaryFolder folder;
  auto lock = std::make_unique<SweepLock>(folder.path());
  const Process run = run_left_over(*lock, "60");
  lock.reset();
  expect_contains(error_text<RunError>([&] { SweepLock(folder.path(), std::chrono::milliseconds(100)); }),
                  "but its runs continue");
}

}  // namespace
}  // namespace bnlab::experiments

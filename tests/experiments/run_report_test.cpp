#include <gtest/gtest.h>

#include <csignal>

#include "experiments/executor_testing.h"
#include "training/run_summary.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using test::read_text;
using test::write_text;

std::string run_json(const std::string& status) {
  return R"({"status": ")" + status + R"(", "last_step": 7, "steps": 9, "error": "why"})";
}

TEST(ReadReport, States) {
  const test::TemporaryFolder folder;
  const auto state = [&] { return read_report(folder.path()).state; };
  EXPECT_EQ(read_report(folder / "missing").state, RunState::missing);
  EXPECT_EQ(state(), RunState::missing);
  write_text(folder / "stderr.log", "text");
  EXPECT_EQ(state(), RunState::missing);
  write_text(folder / "failure.json", training::failure_json("no"));
  EXPECT_EQ(state(), RunState::failed);
  EXPECT_EQ(read_report(folder.path()).error, "no");
  fs::remove(folder / "failure.json");
  write_text(folder / "config.json", "{}");
  EXPECT_EQ(state(), RunState::unfinished);
  for (const auto& [status, expected] :
       {std::pair{"completed", RunState::completed}, std::pair{"diverged", RunState::diverged},
        std::pair{"failed", RunState::failed}, std::pair{"interrupted", RunState::unfinished},
        std::pair{"something", RunState::unfinished}}) {
    write_text(folder / "run.json", run_json(status));
    EXPECT_EQ(state(), expected) << status;
    EXPECT_EQ(read_report(folder.path()).last_step, 7);
    EXPECT_EQ(read_report(folder.path()).steps, 9);
  }
  write_text(folder / "run.json", R"({"status": "compl)");
  EXPECT_EQ(state(), RunState::failed);
  EXPECT_TRUE(read_report(folder.path()).is_damaged);
  test::expect_contains(read_report(folder.path()).error, "run.json: damaged");
  fs::remove(folder / "run.json");
  fs::create_directory(folder / "run.json");
  test::expect_contains(test::error_text<ReadError>([&] { read_report(folder.path()); }),
                        (folder / "run.json").string() + ": ");
}

TEST(ReadReport, WhatCanNotBeReadIsNeitherMissingNorDamaged) {
  for (const char* name : {"run.json", "failure.json"})
    for (const char* kind : {"link", "pipe", "folder"}) {
      const test::TemporaryFolder folder;
      write_text(folder / "config.json", "{}");
      write_text(folder / "outside", run_json("completed"));
      const fs::path file = folder / name;
      if (kind == std::string("link")) fs::create_symlink("outside", file);
      if (kind == std::string("pipe")) mkfifo(file.c_str(), 0600);
      if (kind == std::string("folder")) fs::create_directory(file);
      test::expect_contains(test::error_text<ReadError>([&] { read_report(folder.path()); }), file.string() + ": is ");
      if (name == std::string("failure.json")) {
        EXPECT_THROW(clear_failure(folder.path()), RunError);
      }
      EXPECT_EQ(read_text(folder / "outside"), run_json("completed"));
    }
  const test::TemporaryFolder folder;
  fs::create_directory(folder / "there");
  fs::create_symlink("there", folder / "run");
  test::expect_contains(test::error_text<ReadError>([&] { read_report(folder / "run"); }), "is a symbolic link");
}

TEST(ReadReport, ErrorsAreOneLine) {
  const test::TemporaryFolder folder;
  write_text(folder / "run.json", R"({"status": "failed", "last_step": 1, "error": "a\nb\u001b[2Jc"})");
  EXPECT_EQ(read_report(folder.path()).error, R"(a b\u001b[2Jc)");
}

TEST(ReadReport, AFailureAfterAnInterruptionCountsAndAResultCountsMore) {
  const test::TemporaryFolder folder;
  write_text(folder / "failure.json", training::failure_json("killed"));
  write_text(folder / "run.json", run_json("interrupted"));
  EXPECT_EQ(read_report(folder.path()).state, RunState::failed);
  EXPECT_EQ(read_report(folder.path()).error, "killed");
  EXPECT_EQ(read_report(folder.path()).last_step, 7);
  write_text(folder / "run.json", run_json("completed"));
  EXPECT_EQ(read_report(folder.path()).state, RunState::completed);
}

TEST(ClearFailure, LeavesOtherRunsAlone) {
  const test::TemporaryFolder folder;
  EXPECT_NO_THROW(clear_failure(folder / "missing"));
  write_text(folder / "checkpoint.npz", "bytes");
  for (const char* status : {"completed", "diverged", "interrupted"}) {
    write_text(folder / "run.json", run_json(status));
    clear_failure(folder.path());
    EXPECT_TRUE(fs::exists(folder / "run.json")) << status;
  }
  write_text(folder / "run.json", run_json("failed"));
  write_text(folder / "failure.json", training::failure_json("no"));
  clear_failure(folder.path());
  EXPECT_FALSE(fs::exists(folder / "run.json"));
  EXPECT_FALSE(fs::exists(folder / "failure.json"));
  EXPECT_TRUE(fs::exists(folder / "checkpoint.npz"));
  EXPECT_EQ(read_report(folder.path()).state, RunState::unfinished);
}

TEST(ClearFailure, NeitherItNorAFailureTakesAFileOfSomebodyElse) {
  const test::TemporaryFolder folder;
  write_text(folder / "run.json", run_json("failed"));
  write_text(folder / "failure.json", "my notes");
  test::expect_contains(test::error_text<RunError>([&] { clear_failure(folder.path()); }),
                        (folder / "failure.json").string() + ": bnlab did not write this file");
  test::expect_contains(record_failure(folder.path(), "hung").error, "hung (" + (folder / "failure.json").string());
  EXPECT_EQ(read_text(folder / "failure.json"), "my notes");
  EXPECT_TRUE(fs::exists(folder / "run.json"));
}

TEST(RecordFailure, ComesBack) {
  const test::TemporaryFolder folder;
  write_text(folder / "run.json", run_json("interrupted"));
  const RunReport report = record_failure(folder.path(), "hung");
  EXPECT_EQ(report.state, RunState::failed);
  EXPECT_EQ(report.error, "hung");
  EXPECT_EQ(report.last_step, 7);
  EXPECT_EQ(read_report(folder.path()).error, "hung");
  test::expect_contains(record_failure(folder / "missing", "hung").error, "hung (");
}

TEST(FailureText, QuotesTheLastLines) {
  const test::TemporaryFolder folder;
  const auto text = [&](std::uint64_t offset) { return failure_text({1, 0}, folder.path(), offset); };
  EXPECT_EQ(text(0), "ended with status 1");
  write_text(folder / "stderr.log", "a\nbnlab: b\n\nc\nd\n");
  EXPECT_EQ(text(0), "ended with status 1: b | c | d");
  EXPECT_EQ(text(14), "ended with status 1: d");
  EXPECT_EQ(text(100), "ended with status 1");
  write_text(folder / "stderr.log", "no line end");
  EXPECT_EQ(text(0), "ended with status 1: no line end");
  std::string log(100000, 'x');
  log += "\nend\n";
  write_text(folder / "stderr.log", log);
  EXPECT_LT(text(0).size(), 1100u);
  EXPECT_TRUE(text(0).ends_with("x | end"));
}

TEST(LastLoggedStep, ReadsTheLastWholeRow) {
  const test::TemporaryFolder folder;
  const auto write = [&](const std::string& text) { write_text(folder / "train.csv", text); };
  EXPECT_FALSE(last_logged_step(folder.path()));
  for (const char* text : {"", "step,epoch,loss\n", "step,epoch,loss\n1,0,2", "step,epoch,loss\n1,2\n",
                           "step,epoch,loss\nx,y,z\n", "epoch,loss\n1,2\n", "step,epoch\n1,2\n"}) {
    write(text);
    EXPECT_FALSE(last_logged_step(folder.path())) << text;
  }
  write("step,epoch,loss,seconds\n1,0.1,2.5,0.1\n20,0.2,1.25,0.2\n30,0.3,0.1");
  EXPECT_EQ(last_logged_step(folder.path())->step, 20);
  EXPECT_EQ(last_logged_step(folder.path())->loss, 1.25);
  std::string text = "step,loss\n";
  for (int i = 1; i <= 10000; ++i) text += fmt::format("{},{}\n", i, i / 2.0);
  write(text + "10001,nan\n");
  EXPECT_EQ(last_logged_step(folder.path())->step, 10001);
  EXPECT_TRUE(std::isnan(last_logged_step(folder.path())->loss));
}

}  // namespace
}  // namespace bnlab::experiments

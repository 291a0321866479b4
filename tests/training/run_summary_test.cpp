#include "training/run_summary.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::training {
namespace {

using Json = nlohmann::json;

using config::SplitName;
using config::Statistics;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

RunSummary some_summary() {
  RunSummary summary;
  summary.status = RunStatus::completed;
  summary.steps = 30;
  summary.progress.step = 20;
  summary.progress.timed_steps = 10;
  summary.progress.training_seconds = 4;
  summary.progress.last_loss = 0.5;
  summary.progress.evaluations = {{0, SplitName::test, Statistics::running, 2.0, 0.1},
                                  {10, SplitName::test, Statistics::running, 1.0, 0.9},
                                  {20, SplitName::test, Statistics::running, 1.5, 0.7},
                                  {20, SplitName::train, Statistics::batch, 0.25, 1.0}};
  return summary;
}

TEST(RunSummary, FinalAndBest) {
  const Json json = Json::parse(run_json(some_summary(), {}));
  EXPECT_EQ(json["status"], "completed");
  EXPECT_EQ(json["last_step"], 20);
  EXPECT_EQ(json["steps_per_second"], 2.5);
  EXPECT_EQ(json["final"]["test"]["running"], (Json{{"step", 20}, {"loss", 1.5}, {"accuracy", 0.7}}));
  EXPECT_EQ(json["best"]["test"]["running"],
            (Json{{"accuracy", 0.9}, {"accuracy_step", 10}, {"loss", 1.0}, {"loss_step", 10}}));
  EXPECT_EQ(json["best"]["train"]["batch"]["accuracy"], 1.0);
  EXPECT_EQ(json["final"]["batch"]["loss"], 0.5);
  EXPECT_FALSE(json.contains("error"));
}

TEST(RunSummary, NotFiniteBecomesNull) {
  RunSummary summary = some_summary();
  summary.status = RunStatus::diverged;
  summary.progress.last_loss = nan;
  summary.progress.evaluations[2].loss = inf;
  const Json json = Json::parse(run_json(summary, {}));
  EXPECT_TRUE(json["final"]["batch"]["loss"].is_null());
  EXPECT_TRUE(json["final"]["test"]["running"]["loss"].is_null());
  EXPECT_EQ(json["best"]["test"]["running"]["loss"], 1.0);
}

TEST(RunSummary, WhyARunDiverged) {
  RunSummary summary = some_summary();
  EXPECT_FALSE(Json::parse(run_json(summary, {})).contains("reason"));
  summary.status = RunStatus::diverged;
  summary.reason = "normalization2.running_variance: inf at index 3";
  const Json json = Json::parse(run_json(summary, {}));
  EXPECT_EQ(json["reason"], summary.reason);
  EXPECT_FALSE(json.contains("error"));  // the run has not failed
  test::expect_contains(summary_line(summary), "; normalization2.running_variance: inf at index 3; test accuracy");
}

TEST(RunSummary, BestIsFoundBehindALossThatIsNotFinite) {
  for (const double bad : {nan, inf}) {
    RunSummary summary = some_summary();
    summary.progress.evaluations[0].loss = bad;
    const Json json = Json::parse(run_json(summary, {}));
    EXPECT_EQ(json["best"]["test"]["running"]["loss"], 1.0) << bad;
    EXPECT_EQ(json["best"]["test"]["running"]["loss_step"], 10) << bad;
  }
}

TEST(RunSummary, ARunWithoutAStep) {
  RunSummary summary;
  summary.status = RunStatus::failed;
  summary.error = "a \"quoted\" reason\nin two lines";
  const Json json = Json::parse(run_json(summary, {}));
  EXPECT_EQ(json["error"], summary.error);
  EXPECT_TRUE(json["steps_per_second"].is_null());
  EXPECT_EQ(summary_line(summary), "failed after 0 of 0 steps, 0.0 s");
  EXPECT_TRUE(json["final"].empty());
  EXPECT_TRUE(json["best"].empty());
}

TEST(RunSummary, TextThatIsNotUtf8) {
  RunOptions options;
  options.command_line = "bnlab train caf\xe9.json";
  EXPECT_TRUE(Json::accept(run_json(some_summary(), options)));
}

TEST(RunSummary, LineForPeople) {
  const std::string line = summary_line(some_summary());
  test::expect_contains(line, "completed after 20 of 30 steps");
  test::expect_contains(line, "test accuracy 0.7000, loss 1.5000 at step 20");
}

TEST(ReadEnd, ComesBack) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "run.json", run_json(some_summary(), {}));
  const auto end = read_end(folder / "run.json");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->status, RunStatus::completed);
  EXPECT_EQ(end->last_step, 20);
}

TEST(ReadEnd, EverythingThatASweepShows) {
  const test::TemporaryFolder folder;
  RunSummary summary = some_summary();
  summary.status = RunStatus::failed;
  summary.error = "disk full";
  summary.progress.seconds = 7.5;
  summary.dataset_sha256 = "abc";
  summary.progress.instruction_set = "sse41, then avx2";
  summary.progress.onednn = "2.6.3";
  test::write_text(folder / "run.json", run_json(summary, {}));
  const auto end = read_end(folder / "run.json");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->error, "disk full");
  EXPECT_EQ(end->steps, 30);
  EXPECT_EQ(end->seconds, 7.5);
  EXPECT_EQ(end->steps_per_second, 2.5);
  EXPECT_EQ(end->dataset_sha256, "abc");
  EXPECT_EQ(end->instruction_set, "sse41, then avx2");
  EXPECT_EQ(end->onednn, "2.6.3");
  EXPECT_NE(end->git_revision, "");
  EXPECT_NE(end->machine, "");
  EXPECT_NE(end->build, "");
}

TEST(ReadEnd, TheMachineAndTheBuild) {
  const test::TemporaryFolder folder;
  const auto read = [&](const std::string& provenance) {
    test::write_text(folder / "run.json",
                     R"({"status": "completed", "last_step": 3, "provenance": {)" + provenance + "}}");
    return *read_end(folder / "run.json");
  };
  const RunEnd end = read(R"("bnlab": "0.1.0", "compiler": "GNU 12.2.0", "build_type": "Release", "git_dirty": false,
                             "cpu": "a processor", "host": "h")");
  EXPECT_EQ(end.machine, "a processor");
  EXPECT_EQ(end.build, "0.1.0, GNU 12.2.0, Release");
  EXPECT_EQ(read(R"("build_type": "Debug", "git_dirty": true)").build, "Debug, changed sources");
  EXPECT_EQ(read(R"("git_revision": "abc")").build, "");
  EXPECT_EQ(read(R"("git_revision": "abc")").machine, "");
}

TEST(ReadEnd, ValuesOfAnotherTypeAreNotThere) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "run.json",
                   R"({"status": "completed", "last_step": 3, "error": 5, "steps": "x", "wall_seconds": null,
                       "provenance": [1]})");
  const auto end = read_end(folder / "run.json");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->error, "");
  EXPECT_EQ(end->steps, 0);
  EXPECT_EQ(end->seconds, 0);
  EXPECT_EQ(end->instruction_set, "");
}

TEST(Failure, ComesBack) {
  const test::TemporaryFolder folder;
  EXPECT_FALSE(read_failure(folder / "failure.json"));
  for (const std::string error : {"ended by signal 11", "two\nlines \"quoted\" gr\xc3\xbc\xc3\x9f"}) {
    test::write_text(folder / "failure.json", failure_json(error));
    EXPECT_EQ(read_failure(folder / "failure.json"), error);
  }
  test::write_text(folder / "failure.json", failure_json("caf\xe9"));
  test::expect_contains(read_failure(folder / "failure.json").value(), "caf");
  // Whatever it says, it says that the run failed.
  for (const char* text : {"", "{", "[]", "{}", R"({"error": 5})"}) {
    test::write_text(folder / "failure.json", text);
    test::expect_contains(read_failure(folder / "failure.json").value(), "failure.json");
  }
}

TEST(ReadEnd, NothingWhereThereIsNoneAndAnErrorWhereItIsDamaged) {
  const test::TemporaryFolder folder;
  EXPECT_FALSE(read_end(folder / "missing.json"));
  for (const char* text :
       {"", "{", "[]", "5", "{}", R"({"status": "completed"})", R"({"status": 5, "last_step": 5})",
        R"({"status": "completed", "last_step": "5"})", R"({"status": "completed", "last_step": 1.5})"}) {
    test::write_text(folder / "run.json", text);
    const std::string error = test::error_text<DataError>([&] { read_end(folder / "run.json"); });
    EXPECT_TRUE(error.starts_with((folder / "run.json").string() + ": damaged")) << text << ": " << error;
  }
}

}  // namespace
}  // namespace bnlab::training

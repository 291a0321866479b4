// What a sweep may write over, and what not.

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "config/experiment.h"
#include "experiments/run_table_testing.h"
#include "experiments/sweep.h"
#include "experiments/verdict.h"
#include "util/errors.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using test::error_text;

TEST(Collect, ATableThatAloneHasResultsMustBeUnderstood) {
  for (const auto& [part, other] : {std::pair<std::string, std::string>{"arm,",
                                                                        "\xEF\xBB\xBF"
                                                                        "arm,"},
                                    {",seconds", ",second"},
                                    {"\n", ""}}) {
    const test::TemporaryFolder folder;
    const Plan plan = test::plan_of(ExperimentText{});
    write_runs(plan, folder.path(), by_point(plan));
    const fs::path file = folder / "runs.csv";
    std::string text = to_csv(collect(plan, folder.path()));
    const std::size_t at = other.empty() ? text.rfind(part) : text.find(part);
    text.replace(at, part.size(), other);
    test::write_text(file, text);
    // While the folders are there it is written anew.
    EXPECT_EQ(collect(plan, folder.path()).rows.size(), plan.runs.size());
    fs::remove_all(folder / "runs" / plan.runs[0].name);
    test::expect_contains(error_text<DataError>([&] { collect(plan, folder.path()); }), file.string());
    EXPECT_THROW(judge_directory(folder.path()), ConfigError);  // no experiment.json
    test::write_text(folder / "experiment.json", config::to_json(plan.experiment));
    EXPECT_THROW(judge_directory(folder.path()), DataError);
    EXPECT_EQ(test::read_text(file), text);
    EXPECT_FALSE(fs::exists(folder / "verdict.json"));
  }
}

TEST(ClearFailures, WhatIsNotTheRunsStays) {
  const test::TemporaryFolder folder;
  const Plan plan = test::plan_of(ExperimentText{});
  write_runs(plan, folder.path(), by_point(plan));
  const fs::path run = folder / "runs" / plan.runs[0].name;
  test::write_text(run / "run.json", "no JSON");
  test::write_text(run / "notes", "mine");
  clear_failures(sweep_runs(plan, folder.path(), {}));
  EXPECT_EQ(test::read_text(run / "notes"), "mine");
  EXPECT_FALSE(fs::exists(run / "run.json"));
  EXPECT_FALSE(fs::exists(run / "train.csv"));
}

TEST(Prepare, FilesThatAreNoSweepsAreLeftAlone) {
  const Plan plan = test::plan_of(ExperimentText{});
  for (const char* name : {"runs.csv", "verdict.json", "runs"}) {
    const test::TemporaryFolder folder;
    test::write_text(folder / name, "a,b\n1,2\n");
    test::expect_contains(error_text<ConfigError>([&] { prepare(plan, {}, folder.path()); }), (folder / name).string());
    EXPECT_EQ(test::read_text(folder / name), "a,b\n1,2\n");
    EXPECT_FALSE(fs::exists(folder / "experiment.json"));
  }
}

TEST(IsFileOfASweep, WhatItWrites) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "sweep");
  const fs::path sweep = folder / "sweep";
  for (const char* name : {"experiment.json", "runs.csv", "summary.csv", "verdict.json", ".sweep.lock",
                           "configs/a.json", "runs/a/train.csv", "runs/../verdict.json", "figure.svg"})
    EXPECT_TRUE(is_file_of_a_sweep(sweep, sweep / name)) << name;
  for (const char* name : {"log.txt", "logs/runs.csv", "../runs.csv", "other.svg"})
    EXPECT_FALSE(is_file_of_a_sweep(sweep, sweep / name)) << name;
  fs::create_symlink(sweep, folder / "link");
  EXPECT_TRUE(is_file_of_a_sweep(sweep, folder / "link" / "runs.csv"));
}

}  // namespace
}  // namespace bnlab::experiments

#include "training/run_directory.h"

#include <gtest/gtest.h>

#include "config/load.h"
#include "training/run_summary.h"
#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::training {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using test::expect_contains;

TEST(RunDirectory, MakesMissingFolders) {
  const test::TemporaryFolder folder;
  const RunDirectory directory(folder / "a/b", Existing::refuse);
  EXPECT_TRUE(fs::is_directory(folder / "a/b"));
  EXPECT_EQ(directory.file("x"), folder / "a/b/x");
}

TEST(RunDirectory, RefusesAFolderThatIsNotEmpty) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "something", "text");
  const std::string text = error_text<ConfigError>([&] { RunDirectory(folder.path(), Existing::refuse); });
  expect_contains(text, folder.path().string());
  expect_contains(text, "--force");
  EXPECT_EQ(test::read_text(folder / "something"), "text");
}

TEST(RunDirectory, NeverRemovesAFailureJsonOfSomebodyElse) {
  for (const char* text :
       {"my notes", "{", "[1]", R"({"error": "mine"})", R"({"status": "failed", "error": "mine"})"}) {
    const test::TemporaryFolder folder;
    test::write_text(folder / "failure.json", text);
    EXPECT_FALSE(holds_nothing(folder.path()));
    EXPECT_THROW(RunDirectory(folder.path(), Existing::refuse), ConfigError);
    expect_contains(error_text<RunError>([&] { RunDirectory(folder.path(), Existing::replace); }),
                    "failure.json: bnlab");
    test::write_text(folder / "config.json", "{}");
    expect_contains(error_text<RunError>([&] { RunDirectory(folder.path(), Existing::resume).clear(); }),
                    (folder / "failure.json").string() + ": bnlab did not write this file");
    EXPECT_EQ(test::read_text(folder / "failure.json"), text);
    EXPECT_TRUE(fs::exists(folder / "config.json"));
  }
}

TEST(RunDirectory, WhatOneWhoStartsARunLeavesIsNothing) {
  const test::TemporaryFolder folder;
  EXPECT_TRUE(holds_nothing(folder / "missing"));
  EXPECT_TRUE(holds_nothing(folder.path()));
  for (const char* name : {"stderr.log", "failure.json.tmp", "config.json.tmp"})
    test::write_text(folder / name, "text");
  test::write_text(folder / "failure.json", failure_json("killed"));
  EXPECT_TRUE(holds_nothing(folder.path()));
  {
    RunDirectory directory(folder.path(), Existing::refuse);
    directory.clear();
  }
  EXPECT_FALSE(fs::exists(folder / "failure.json"));
  EXPECT_FALSE(fs::exists(folder / "config.json.tmp"));
  EXPECT_EQ(test::read_text(folder / "stderr.log"), "text");
  test::write_text(folder / "train.csv", "step\n");
  EXPECT_FALSE(holds_nothing(folder.path()));
  EXPECT_FALSE(holds_nothing(folder / "train.csv"));
}

TEST(RunDirectory, ALogInItIsNothing) {
  const test::TemporaryFolder folder;
  const fs::path log = folder / "log.txt";
  test::write_text(log, "text");
  EXPECT_TRUE(holds_nothing(folder.path(), log));
  EXPECT_FALSE(holds_nothing(folder.path(), folder / "other.txt"));
  EXPECT_THROW(RunDirectory(folder.path(), Existing::refuse), ConfigError);
  { RunDirectory(folder.path(), Existing::refuse, log).clear(); }
  EXPECT_EQ(test::read_text(log), "text");
  test::write_text(folder / "train.csv", "step\n");
  EXPECT_FALSE(holds_nothing(folder.path(), log));
}

TEST(RunDirectory, KnowsTheFilesOfARun) {
  const test::TemporaryFolder folder;
  for (const char* name : {"config.json", "train.csv", "gradient_norm.csv", "weights.npz"}) {
    EXPECT_TRUE(is_file_of_a_run(folder / "run", folder / "run" / name)) << name;
    EXPECT_TRUE(is_file_of_a_run(folder / "run", folder / "other/../run" / name)) << name;
    EXPECT_FALSE(is_file_of_a_run(folder / "run", folder / name)) << name;
  }
  EXPECT_FALSE(is_file_of_a_run(folder / "run", folder / "run/log.txt"));
  EXPECT_FALSE(is_file_of_a_run(folder / "run", ""));
}

TEST(RunDirectory, ReplacesFilesOfARunAlone) {
  const test::TemporaryFolder folder;
  const std::vector<std::string> ours{"config.json",         "run.json",
                                      "train.csv",           "eval.csv",
                                      "weights.npz",         "batches.npy",
                                      "weights_initial.npz", "gradients_first.npz",
                                      "checkpoint.npz",      "activation_distribution.csv",
                                      "gradient_norm.csv",   "normalization_state.csv"};
  for (const std::string& name : ours) test::write_text(folder / name, "old");
  test::write_text(folder / "config.json", config::to_json(config::RunConfig{}));
  test::write_text(folder / "notes.txt", "mine");
  test::write_text(folder / "own.csv", "mine");
  RunDirectory directory(folder.path(), Existing::replace);
  EXPECT_TRUE(fs::exists(folder / "weights.npz")) << "nothing goes before the new run can begin";
  directory.clear();
  for (const std::string& name : ours) EXPECT_FALSE(fs::exists(folder / name)) << name;
  EXPECT_TRUE(fs::exists(folder / "notes.txt"));
  EXPECT_TRUE(fs::exists(folder / "own.csv"));
}

TEST(RunDirectory, ReplacesNoFilesOfSomebodyElse) {
  const test::TemporaryFolder folder;
  const auto refused = [&] { return error_text<ConfigError>([&] { RunDirectory(folder.path(), Existing::replace); }); };
  test::write_text(folder / "weights.npz", "mine");
  expect_contains(refused(), "holds weights.npz, but no run");
  test::write_text(folder / "config.json", R"({"dataset": {}, "network": {}, "normalization": {}})");
  expect_contains(refused(), "no config.json as a run writes it");
  test::write_text(folder / "config.json", R"({"model": "another program's"})");
  test::write_text(folder / "train.csv", "id,text\n");
  expect_contains(refused(), "nothing was changed");
  test::write_text(folder / "train.csv", "step,epoch,examples,learning_rate,loss\n");
  EXPECT_NO_THROW(RunDirectory(folder.path(), Existing::replace)) << "a run whose config.json is damaged";
  // A run makes no links.
  fs::create_symlink("weights.npz", folder / "run.json");
  const std::string text = error_text<RunError>([&] { RunDirectory(folder.path(), Existing::replace); });
  expect_contains(text, "run.json: is a symbolic link");
  EXPECT_EQ(test::read_text(folder / "weights.npz"), "mine");
}

TEST(RunDirectory, ResumeKeepsEverything) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "train.csv", "step\n1\n2\n");
  RunDirectory directory(folder.path(), Existing::resume);
  EXPECT_EQ(test::read_text(folder / "train.csv"), "step\n1\n2\n");
  directory.continue_at({{"train", 7}});
  directory.open_csv("train", {"step"}).add(std::int64_t{5}).end_row();
  EXPECT_EQ(test::read_text(folder / "train.csv"), "step\n1\n5\n");
  EXPECT_EQ(directory.csv_bytes(), (std::map<std::string, std::uint64_t>{{"train", 9}}));
}

TEST(RunDirectory, IsLockedWhileItLives) {
  const test::TemporaryFolder folder;
  {
    const RunDirectory first(folder / "run", Existing::refuse);
    EXPECT_TRUE(is_locked(folder / "run"));
    for (const Existing existing : {Existing::refuse, Existing::replace, Existing::resume})
      expect_contains(error_text<ConfigError>([&] { RunDirectory(folder / "run", existing); }), "another run");
  }
  EXPECT_FALSE(is_locked(folder / "run"));
  EXPECT_FALSE(is_locked(folder / "missing"));
  const RunDirectory second(folder / "run", Existing::refuse);
}

TEST(RunDirectory, ARefusedFolderIsNotLeftLocked) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "something", "text");
  EXPECT_THROW(RunDirectory(folder.path(), Existing::refuse), ConfigError);
  EXPECT_NO_THROW(RunDirectory(folder.path(), Existing::replace));
}

TEST(RunDirectory, AFailedReplacementIsNotLeftLocked) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "train.csv/inside");
  for (int i = 0; i < 2; ++i)
    expect_contains(error_text<RunError>([&] { RunDirectory(folder.path(), Existing::replace).clear(); }), "train.csv");
}

TEST(RunDirectory, PathThatIsNoFolder) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "file", "text");
  for (const fs::path& path : {folder / "file", folder / "file/below", fs::path("/proc/bnlab_test/run")})
    for (const Existing existing : {Existing::refuse, Existing::replace, Existing::resume})
      expect_contains(error_text<ConfigError>([&] { RunDirectory(path, existing); }), path.string());
  EXPECT_EQ(test::read_text(folder / "file"), "text");
}

TEST(RunDirectory, OneWriterForEachCsv) {
  const test::TemporaryFolder folder;
  RunDirectory directory(folder.path(), Existing::refuse);
  directory.open_csv("gradient_norm", {"step"});
  expect_contains(error_text<ConfigError>([&] { directory.open_csv("gradient_norm", {"step"}); }), "gradient_norm");
}

TEST(RunDirectory, ContinuesTheCsvFilesItIsToldOfAlone) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "train.csv", "step\n1\n2\n");
  test::write_text(folder / "eval.csv", "step\n1\n");
  RunDirectory directory(folder.path(), Existing::resume);
  directory.continue_at({{"train", 7}});
  directory.open_csv("train", {"step"});
  EXPECT_EQ(test::read_text(folder / "train.csv"), "step\n1\n");
  const std::string error = error_text<DataError>([&] { directory.open_csv("eval", {"step"}); });
  expect_contains(error, (folder / "checkpoint.npz").string());
  expect_contains(error, "eval.csv");
  EXPECT_EQ(test::read_text(folder / "eval.csv"), "step\n1\n");
}

}  // namespace
}  // namespace bnlab::training

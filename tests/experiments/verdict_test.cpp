#include "experiments/verdict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "experiments/experiment_testing.h"
#include "experiments/sweep.h"
#include "experiments/verdict_markdown.h"
#include "experiments/verdict_testing.h"
#include "util/errors.h"

namespace bnlab::experiments {
namespace {

TEST(VerdictOfASweep, TheNumbersAreThoseOfTheRuns) {
  const Sweep sweep;
  const ExperimentVerdict verdict = sweep.judge();
  ASSERT_EQ(verdict.judgements.size(), 3u);
  // Differences of seeds 1, 2, 3: 0.245, 0.23, 0.205. Their mean, and t(2, 97.5 %) = 4.302652730.
  const double mean = 0.68 / 3;
  const double squares = std::pow(0.245 - mean, 2) + std::pow(0.23 - mean, 2) + std::pow(0.205 - mean, 2);
  const double half = 4.302652730 * std::sqrt(squares / 2 / 3);
  EXPECT_NEAR(verdict.judgements[0].effect, mean, 1e-9);
  EXPECT_NEAR(verdict.judgements[0].interval->low, mean - half, 1e-8);
  EXPECT_NEAR(verdict.judgements[0].interval->high, mean + half, 1e-8);
  EXPECT_EQ(verdict.judgements[0].verdict, Verdict::reproduced);
  EXPECT_EQ(verdict.judgements[1].verdict, Verdict::reproduced);
  // none never reaches 0.5 within 100 steps, batch does after 50.
  EXPECT_EQ(verdict.judgements[2].verdict, Verdict::reported);
  EXPECT_NEAR(verdict.judgements[2].effect, 2, 1e-12);
  EXPECT_EQ(verdict.judgements[2].bound, Bound::at_least);
  EXPECT_EQ(verdict.verdict, Verdict::reproduced);
  EXPECT_EQ(verdict.completed, 12);
  EXPECT_EQ(verdict.diverged, 0);
  EXPECT_TRUE(verdict.unfinished.empty());
  EXPECT_EQ(verdict.warnings, std::vector<std::string>{edge_of_best});
}

TEST(VerdictOfASweep, FromTheFileAloneItIsTheSameByteForByte) {
  for (const bool troubled : {false, true}) {
    const Sweep sweep;
    if (troubled) {
      fs::remove_all(sweep.folder(sweep.run("none", 1)));
      FakeRun diverged = run_of(sweep.plan().points[1], 2);
      diverged.status = "diverged";
      diverged.isa = "avx512";
      sweep.write(sweep.run("batch", 2), diverged);
      fs::remove(sweep.folder(sweep.run("g[learning_rate=2]", 3)) / "train.csv");
    }
    sweep.judge();
    const std::string verdict = read_text(sweep / "verdict.json"), runs = read_text(sweep / "runs.csv");
    EXPECT_EQ(Json::parse(verdict)["warnings"].size(), 1u);  // of the choice, or of the instruction set
    EXPECT_EQ(Json::parse(verdict)["runs_without_result"].size(), troubled ? 2u : 0u);
    const auto expect_same = [&](const char* what) {
      fs::remove(sweep / "verdict.json");
      sweep.judge();
      EXPECT_EQ(read_text(sweep / "verdict.json"), verdict) << what;
      EXPECT_EQ(read_text(sweep / "runs.csv"), runs) << what;
    };
    expect_same("the same runs");
    fs::remove_all(sweep.folder(sweep.run("none", 3)));
    fs::remove_all(sweep.folder(sweep.run("g[learning_rate=0.5]", 2)));
    expect_same("two runs gone");
    fs::remove_all(sweep / "runs");
    fs::create_directory(sweep / "runs");
    write_text(fs::path(sweep / "runs") / ".keep", "");
    expect_same("a folder without runs");
    fs::remove_all(sweep / "runs");
    expect_same("no folder of runs");
  }
}

TEST(VerdictOfASweep, ARunWithoutResultIsNamedAndNothingIsDecided) {
  struct Case {
    const char* name;
    std::function<void(const Sweep&, const PlannedRun&)> make;
    const char* said;
  };
  const std::vector<Case> cases{
      {"missing", [](const Sweep& sweep, const PlannedRun& run) { fs::remove_all(sweep.folder(run)); }, ": missing"},
      {"failed", [](const Sweep& sweep, const PlannedRun& run) { sweep.write(run, {.status = "failed"}); }, ": failed"},
      {"unfinished", [](const Sweep& sweep, const PlannedRun& run) { sweep.write(run, {.status = "interrupted"}); },
       ": unfinished"},
      {"damaged",
       [](const Sweep& sweep, const PlannedRun& run) {
         write_text(sweep.folder(run) / "eval.csv",
                    "step,epoch,split,statistics,loss,accuracy\n0,0,test,running,1,1\n");
       },
       ": failed: "}};
  for (const Case& one : cases) {
    const Sweep sweep;
    const PlannedRun& run = sweep.run("none", 2);
    one.make(sweep, run);
    const ExperimentVerdict verdict = sweep.judge();
    ASSERT_EQ(verdict.unfinished.size(), 1u) << one.name;
    EXPECT_TRUE(verdict.unfinished[0].starts_with(run.name + one.said)) << verdict.unfinished[0];
    EXPECT_EQ(verdict.judgements[0].verdict, Verdict::inconclusive) << one.name;
    test::expect_contains(verdict.judgements[0].explanation, "\"none\" has no value for seed 2");
    EXPECT_EQ(verdict.judgements[1].verdict, Verdict::reproduced) << one.name;  // needs other runs
    EXPECT_EQ(verdict.judgements[2].verdict, Verdict::reported) << one.name;
    test::expect_contains(verdict.judgements[2].explanation, "\"none\" has no value for seed 2");
    EXPECT_EQ(verdict.verdict, Verdict::inconclusive) << one.name;
    EXPECT_EQ(verdict.completed, 11) << one.name;
  }
}

TEST(VerdictOfASweep, AnUndecidedBestDecidesNothing) {
  const Sweep sweep;
  fs::remove_all(sweep.folder(sweep.run("g[learning_rate=0.5]", 1)));
  const ExperimentVerdict verdict = sweep.judge();
  EXPECT_EQ(verdict.choices[0].point, "");
  EXPECT_EQ(verdict.judgements[0].verdict, Verdict::reproduced);
  EXPECT_EQ(verdict.judgements[1].verdict, Verdict::inconclusive);
  test::expect_contains(verdict.judgements[1].explanation, "\"best\" has no value for seed 1; 2 more are missing");
  EXPECT_EQ(verdict.verdict, Verdict::inconclusive);
}

TEST(VerdictOfASweep, RunsThatDivergedCount) {
  const Sweep sweep;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    FakeRun diverged = run_of(sweep.plan().points[0], seed);
    diverged.status = "diverged";
    diverged.last_step = 60;
    sweep.write(sweep.run("none", seed), diverged);
  }
  const ExperimentVerdict verdict = sweep.judge();
  EXPECT_EQ(verdict.completed, 9);
  EXPECT_EQ(verdict.diverged, 3);
  EXPECT_TRUE(verdict.unfinished.empty());
  EXPECT_EQ(verdict.judgements[0].verdict, Verdict::inconclusive);  // no accuracy at the end
  EXPECT_NEAR(verdict.judgements[2].effect, 2, 1e-12);              // 100 steps were asked for
  EXPECT_EQ(verdict.judgements[2].explanation,
            "diverged, counted as at least all steps: \"none\" at step 60 of 100 (seed 1), \"none\" at step 60 of 100 "
            "(seed 2), \"none\" at step 60 of 100 (seed 3)");
}

TEST(VerdictOfASweep, RunsThatArmsShareCountOnce) {
  ExperimentText text = experiment();
  text.arms.insert(1, R"({"name": "same", "set": {"optimizer.learning_rate": 2}}, )");
  const Sweep sweep(text);
  ASSERT_EQ(sweep.run("same", 1).name.substr(0, 16), sweep.run("g[learning_rate=2]", 1).name.substr(0, 16));
  FakeRun diverged = run_of(sweep.plan().points[0], 1);
  diverged.status = "diverged";
  sweep.write(sweep.run("same", 1), diverged);
  fs::remove_all(sweep.folder(sweep.run("same", 2)));
  const ExperimentVerdict verdict = sweep.judge();
  EXPECT_EQ(verdict.completed, 10);  // of 5 arms and points with 3 seeds each, of which two are one
  EXPECT_EQ(verdict.diverged, 1);
  EXPECT_EQ(verdict.unfinished.size(), 1u);
}

TEST(VerdictOfASweep, StepsToALevelAreAsWideAsTheRowsAreApart) {
  const Sweep sweep;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    FakeRun late = run_of(sweep.plan().points[0], seed);
    late.accuracies = {0.1, 0.2, 0.6};
    sweep.write(sweep.run("none", seed), late);
  }
  const Judgement ratio = sweep.judge().judgements[2];
  EXPECT_DOUBLE_EQ(ratio.effect, 2);  // 100 against 50
  ASSERT_TRUE(ratio.interval);
  EXPECT_DOUBLE_EQ(ratio.interval->low, 1);  // 50 to 100 over 0 to 50
  EXPECT_EQ(ratio.interval->high, std::numeric_limits<double>::infinity());
}

TEST(VerdictOfASweep, OneOfFewerSeedsThanBeforeSaysSo) {
  const Sweep sweep;
  sweep.judge();
  const auto with_seeds = [&](std::vector<std::uint64_t> seeds) {
    config::ExperimentConfig experiment = sweep.plan().experiment;
    experiment.seeds.list = std::move(seeds);
    prepare(make_plan(experiment), {}, sweep.path(), true);
    return sweep.judge();
  };
  const std::string said = "2 seeds; an earlier verdict in this folder has 3";
  for (int again = 0; again < 2; ++again) {  // it doesn't get lost
    EXPECT_EQ(with_seeds({1, 3}).warnings, (std::vector<std::string>{edge_of_best, said}));
    EXPECT_EQ(sweep.json()["seeds_before"], 3);
    EXPECT_EQ(sweep.json()["warnings"][1], said);
  }
  EXPECT_EQ(with_seeds({2}).warnings.back(), "1 seeds; an earlier verdict in this folder has 3");
  EXPECT_EQ(with_seeds({1, 2, 3}).warnings, std::vector<std::string>{edge_of_best});
  EXPECT_FALSE(sweep.json().contains("seeds_before"));
  write_text(sweep / "verdict.json", "{");
  EXPECT_EQ(with_seeds({1, 2}).warnings.back(), said);  // the earlier ones are kept
}

TEST(VerdictOfASweep, AnEditedCriterionIsJudgedAnew) {
  const Sweep sweep;
  EXPECT_EQ(sweep.judge().verdict, Verdict::reproduced);
  config::ExperimentConfig edited = sweep.plan().experiment;
  edited.criteria[0].at_least = 0.9;
  prepare(make_plan(edited), {}, sweep.path());
  fs::remove_all(sweep / "runs");
  EXPECT_EQ(sweep.judge().verdict, Verdict::not_reproduced);
  // An edited arm needs runs that the file lacks.
  edited.arms[2].grid.paths[0].second.push_back({"7"});
  write_text(sweep / "experiment.json", config::to_json(edited));
  test::expect_contains(test::error_text<DataError>([&] { sweep.judge(); }),
                        "it has no row for 3 runs, such as g[learning_rate=7] with seed 1. Nothing is judged");
}

TEST(VerdictOfASweep, WhatIsNoSweep) {
  const test::TemporaryFolder folder;
  test::expect_contains(test::error_text<ConfigError>([&] { judge_directory(folder.path()); }),
                        "is not the directory of a sweep: it has no experiment.json");
  test::expect_contains(test::error_text<ConfigError>([&] { judge_directory(folder / "none"); }),
                        "is not the directory of a sweep");
  const Sweep sweep;
  fs::remove_all(sweep / "runs");
  const ExperimentVerdict verdict = sweep.judge();  // nothing ran yet
  EXPECT_EQ(verdict.unfinished.size(), 12u);
  EXPECT_EQ(verdict.verdict, Verdict::inconclusive);
}

TEST(VerdictOfASweep, WhatTheAuthorsFoundStandsBehindTheReasonUnlessItIsReproduced) {
  Sweep sweep;
  config::ExperimentConfig explained = sweep.plan().experiment;
  for (config::CriterionConfig& criterion : explained.criteria) criterion.explanation = "why " + criterion.name;
  const auto judge = [&](double at_least) {
    explained.criteria[0].at_least = at_least;
    prepare(make_plan(explained), {}, sweep.path());
    return sweep.judge();
  };
  struct Case {
    double at_least;
    Verdict verdict;
    std::string reason;
  };
  for (const auto& [at_least, higher, reason] :
       std::vector<Case>{{0.05, Verdict::reproduced, ""},
                         {0.22, Verdict::inconclusive, "the threshold 22 lies inside the interval; why higher"},
                         {0.9, Verdict::not_reproduced, "the interval lies below the threshold 90; why higher"}}) {
    const ExperimentVerdict verdict = judge(at_least);
    EXPECT_EQ(verdict.judgements[0].verdict, higher);
    EXPECT_EQ(verdict.judgements[0].explanation, reason);
    EXPECT_EQ(verdict.judgements[1].verdict, Verdict::reproduced);
    EXPECT_EQ(verdict.judgements[1].explanation, "");
    EXPECT_EQ(verdict.judgements[2].verdict, Verdict::reported);
    EXPECT_EQ(verdict.judgements[2].explanation, "why slower");
    const Json json = sweep.json();
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_EQ(json["criteria"][i]["explanation"], verdict.judgements[i].explanation);
    const std::string markdown = verdict_markdown({verdict}, ".");
    EXPECT_EQ(markdown.find("why higher") != std::string::npos, higher != Verdict::reproduced) << markdown;
    EXPECT_EQ(markdown.find("why alike"), std::string::npos) << markdown;
    test::expect_contains(markdown, " | measured, no threshold: why slower | ");
  }
}

}  // namespace
}  // namespace bnlab::experiments

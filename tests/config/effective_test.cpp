// Experiments as they are run, and the differences between their arms.
#include "config/effective.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "config/differences.h"
#include "config/experiment.h"
#include "config/experiment_config_testing.h"
#include "util/test_files.h"

namespace bnlab::config {
namespace {

namespace fs = std::filesystem;

ExperimentText with_profiles() {
  ExperimentText text;
  text.arms = R"([{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch"},
                  {"name": "g", "grid": {"optimizer.learning_rate": [1, 2, 3], "training.batch_size": [10, 20]}},
                  {"name": "z", "zip": {"optimizer.learning_rate": [1, 2, 3], "dataset.limit": [100, 200, 300]}}])";
  text.more = R"(, "quick": {"set": {"training.steps": 7, "training.batch_size": 5}, "seeds": [8, 9],
                             "levels": {"steps": 0.25}, "axes": {"optimizer.learning_rate": [0.5, 0.25, 0.125]}, "minutes": 1},
                   "full": {"set": {"training.steps": 70}, "minutes": 2})";
  return text;
}

TEST(Effective, QuickAndFull) {
  const ExperimentConfig quick = test::effective(with_profiles(), Profile::quick);
  const ExperimentConfig full = test::effective(with_profiles(), Profile::full);
  EXPECT_EQ(quick.profile, "quick");
  EXPECT_EQ(full.profile, "full");
  EXPECT_EQ(quick.seeds.list, (std::vector<std::uint64_t>{8, 9}));
  EXPECT_EQ(full.seeds.list, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(quick.quantities[2].series.level, 0.25);
  EXPECT_EQ(full.quantities[2].series.level, 0.5);
  const auto base = [](const ExperimentConfig& one) { return resolve(one.base, {}, "/nowhere", "base"); };
  EXPECT_EQ(base(quick).training.steps, 7);
  EXPECT_EQ(base(quick).training.batch_size, 5);
  EXPECT_EQ(base(full).training.steps, 70);
  EXPECT_EQ(base(full).training.batch_size, 20);
  const std::vector<JsonText> rates{{"0.5"}, {"0.25"}, {"0.125"}};
  EXPECT_EQ(quick.arms[2].grid.paths[0].second, rates);
  EXPECT_EQ(quick.arms[2].grid.paths[1].second, (std::vector<JsonText>{{"10"}, {"20"}}));
  EXPECT_EQ(quick.arms[3].zip.paths[0].second, rates);
  EXPECT_EQ(full.arms[2].grid, test::parsed(with_profiles()).arms[2].grid);
  for (const ExperimentConfig& one : {quick, full}) {
    EXPECT_EQ(one.quick, ProfileConfig{});
    EXPECT_EQ(one.full, ProfileConfig{});
    EXPECT_TRUE(one.base.file.empty());
    // What experiment.json keeps gives the same runs, whichever profile is asked for then.
    const ExperimentConfig again = there_and_back(one);
    EXPECT_EQ(again, one);
    const auto plan = experiments::make_plan(one), same = experiments::make_plan(again);
    ASSERT_EQ(plan.runs.size(), same.runs.size());
    for (std::size_t i = 0; i < plan.runs.size(); ++i) {
      EXPECT_EQ(plan.runs[i].name, same.runs[i].name);
      EXPECT_EQ(plan.runs[i].config, same.runs[i].config);
    }
  }
}

TEST(Effective, SettingsComeAfterTheProfileAndBeforeTheArms) {
  const ExperimentConfig one = test::effective(with_profiles(), Profile::quick,
                                               {"training.steps=9", "normalization.type=layer"}, Seeds{{1, 2, 3}});
  EXPECT_EQ(one.seeds.list, (std::vector<std::uint64_t>{1, 2, 3}));
  const auto plan = experiments::make_plan(one);
  EXPECT_EQ(plan.points[0].config.training.steps, 9);
  EXPECT_EQ(plan.points[0].config.normalization.type, NormalizationType::none);
  EXPECT_EQ(plan.points[1].config.normalization.type, NormalizationType::layer);
}

TEST(Effective, TextsOfTheFullProfileAreNotTakenForOthers) {
  ExperimentText text = with_profiles();
  text.criteria =
      R"([{"name": "a", "type": "value", "quantity": "accuracy", "arms": ["batch"], "explanation": "1.8 times"},
                      {"name": "b", "type": "value", "quantity": "accuracy", "arms": ["batch"]}])";
  text.more += R"(, "finding": "5 seeds differ")";
  const auto expect_texts = [](const ExperimentConfig& one, const std::string& finding,
                               const std::string& explanation) {
    EXPECT_EQ(one.finding, finding);
    EXPECT_EQ(one.criteria[0].explanation, explanation);
    EXPECT_EQ(one.criteria[1].explanation, "");
  };
  const char* const finding = "(full profile) 5 seeds differ";
  const char* const explanation = "";  // it explains another verdict
  expect_texts(test::effective(text, Profile::full), "5 seeds differ", "1.8 times");
  expect_texts(test::effective(text, Profile::full, {}, Seeds{{1, 2}}), "5 seeds differ", "1.8 times");  // as it has
  expect_texts(test::effective(text, Profile::full, {}, Seeds{{1, 2, 3}}), finding, explanation);
  expect_texts(test::effective(text, Profile::full, {"training.steps=9"}), finding, explanation);
  const ExperimentConfig quick = test::effective(text, Profile::quick);
  expect_texts(quick, finding, explanation);
  // The experiment.json of a sweep, swept again: not a second time.
  expect_texts(effective(quick, Profile::quick, {}, {}, "."), finding, explanation);
}

TEST(Effective, TheSeedIsNoSetting) {
  EXPECT_EQ(error_lines([] { test::effective(with_profiles(), Profile::quick, {"training.seed=4"}); }),
            (ErrorLines{"--set training.seed=4: must leave training.seed to seeds"}));
}

TEST(Effective, WrongSettingsAreNamed) {
  ExperimentText text = with_more(R"("quick": {"set": {"training.stps": 1, "optimizer.learning_rate": -1}})");
  const ErrorLines lines = error_lines([&] { test::effective(text, Profile::quick); });
  EXPECT_EQ(lines, (ErrorLines{R"(e: base: --set training.stps=1: training.stps: unknown key; did you mean "steps"?)",
                               "e: base: --set optimizer.learning_rate=-1: optimizer.learning_rate: must be above 0, "
                               "got -1"}));
  text = {};
  text.base = R"({"dataset": {"name": "mnist"}, "network": {"name": "mlp_3x100_sigmoi"}})";
  EXPECT_TRUE(any_contains(error_lines([&] { test::effective(text, Profile::full, {}, {}, configs_folder); }),
                           R"(did you mean "mlp_3x100_sigmoid"?)"));
}

TEST(Effective, BasesAndConfigsOfArmsAreReadIn) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "base.json", config_with(R"(, "description": "d", "training": {"steps": 500})"));
  test::write_text(folder / "own.json", config_with(R"(, "training": {"steps": 500}, "optimizer": {"type": "adam"})"));
  ExperimentText text =
      with_arms(R"([{"name": "a"}, {"name": "b", "config": "own.json", "differs_in": ["optimizer.type"]}])");
  text.base = "\"base.json\"";
  text.more = R"(, "quick": {"set": {"training.steps": 5}})";
  const ExperimentConfig one = test::effective(text, Profile::quick, {}, {}, folder.path());
  for (const char* name : {"base.json", "own.json"}) fs::remove(folder / name);
  const auto plan = experiments::make_plan(there_and_back(one));
  EXPECT_EQ(plan.points[0].config.optimizer.type, OptimizerType::sgd);
  EXPECT_EQ(plan.points[1].config.optimizer.type, OptimizerType::adam);
  // The profile is for all arms.
  EXPECT_EQ(plan.points[0].config.training.steps, 5);
  EXPECT_EQ(plan.points[1].config.training.steps, 5);
  const ErrorLines lines = error_lines([&] { test::effective(text, Profile::quick, {}, {}, folder.path()); });
  EXPECT_TRUE(any_contains(lines, "base: no base.json in " + folder.path().string()));
}

// ---- differences ----------------------------------------------------------------------------------------------------

TEST(Differences, PathsValuesAndWhoDecides) {
  const auto config = [](const std::vector<std::string>& settings) {
    return parse(config_with(R"(, "normalization": {"type": "batch"})"), settings, "/nowhere", "c");
  };
  EXPECT_TRUE(differences(config({}), config({})).empty());
  const auto named = [](const std::vector<Difference>& all, const std::string& path) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const Difference& one) { return one.path == path; });
    EXPECT_NE(found, all.end()) << path;
    return found == all.end() ? Difference{} : *found;
  };
  std::vector<Difference> all = differences(config({}), config({"optimizer.learning_rate=0.5"}));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].path, "optimizer.learning_rate");
  EXPECT_EQ(all[0].second, "0.5");
  EXPECT_TRUE(all[0].decided_by.empty());

  all = differences(config({}), config({"optimizer.type=adam"}));
  EXPECT_EQ(named(all, "optimizer.type").first, "\"sgd\"");
  EXPECT_EQ(named(all, "optimizer.type").second, "\"adam\"");
  EXPECT_EQ(named(all, "optimizer.beta1").first, "(unset)");
  EXPECT_EQ(named(all, "optimizer.momentum").second, "(unset)");
  EXPECT_EQ(named(all, "optimizer.beta1").decided_by, (ErrorLines{"optimizer.type"}));

  all = differences(config({}), config({"training.epochs=2"}));
  EXPECT_EQ(named(all, "training.epochs").first, "(unset)");
  EXPECT_EQ(named(all, "training.steps").second, "(unset)");
  EXPECT_EQ(named(all, "training.steps").decided_by, (ErrorLines{"training.epochs"}));
  EXPECT_TRUE(named(all, "training.epochs").decided_by.empty());

  all = differences(config({}), config({"normalization.type=batch_renorm"}));
  EXPECT_EQ(named(all, "normalization.r_max.initial").decided_by, (ErrorLines{"normalization.type"}));

  all = differences(config({R"(probes=[{"type": "gradient_norm"}])"}),
                    config({R"(probes=[{"type": "activation_distribution", "units": [1, 2]}])"}));
  EXPECT_EQ(named(all, "probes.0.units").second, "[1, 2]");
  EXPECT_EQ(named(all, "probes.0.units").decided_by, (ErrorLines{"probes.0.type"}));

  all = differences(config({}), config({"network.layers.1.dense.units=11"}));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].path, "network.layers.1.dense.units");
}

}  // namespace
}  // namespace bnlab::config

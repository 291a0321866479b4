#include "experiments/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/config_testing.h"
#include "config/load.h"
#include "experiments/experiment_testing.h"

namespace bnlab::experiments {
namespace {

using config::any_contains;
using config::error_lines;
using test::ExperimentText;
using test::plan_of;
using test::with_arms;
using Texts = std::vector<std::string>;

Texts labels_of(const Plan& plan, const std::string& arm) {
  Texts labels;
  for (const ArmPoint& point : plan.points)
    if (point.arm == arm) labels.push_back(point.label.substr(arm.size()));
  return labels;
}

const PlannedRun& run_of(const Plan& plan, std::string_view label, std::uint64_t seed) {
  for (const PlannedRun& run : plan.runs)
    if (plan.points[run.point].label == label && run.seed == seed) return run;
  throw std::logic_error("no run of " + std::string(label));
}

TEST(Plan, OfEachSeedAllPoints) {
  ExperimentText text = with_arms(R"({"name": "g", "grid": {"dataset.limit": [100, 200]}})");
  text.seeds = "[5, 3]";
  const Plan plan = plan_of(text);
  ASSERT_EQ(plan.points.size(), 4u);
  ASSERT_EQ(plan.runs.size(), 8u);
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    EXPECT_EQ(plan.runs[i].point, i % 4);
    EXPECT_EQ(plan.runs[i].seed, i < 4 ? 5u : 3u);
    EXPECT_EQ(plan.runs[i].config.training.seed, plan.runs[i].seed);
  }
  EXPECT_EQ(plan.axes, (Texts{"dataset.limit"}));
  EXPECT_EQ(plan.points[0].label, "none");
  EXPECT_EQ(plan.points[0].config.normalization.type, config::NormalizationType::none);
  EXPECT_EQ(plan.points[1].config.normalization.type, config::NormalizationType::batch);
  EXPECT_EQ(plan.points[3].config.dataset.limit, 200);
}

TEST(Plan, AGridVariesItsLastAxisFirst) {
  const Plan plan = plan_of(with_arms(
      R"({"name": "g", "set": {"optimizer.momentum": 0.5}, "grid": {"optimizer.learning_rate": [0.1, 1e-5, 3], "dataset.limit": [100, 200]}})"));
  EXPECT_EQ(labels_of(plan, "g"),
            (Texts{"[learning_rate=0.1,limit=100]", "[learning_rate=0.1,limit=200]", "[learning_rate=1e-05,limit=100]",
                   "[learning_rate=1e-05,limit=200]", "[learning_rate=3,limit=100]", "[learning_rate=3,limit=200]"}));
  const config::RunConfig& config = run_of(plan, "g[learning_rate=1e-05,limit=200]", 2).config;
  EXPECT_EQ(config.optimizer.learning_rate, 1e-5);
  EXPECT_EQ(config.dataset.limit, 200);
  EXPECT_EQ(config.optimizer.momentum, 0.5);
  EXPECT_EQ(config.training.seed, 2u);
}

TEST(Plan, AZipGoesThroughItsListsTogether) {
  const Plan plan = plan_of(
      with_arms(R"({"name": "z", "zip": {"optimizer.learning_rate": [0.1, 0.2], "dataset.limit": [100, 200]}})"));
  EXPECT_EQ(labels_of(plan, "z"), (Texts{"[learning_rate=0.1,limit=100]", "[learning_rate=0.2,limit=200]"}));
  EXPECT_EQ(plan.axes, (Texts{"optimizer.learning_rate", "dataset.limit"}));
}

TEST(Plan, LabelsOfTextsListsAndPathsThatEndAlike) {
  EXPECT_EQ(
      labels_of(plan_of(with_arms(R"({"name": "g", "grid": {"normalization.mask": ["none", [1], {"every": 2}]}})")),
                "g"),
      (Texts{"[mask=none]", "[mask=[1]]", "[mask={\"every\": 2}]"}));
  EXPECT_EQ(
      labels_of(
          plan_of(with_arms(R"({"name": "g", "grid": {"optimizer.type": ["sgd"], "normalization.type": ["batch"]}})")),
          "g"),
      (Texts{"[optimizer.type=sgd,normalization.type=batch]"}));
}

TEST(Plan, NamesOfRuns) {
  const Plan plan = plan_of(with_arms(R"({"name": "g", "grid": {"normalization.mask": [[1], {"every": 2}]}})"));
  std::set<std::string> names;
  for (const PlannedRun& run : plan.runs) {
    names.insert(run.name);
    const std::string hash = hash_of(run.config);
    ASSERT_EQ(hash.size(), 64u);
    EXPECT_EQ(hash.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_TRUE(run.name.starts_with(hash.substr(0, 16) + "_")) << run.name;
    EXPECT_EQ(run.name.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz_=.-"), std::string::npos) << run.name;
    EXPECT_LE(run.name.size(), 200u);
  }
  EXPECT_EQ(names.size(), plan.runs.size());
  const PlannedRun& run = run_of(plan, "batch", 2);
  EXPECT_EQ(run.name, hash_of(run.config).substr(0, 16) + "_batch_seed2");
}

TEST(Plan, EqualConfigsShareARun) {
  const Plan plan = plan_of(with_arms(R"({"name": "same"}, {"name": "g", "grid": {"training.steps": [100.0, 50]}})"));
  const std::string name = run_of(plan, "batch", 1).name;
  EXPECT_EQ(run_of(plan, "same", 1).name, name);
  EXPECT_EQ(run_of(plan, "g[steps=100.0]", 1).name, name);
  EXPECT_NE(run_of(plan, "g[steps=50]", 1).name, name);
  EXPECT_NE(run_of(plan, "batch", 2).name, name);
}

TEST(Plan, TheHashIsThatOfTheContent) {
  const auto hash = [](const Texts& settings) {
    return hash_of(config::parse(config::config_with(""), settings, "/nowhere", "c"));
  };
  EXPECT_EQ(hash({}), hash({}));
  EXPECT_EQ(hash({}), hash({"description=other"}));
  EXPECT_EQ(hash({}), hash({"training.batch_size=" + std::to_string(config::RunConfig{}.training.batch_size)}));
  for (const char* setting : {"training.seed=7", "optimizer.learning_rate=0.7", "network.layers.1.dense.units=11",
                              "record.final_weights=false", "dataset.limit=10"})
    EXPECT_NE(hash({}), hash({setting})) << setting;
}

TEST(Plan, SettingsThatMakeNoConfigAreNamedWithTheirArm) {
  EXPECT_EQ(error_lines([] { plan_of(with_arms(R"({"name": "x", "set": {"optimizer.learning_rat": 1}})")); }),
            (Texts{R"(e: arm x: optimizer.learning_rat=1: optimizer.learning_rat: unknown key; did you mean )"
                   R"("learning_rate"?)"}));
  EXPECT_EQ(error_lines([] { plan_of(with_arms(R"({"name": "x", "grid": {"dataset.limit": [100, -1]}})")); }).size(),
            1u);
  EXPECT_TRUE(
      any_contains(error_lines([] { plan_of(with_arms(R"({"name": "x", "grid": {"dataset.limit": [100, -1]}})")); }),
                   "e: arm x[limit=-1]: dataset.limit=-1: dataset.limit: must be "));
}

TEST(Plan, ACriterionAboutAPointThatThereIsNot) {
  const std::string grid = R"({"name": "g", "grid": {"optimizer.learning_rate": [0.1, 0.2]}})";
  EXPECT_EQ(error_lines([&] { plan_of(with_arms(grid, R"(["g[learning_rate=0.1]", "none"])")); }), Texts{});
  EXPECT_EQ(error_lines([&] { plan_of(with_arms(grid, R"(["g[learning_rate=0.3]", "none"])")); }),
            (Texts{R"(e: criterion c: no point "g[learning_rate=0.3]"; there are g[learning_rate=0.1], )"
                   R"(g[learning_rate=0.2]; did you mean "g[learning_rate=0.1]"?)"}));
  // A profile's other axis lacks it.
  ExperimentText text = with_arms(grid, R"(["g[learning_rate=0.1]", "none"])");
  text.more = R"(, "quick": {"axes": {"optimizer.learning_rate": [0.5]}})";
  EXPECT_EQ(error_lines([&] { plan_of(text, config::Profile::full); }), Texts{});
  EXPECT_TRUE(any_contains(error_lines([&] { plan_of(text, config::Profile::quick); }),
                           R"(no point "g[learning_rate=0.1]"; there are g[learning_rate=0.5])"));
}

std::string values(int count) {
  std::string list = "[1";
  for (int i = 2; i <= count; ++i) list.append(",").append(std::to_string(i));
  return list + "]";
}

TEST(Plan, TooManyRunsAreRefusedBeforeTheyAreMade) {
  const auto start = std::chrono::steady_clock::now();
  const std::string thousand = values(1000);
  const Texts lines = error_lines([&] {
    plan_of(with_arms(R"({"name": "g", "grid": {"dataset.limit": )" + thousand + R"(, "training.steps": )" + thousand +
                      "}}"));
  });
  EXPECT_EQ(lines, (Texts{"e: more than 100000 runs: 1 points of none, 1 points of batch, too many points of g, with 2 "
                          "seeds"}));
  std::string axes;
  for (int i = 0; i < 40; ++i) axes += (i > 0 ? ",\"p" : "\"p") + std::to_string(i) + "\": " + thousand;
  EXPECT_EQ(error_lines([&] { plan_of(with_arms(R"({"name": "g", "grid": {)" + axes + "}}")); }).size(), 1u);
  ExperimentText many_seeds = with_arms(R"({"name": "g", "grid": {"dataset.limit": )" + values(101) + "}}");
  many_seeds.seeds = "1000";
  EXPECT_TRUE(any_contains(error_lines([&] { plan_of(many_seeds); }), "101 points of g, with 1000 seeds"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));  // made, they would take many minutes
}

// ---- arms with a config of their own --------------------------------------------------------------------------------

/// An arm whose config is the base with `settings`, and declares `differs_in`.
ExperimentText with_own_config(const Texts& settings, const std::string& differs_in, const std::string& more = "") {
  const config::RunConfig own = config::parse(ExperimentText{}.base, settings, "/nowhere", "own");
  return with_arms(R"({"name": "own", "config": )" + config::to_json(own) + R"(, "differs_in": )" + differs_in + more +
                   "}");
}

TEST(Undeclared, DifferencesAreRefusedAndNamed) {
  EXPECT_EQ(error_lines([] { plan_of(with_own_config({"optimizer.learning_rate=0.5"}, "[]")); }),
            (Texts{"e: arm own: undeclared difference from the base: optimizer.learning_rate is 0.1 in the base, and "
                   "0.5 in the arm"}));
  const Texts two = error_lines([] {
    plan_of(with_own_config({"optimizer.learning_rate=0.5", "training.batch_size=30"}, R"(["optimizer"])"));
  });
  EXPECT_EQ(two, (Texts{"e: arm own: undeclared difference from the base: training.batch_size is 20 in the base, and "
                        "30 in the arm"}));
  // A path is declared as a whole, not by how it begins.
  EXPECT_EQ(error_lines([] { plan_of(with_own_config({"training.batch_size=30"}, R"(["training.batch"])")); }).size(),
            1u);
}

TEST(Undeclared, DeclaredOnesAreAccepted) {
  struct Case {
    Texts settings;
    std::string declared;
  };
  for (const Case& one : std::vector<Case>{
           {{}, "[]"},
           {{"optimizer.learning_rate=0.5"}, R"(["optimizer.learning_rate"])"},
           {{"optimizer.learning_rate=0.5", "optimizer.momentum=0.5"}, R"(["optimizer"])"},
           {{"description=other", "training.seed=7"}, "[]"},
           {{R"(network={"name": "n", "layers": [{"flatten": {}}, {"dense": {"units": 10}}]})"}, R"(["network"])"},
           {{R"(network={"name": "n", "layers": [{"flatten": {}}, {"dense": {"units": 10}}]})"},
            R"(["network.name"])"}}) {
    EXPECT_EQ(error_lines([&] { plan_of(with_own_config(one.settings, one.declared)); }), Texts{}) << one.declared;
  }
  // What the arm sets on top is declared by that.
  EXPECT_EQ(
      error_lines([] {
        plan_of(with_own_config({"optimizer.learning_rate=0.5"}, "[]", R"(, "set": {"optimizer.learning_rate": 0.7})"));
      }),
      Texts{});
}

TEST(Undeclared, FieldsThatApplyToOneChoiceOnlyGoWithIt) {
  const auto problems = [](const Texts& settings, const std::string& declared) {
    return error_lines([&] { plan_of(with_own_config(settings, declared)); });
  };
  EXPECT_EQ(problems({"optimizer.type=adam", "optimizer.beta1=0.5"}, R"(["optimizer.type"])"), Texts{});
  EXPECT_EQ(problems({"normalization.type=batch_renorm", "normalization.r_max.final=7"}, R"(["normalization.type"])"),
            Texts{});
  EXPECT_EQ(problems({"training.epochs=2"}, R"(["training.epochs"])"), Texts{});
  EXPECT_EQ(problems({"optimizer.schedule.type=step", "optimizer.schedule.every=7"}, R"(["optimizer.schedule.type"])"),
            Texts{});
  // Fields of both are not excused, nor what another field decides.
  EXPECT_EQ(problems({"optimizer.type=adam", "optimizer.learning_rate=7"}, R"(["optimizer.type"])").size(), 1u);
  EXPECT_TRUE(any_contains(
      problems({"training.epochs=2", "training.batch_size=30"}, R"(["training.batch_size"])"),
      "e: arm own: undeclared difference from the base: training.epochs is (unset) in the base, and 2.0 in the arm"));
  EXPECT_TRUE(any_contains(problems({"optimizer.type=adam"}, R"(["optimizer.learning_rate"])"),
                           "undeclared difference from the base: optimizer.type is"));
}

TEST(Undeclared, ArmsMadeOfTheBaseNeverAre) {
  for (const char* set : {R"("optimizer.type": "adam")", R"("normalization.type": "group")", R"("training.epochs": 2)",
                          R"("optimizer": {"type": "rmsprop", "smoothing": 0.5})", R"("loss.type": "squared_error")",
                          R"("initialization.scheme": "gaussian", "initialization.std": 0.5)",
                          R"("training.composition": "full_batch")", R"("probes": [{"type": "gradient_norm"}])"})
    EXPECT_EQ(error_lines([&] { plan_of(with_arms(R"({"name": "x", "set": {)" + std::string(set) + "}}")); }), Texts{})
        << set;
}

TEST(Changes, AreThoseAgainstTheBase) {
  const Plan plan = plan_of(
      with_arms(R"({"name": "g", "set": {"optimizer.momentum": 0.5}, "grid": {"optimizer.learning_rate": [0.5]}})"));
  EXPECT_EQ(changes_of(plan, plan.points[1]), Texts{});
  EXPECT_EQ(changes_of(plan, plan.points[2]),
            (Texts{"optimizer.learning_rate: 0.1 -> 0.5", "optimizer.momentum: 0.0 -> 0.5"}));
  EXPECT_TRUE(any_contains(changes_of(plan, plan.points[0]), R"(normalization.type: "batch" -> "none")"));
}

TEST(AxisValue, NumbersAreThemselvesAndTextsTheirPlaces) {
  const Plan plan = plan_of(with_arms(
      R"({"name": "g", "grid": {"optimizer.learning_rate": [3, 0.1]}},
         {"name": "t", "grid": {"normalization.type": ["layer", "batch", "none"]}})"));
  EXPECT_EQ(axis_value(plan, "g", "optimizer.learning_rate", "3"), 3);
  EXPECT_EQ(axis_value(plan, "g", "optimizer.learning_rate", "0.1"), 0.1);
  EXPECT_EQ(axis_value(plan, "t", "normalization.type", "\"layer\""), 0);
  EXPECT_EQ(axis_value(plan, "t", "normalization.type", "\"none\""), 2);
}

}  // namespace
}  // namespace bnlab::experiments

#include "config/hints.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/config_testing.h"
#include "config/differences.h"
#include "config/load.h"
#include "config/names.h"

namespace bnlab::config {
namespace {

using Names = std::vector<std::string>;

TEST(Hints, OtherNamesOfKinds) {
  const Names types = names_of<NormalizationType>();
  for (const char* word : {"bn", "BN", "batchnorm", "batch_norm", "BatchNorm", "batch-norm", "BatchNorm2d"})
    EXPECT_EQ(hint(word, types), "batch") << word;
  EXPECT_EQ(hint("layer_norm", types), "layer");
  EXPECT_EQ(hint("GroupNorm", types), "group");
  EXPECT_EQ(hint("BatchRenorm", types), "batch_renorm");
  EXPECT_EQ(hint("off", types), "none");
  EXPECT_EQ(hint("before", names_of<Placement>()), "before_activation");
  EXPECT_EQ(hint("after", names_of<Placement>()), "after_activation");
  EXPECT_EQ(hint("relu6", names_of<Activation>()), "relu");
  EXPECT_EQ(hint("LeakyReLU", names_of<Activation>()), "leaky_relu");
  EXPECT_EQ(hint("momentum", names_of<OptimizerType>()), "sgd");
  EXPECT_EQ(hint("kaiming", names_of<InitializationScheme>()), "he");
  EXPECT_EQ(hint("mse", names_of<LossType>()), "squared_error");
}

TEST(Hints, MisspellingsAsBefore) {
  const Names types = names_of<NormalizationType>();
  EXPECT_EQ(hint("bach", types), "batch");
  EXPECT_EQ(hint("xyzzy", types), "");
  EXPECT_EQ(hint("", types), "");
  EXPECT_EQ(hint_text("bach", types), "; did you mean \"batch\"?");
  EXPECT_EQ(hint_text("xyzzy", types), "");
}

TEST(Hints, AnAliasCountsWhereItsNameIsValid) {
  EXPECT_EQ(hint("bn", {"dense", "normalization"}), "normalization");
  EXPECT_EQ(hint("lr", {"type", "learning_rate"}), "learning_rate");
  EXPECT_EQ(hint("lr", {"type"}), "");
}

TEST(Hints, PlacesOfKeys) {
  EXPECT_EQ(places_of_key("lr"), Names{"optimizer.learning_rate"});
  EXPECT_EQ(places_of_key("learning_rate"), Names{"optimizer.learning_rate"});
  EXPECT_EQ(places_of_key("bs"), Names{"training.batch_size"});
  EXPECT_EQ(places_of_key("batch_size"), Names{"training.batch_size"});
  EXPECT_EQ(places_of_key("statistics"), Names{"evaluation.statistics"});
  EXPECT_EQ(places_of_key("epochs"), Names{"training.epochs"});
  EXPECT_EQ(places_of_key("wd"), Names{"optimizer.weight_decay"});
  EXPECT_EQ(places_of_key("momentum"), Names{"optimizer.momentum"});
  EXPECT_EQ(places_of_key("placement"), Names{"normalization.placement"});
  EXPECT_EQ(places_of_key("xyzzy"), Names{});
}

TEST(Hints, InErrorsOfConfigs) {
  EXPECT_EQ(problems_of(config_with(R"(, "lr": 1)")),
            ErrorLines{R"(c.json:1: lr: unknown key; did you mean "optimizer.learning_rate"?)"});
  EXPECT_EQ(problems_of(config_with(R"(, "training": {"momentum": 0.9})")),
            ErrorLines{R"(c.json:1: training.momentum: unknown key; did you mean "optimizer.momentum"?)"});
  EXPECT_EQ(problems_of(config_with(R"(, "optimizer": {"lr": 1})")),
            ErrorLines{R"(c.json:1: optimizer.lr: unknown key; did you mean "learning_rate"?)"});
  EXPECT_EQ(problems_of(config_with(R"(, "normalization": "batch")")),
            ErrorLines{R"(c.json:1: normalization: must be an object, got "batch"; did you mean normalization.type?)"});
  EXPECT_EQ(problems_of(config_with(R"(, "normalization": 3)")),
            ErrorLines{"c.json:1: normalization: must be an object, got 3"});
}

RunConfig parsed(const std::string& more, const std::vector<std::string>& overrides = {}) {
  return parse(config_with(more), overrides, configs_folder, "c.json");
}

TEST(Overrides, TextFieldsTakeTheWord) {
  EXPECT_EQ(parsed("", {"description=2024"}).description, "2024");
  EXPECT_EQ(parsed("", {"description=1.50"}).description, "1.50");
  EXPECT_EQ(parsed("", {"description=true"}).description, "true");
  EXPECT_EQ(parsed("", {"description=null"}).description, "null");
  EXPECT_EQ(parsed("", {"dataset.path=7"}).dataset.path, "7");
  // Not in a file, where a number is no text, and not what is no word.
  EXPECT_EQ(problems_of(config_with(R"(, "description": 2024)")),
            ErrorLines{"c.json:1: description: must be a text, got 2024"});
  EXPECT_THROW(parsed("", {"description=[1]"}), ConfigError);
}

std::vector<std::string> warnings_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  std::vector<std::string> warnings;
  parse(text, overrides, configs_folder, "c.json", {}, "--set", &warnings);
  return warnings;
}

TEST(Warnings, NormalizationWithoutAType) {
  const std::string network = R"({"dataset": {"name": "mnist"}, "network": {"layers": [{"flatten": {}},
      {"repeat": {"count": 2, "layers": [{"dense": {"units": 3}}, {"normalization": {}}]}}, {"dense": {"units": 10}}]})";
  EXPECT_EQ(warnings_of(network + "}"),
            Names{"normalization.type: left out, which means none: the network's normalization blocks do nothing"});
  EXPECT_EQ(warnings_of(network + R"(, "normalization": {"epsilon": 0.1, "affine": false}})"),
            Names{"normalization.type: left out, which means none: normalization.epsilon, normalization.affine have no "
                  "effect"});
  // Whoever says none means it.
  EXPECT_EQ(warnings_of(network + R"(, "normalization": {"type": "none"}})"), Names{});
  EXPECT_EQ(warnings_of(network + "}", {"normalization.type=none"}), Names{});
  EXPECT_EQ(warnings_of(network + "}", {"normalization.type=batch"}), Names{});
  EXPECT_EQ(warnings_of(config_with("")), Names{});
  // The config that a run writes says what was left out.
  RunConfig config = parse(network + "}", {}, configs_folder, "c.json");
  EXPECT_EQ(warnings_of(to_json(config)), Names{});
}

TEST(Variations, WhatDiffers) {
  const RunConfig none = parsed(R"(, "normalization": {"type": "none"})");
  const RunConfig batch = parsed(R"(, "normalization": {"type": "batch", "epsilon": 0.001}, "description": "x")");
  const RunConfig ghost = parsed(R"(, "normalization": {"type": "ghost"}, "training": {"seed": 7})");
  EXPECT_TRUE(variations({&none, &none}).empty());
  const std::vector<Variation> found = variations({&none, &batch, &ghost});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].path, "normalization.type");
  EXPECT_EQ(found[0].values, (Names{"none", "batch", "ghost"}));
  EXPECT_EQ(found[1].path, "normalization.epsilon");
  EXPECT_EQ(found[1].values[1], "0.001");
}

TEST(Variations, ProbesAreTheirTypes) {
  const RunConfig without = parsed("");
  const RunConfig with = parsed(R"(, "probes": [{"type": "gradient_norm"}, {"type": "representations"}])");
  const RunConfig rarely =
      parsed(R"(, "probes": [{"type": "gradient_norm", "every": 7}, {"type": "representations"}])");
  std::vector<Variation> found = variations({&without, &with});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].values, (Names{"none", "gradient_norm representations"}));
  found = variations({&with, &rarely});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].path, "probes.0.every");
}

}  // namespace
}  // namespace bnlab::config

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/config_testing.h"

namespace bnlab::config {
namespace {

RunConfig with(const std::string& text, const std::vector<std::string>& overrides) {
  return parse(text, overrides, configs_folder, "c.json");
}

const std::string by_name = R"({"dataset": {"name": "mnist"}, "network": {"name": "mlp_3x100_sigmoid"},
  "initialization": {"scheme": "gaussian", "std": 0.1}, "training": {"steps": 50},
  "probes": [{"type": "gradient_norm"}, {"type": "activation_distribution", "units": [1, 2]}]})";

TEST(Overrides, SetValuesAtAnyDepth) {
  const RunConfig config =
      with(by_name, {"optimizer.learning_rate=0.5", "optimizer.schedule.type=step", "dataset.name=fashion_mnist",
                     "probes.1.units.0=7", "probes.0.every=3", "description=two words, \"quoted\" \\ = {}",
                     "normalization.mask=[1,3]", "normalization.affine=false", "dataset.path=", "training.seed=\"5\"",
                     "training.seed=5", "evaluation={\"train_split\": true}"});
  EXPECT_EQ(config.optimizer.learning_rate, 0.5);
  EXPECT_EQ(config.optimizer.schedule.type, ScheduleType::step);
  EXPECT_EQ(config.dataset.name, "fashion_mnist");
  EXPECT_EQ(config.probes[1].units, (std::vector<std::int64_t>{7, 2}));
  EXPECT_EQ(config.probes[0].every, 3);
  EXPECT_EQ(config.description, "two words, \"quoted\" \\ = {}");
  EXPECT_EQ(config.normalization.mask.list, (std::vector<std::int64_t>{1, 3}));
  EXPECT_FALSE(config.normalization.affine);
  EXPECT_EQ(config.training.seed, 5u);
  EXPECT_TRUE(config.evaluation.train_split);
}

TEST(Overrides, ReachIntoANetworkGivenByName) {
  const RunConfig config = with(by_name, {"network.layers.1.repeat.count=8", "network.activation=tanh"});
  EXPECT_EQ(std::get<Repeat>(config.network.layers[1].spec).count, 8);
  EXPECT_EQ(config.network.activation, Activation::tanh);
  EXPECT_EQ(with(by_name, {"network.layers.2.dense.units=3", "network.name=mlp_2x64"}).network.name, "mlp_2x64");
}

TEST(Overrides, ANewNameReplacesTheNetworkOfAResolvedConfig) {
  const std::string resolved = to_json(with(by_name, {}));
  const NetworkConfig vgg6 = load_network(configs_folder / "networks/vgg6.json");
  EXPECT_EQ(with(resolved, {"network.name=vgg6"}).network, vgg6);
  EXPECT_EQ(with(resolved, {"network.activation=tanh", "network.name=vgg6"}).network.activation, Activation::tanh);
  EXPECT_EQ(with(resolved, {"network={\"name\": \"vgg6\"}"}).network, vgg6);
}

TEST(Overrides, ANewChoiceDropsWhatTheFileSaidForTheOldOne) {
  EXPECT_EQ(with(by_name, {"initialization.scheme=he"}).initialization, InitializationConfig{});
  EXPECT_EQ(with(by_name, {"training.epochs=2"}).training, (TrainingConfig{.epochs = 2}));
  const std::string epochs = config_with(R"(, "training": {"epochs": 3})");
  EXPECT_EQ(with(epochs, {"training.steps=7"}).training, (TrainingConfig{.steps = 7, .epochs = {}}));
  EXPECT_EQ(with(epochs, {"training.epochs=null", "training.steps=7"}).training.steps, 7);
  // Said at once, the two contradict each other.
  EXPECT_EQ(problems_of(by_name, {"initialization.scheme=he", "initialization.std=1"}),
            ErrorLines{"--set initialization.std=1: initialization.std: only for scheme gaussian, got scheme he"});
  EXPECT_EQ(problems_of(by_name, {"training.steps=5", "training.epochs=1"}),
            ErrorLines{"--set training.steps=5: training.steps: not together with training.epochs"});
}

TEST(Overrides, ProblemsNameTheOverride) {
  const std::pair<std::string, std::string> cases[] = {
      {"training.batch_size=-3", "training.batch_size: must be at least 1, got -3"},
      {"training.batch_size=ten", "training.batch_size: must be an integer, got \"ten\""},
      {"training.batch_size=", "training.batch_size: must be an integer, got \"\""},
      {"optimizer.learning_rate=nan", "optimizer.learning_rate: must be a number, got \"nan\""},
      {"optimizer.learning_rate=1e999", "optimizer.learning_rate: must be a number, got \"1e999\""},
      {"optimizer.learning_rat=1", "optimizer.learning_rat: unknown key; did you mean \"learning_rate\"?"},
      {"optimizer.schedule={\"typ\":1}", "optimizer.schedule.typ: unknown key; did you mean \"type\"?"},
      {"zzzzzz.a.b=1", "zzzzzz: unknown key; valid keys: extends, description, ..."},
      {"training.steps.x=1", "training.steps: is 50, which has no field \"x\""},
      {"probes.2.every=1", "probes.2: no such entry: probes is a list of 2, counted from 0"},
      {"probes.last.every=1", "probes.last: no such entry: probes is a list of 2, counted from 0"},
      {"probes.-1.every=1", "probes.-1: no such entry: probes is a list of 2, counted from 0"},
      {"evaluation.statistics.0=batch",
       "evaluation.statistics: is not set, so it has no entries; set the whole list, as in "
       "evaluation.statistics=[...]"},
      {"network.layers.9.dense=1", "network.layers.9: no such entry: network.layers is a list of 3, counted from 0"},
      {"network.layers.2.dense.unit=1", "network.layers.2.dense.unit: unknown key; did you mean \"units\"?"},
      {"network=vgg6", "network: must be an object, got \"vgg6\"; did you mean network.name?"},
      {"x", "must be key.path=value"},
      {"=1", "must be key.path=value"},
      {"", "must be key.path=value"},
      {"a..b=1", "must be key.path=value"},
      {"a.=1", "must be key.path=value"},
  };
  for (const auto& [text, error] : cases)
    expect_line(problems_of(by_name, {text}), "--set " + text + ": " + error, text);
}

TEST(Overrides, HostileTexts) {
  EXPECT_TRUE(any_contains(problems_of(by_name, {"probes=[{"}), "--set probes=[{: not valid JSON"));
  EXPECT_TRUE(any_contains(problems_of(by_name, {"description=\"open"}), "not valid JSON"));
  EXPECT_TRUE(any_contains(problems_of(by_name, {"description=\xff"}), "UTF-8"));
  EXPECT_TRUE(any_contains(problems_of(by_name, {"probes=" + std::string(100'000, '[')}), "nested deeper"));
  std::string deep = "a";
  for (int i = 0; i < 100'000; ++i) deep += ".a";
  const ErrorLines lines = problems_of(by_name, {deep + "=1"});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_LT(lines[0].size(), 200u);
}

}  // namespace
}  // namespace bnlab::config

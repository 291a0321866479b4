#include "config/load.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "config/config_testing.h"
#include "config/names.h"
#include "util/join.h"

namespace bnlab::config {
namespace {

namespace fs = std::filesystem;

// A folder that is gone after the test.
class LoadFiles : public testing::Test {
 protected:
  LoadFiles() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / (std::string("bnlab_") + test->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "networks");
  }
  ~LoadFiles() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  std::string prefix(const std::string& name) { return (folder_ / name).string() + ":"; }

  fs::path folder_;
};

TEST(Parse, TakesDefaultsFromTheStructs) {
  RunConfig expected;
  expected.dataset.name = "mnist";
  expected.network.layers = {Block{Flatten{}}, Block{Dense{.units = 10, .bias = {}}}};
  EXPECT_EQ(parse(config_with(""), {}, configs_folder, "c.json"), expected);
  EXPECT_EQ(parse(config_with(R"(, "$schema": "schema.json", "training": {}, "probes": [])"), {}, ".", "c.json"),
            expected);
}

TEST(Parse, WantsDatasetAndNetwork) {
  EXPECT_EQ(problems_of("{}"), (ErrorLines{"c.json:1: dataset: is required", "c.json:1: network: is required"}));
  EXPECT_EQ(problems_of("{\"dataset\": {},\n\"network\": {}}"),
            (ErrorLines{"c.json:1: dataset.name: is required", "c.json:2: network: needs a name or layers"}));
  EXPECT_EQ(problems_of("[1]"), ErrorLines{"c.json:1: must be an object, got [1]"});
}

struct Wrong {
  std::string more;   // of the config
  std::string error;  // after "c.json:1: "
};

TEST(Parse, NamesPathValueAndRule) {
  const Wrong cases[] = {
      // unknown keys
      {R"(, "optimzer": {})", R"(optimzer: unknown key; did you mean "optimizer"?)"},
      {R"(, "optimizer": {"learning_rat": 1})",
       R"(optimizer.learning_rat: unknown key; did you mean "learning_rate"?)"},
      {R"(, "optimizer": {"schedule": {"evry": 1}})", R"(optimizer.schedule.evry: unknown key; did you mean "every"?)"},
      {R"(, "record": {"x": 1})", "record.x: unknown key; valid keys: initial_weights, batches, ..."},
      {R"(, "optimizer": {"$schema": ""})", "optimizer.$schema: unknown key; valid keys: type, learning_rate, ..."},
      {R"(, "record": {"a.b\n": 1})", "record.\"a.b\\n\": unknown key; valid keys: initial_weights, ..."},
      // types
      {R"(, "training": {"steps": "ten"})", R"(training.steps: must be an integer, got "ten")"},
      {R"(, "training": {"steps": 1.5})", "training.steps: must be an integer, got 1.5"},
      {R"(, "training": {"steps": null})", "training.steps: must be an integer, got null"},
      {R"(, "training": 5)", "training: must be an object, got 5"},
      {R"(, "optimizer": {"schedule": []})", "optimizer.schedule: must be an object, got []"},
      {R"(, "normalization": {"affine": 1})", "normalization.affine: must be true or false, got 1"},
      {R"(, "normalization": {"epsilon": "x"})", R"(normalization.epsilon: must be a number, got "x")"},
      {R"(, "description": 1)", "description: must be a text, got 1"},
      {R"(, "description": "a\u0000b")", R"(description: must not hold a NUL character, got "a\u0000b")"},
      {R"(, "probes": {})", "probes: must be a list, got {}"},
      {R"(, "probes": [1])", "probes.0: must be an object, got 1"},
      {R"(, "probes": [{}])", "probes.0.type: is required"},
      {R"(, "evaluation": {"statistics": "batch"})", R"(evaluation.statistics: must be a list, got "batch")"},
      // ranges
      {R"(, "training": {"batch_size": -3})", "training.batch_size: must be at least 1, got -3"},
      {R"(, "training": {"batch_size": 1000001})", "training.batch_size: must be at most 1000000, got 1000001"},
      {R"(, "training": {"steps": 1e13})", "training.steps: must be at most 1000000000000, got 1e13"},
      {R"(, "training": {"steps": 0})", "training.steps: must be at least 1, got 0"},
      {R"(, "training": {"epochs": 0})", "training.epochs: must be above 0, got 0"},
      {R"(, "training": {"seed": -1})", "training.seed: must be at least 0, got -1"},
      {R"(, "training": {"log_every": 0})", "training.log_every: must be at least 1, got 0"},
      {R"(, "optimizer": {"learning_rate": 0})", "optimizer.learning_rate: must be above 0, got 0"},
      {R"(, "optimizer": {"learning_rate": 1e300})", "optimizer.learning_rate: must be at most 1e+30, got 1e300"},
      {R"(, "optimizer": {"momentum": 1})", "optimizer.momentum: must be below 1, got 1"},
      {R"(, "optimizer": {"momentum": -0.1})", "optimizer.momentum: must be at least 0, got -0.1"},
      {R"(, "normalization": {"epsilon": -1e-9})", "normalization.epsilon: must be at least 0, got -1e-9"},
      {R"(, "normalization": {"running_average_decay": 1.0})",
       "normalization.running_average_decay: must be below 1, got 1.0"},
      {R"(, "probes": [{"type": "gradient_norm"}, {"type": "activation_distribution", "units": [0, -1]}])",
       "probes.1.units.1: must be at least 0, got -1"},
      // names
      {R"(, "normalization": {"type": "bach"})", "normalization.type: must be one of " +
                                                     join(names_of<NormalizationType>()) +
                                                     ", got \"bach\"; did you mean \"batch\"?"},
      {R"(, "optimizer": {"type": "lbfgs"})", "optimizer.type: must be ..."},
      {R"(, "initialization": {"scheme": 3})",
       "initialization.scheme: must be one of " + join(names_of<InitializationScheme>()) + ", got 3"},
      {R"(, "evaluation": {"statistics": ["running", "precis"]})", "evaluation.statistics.1: must be one of " +
                                                                       join(names_of<Statistics>()) +
                                                                       ", got \"precis\"; did you mean \"precise\"?"},
      {R"(, "evaluation": {"statistics": []})", "evaluation.statistics: must have at least 1 entry, got []"},
      {R"(, "evaluation": {"statistics": ["batch", "batch"]})",
       R"(evaluation.statistics.1: must not repeat an entry, got "batch")"},
      // fields that do not apply
      {R"(, "initialization": {"std": 0.1})", "initialization.std: only for scheme gaussian, got scheme he"},
      {R"(, "initialization": {"bound": 0.1, "scheme": "gaussian"})",
       "initialization.bound: only for scheme uniform, got scheme gaussian"},
      {R"(, "initialization": {"scheme": "uniform", "distribution": "normal"})",
       "initialization.distribution: only for scheme xavier, he, got scheme uniform"},
      {R"(, "optimizer": {"schedule": {"factor": 0.5}})",
       "optimizer.schedule.factor: only for type step, exponential, got type constant"},
      {R"(, "probes": [{"type": "gradient_norm", "units": []}])",
       "probes.0.units: only for type activation_distribution, got type gradient_norm"},
      {R"(, "normalization": {"type": "ghost", "precise_variance": "pooled"})",
       "normalization.precise_variance: only for type batch, batch_renorm, noisy_batch, got type ghost"},
      // rules between fields
      {R"(, "normalization": {"type": "batch_renorm", "virtual_batch_size": 4, "precise_variance": "pooled"})",
       R"(normalization.precise_variance: cannot be combined with virtual_batch_size, got "pooled")"},
      {R"(, "evaluation": {"batch_sizes": [2]})",
       "evaluation.batch_sizes: needs batch among statistics; running and precise statistics do not depend on the "
       "batch, got [2]"},
      {R"(, "evaluation": {"batch_sizes": [2, 2], "statistics": ["batch"]})",
       "evaluation.batch_sizes.1: must not repeat an entry, got 2"},
      {R"(, "evaluation": {"batch_sizes": [0], "statistics": ["batch"]})",
       "evaluation.batch_sizes.0: must be at least 1, got 0"},
      {R"(, "training": {"steps": 5, "epochs": 2})", "training.steps: not together with training.epochs"},
      {R"(, "probes": [{"type": "gradient_norm"}, {"type": "gradient_norm", "every": 3}])",
       "probes: must not have two of the same type, because each type writes one file, got a list"},
      // masks
      {R"(, "normalization": {"mask": []})", "normalization.mask: must have at least 1 entry, got []"},
      {R"(, "normalization": {"mask": [1, 0]})", "normalization.mask.1: must be at least 1, got 0"},
      {R"(, "normalization": {"mask": {"every": 0}})", "normalization.mask.every: must be at least 1, got 0"},
      {R"(, "normalization": {"mask": {"evry": 2}})", R"(normalization.mask.evry: unknown key; did you mean "every"?)"},
      {R"(, "normalization": {"mask": {}})",
       R"(normalization.mask: must be "all", "none", "first", "last", a list such as [1, 3], or {"every": n}, got {})"},
  };
  for (const Wrong& wrong : cases) {
    expect_line(problems_of(config_with(wrong.more)), "c.json:1: " + wrong.error, wrong.more);
  }
}

TEST(Parse, ChecksTheDataset) {
  const std::string network = R"(, "network": {"layers": [{"dense": {"units": 10}}]}})";
  EXPECT_EQ(problems_of(R"({"dataset": {"name": ""})" + network),
            ErrorLines{R"(c.json:1: dataset.name: must not be empty, got "")"});
  EXPECT_EQ(problems_of(R"({"dataset": {"name": "mnist", "validation": -1})" + network),
            ErrorLines{"c.json:1: dataset.validation: must be at least 0, got -1"});
  EXPECT_EQ(problems_of(R"({"dataset": {"name": "mnist", "limit": 100, "validation": 100})" + network),
            ErrorLines{"c.json:1: dataset.validation: must be below limit, got 100"});
}

TEST(Parse, ChecksBlocksAtAnyDepth) {
  const Wrong cases[] = {
      {"3", R"(network.layers.0: must be an object with one key, such as {"flatten": {}}, got 3)"},
      {"{}", R"(network.layers.0: must be an object with one key, such as {"flatten": {}}, got {})"},
      {R"({"conv_blok": {"channels": 2}})", R"(network.layers.0.conv_blok: unknown block; did you mean "conv_block"?)"},
      {R"({"attention": {}})", "network.layers.0.attention: unknown block; valid blocks: dense, conv, ..."},
      {R"({"dense": {}})", "network.layers.0.dense.units: is required"},
      {R"({"dense": {"units": 0}})", "network.layers.0.dense.units: must be at least 1, got 0"},
      {R"({"dense": 5})", "network.layers.0.dense: must be an object, got 5"},
      {R"({"flatten": {"x": 1}})", "network.layers.0.flatten.x: unknown key; this object has no keys"},
      {R"({"dense_block": {"units": 5, "bias": 1}})",
       "network.layers.0.dense_block.bias: must be true or false, got 1"},
      {R"({"activation": {"function": "rlu"}})", "network.layers.0.activation.function: must be one of " +
                                                     join(names_of<Activation>()) +
                                                     ", got \"rlu\"; did you mean \"relu\"?"},
      {R"({"conv_block": {"channels": 8, "kernel": "3"}})",
       R"(network.layers.0.conv_block.kernel: must be an integer or [height, width], got "3")"},
      {R"({"conv_block": {"channels": 8, "kernel": [3]}})",
       "network.layers.0.conv_block.kernel: must be a number or [height, width], got [3]"},
      {R"({"conv": {"channels": 8, "kernel": [3, 0]}})", "network.layers.0.conv.kernel.1: must be at least 1, got 0"},
      {R"({"conv": {"channels": 8, "kernel": 1025}})", "network.layers.0.conv.kernel: must be at most 1024, got 1025"},
      {R"({"conv": {"channels": 8, "kernel": 4}})",
       R"(network.layers.0.conv.kernel: must be odd with padding "same"; give padding as a number, got 4)"},
      {R"({"conv": {"channels": 8, "padding": "valid"}})",
       R"(network.layers.0.conv.padding: must be "same", an integer or [height, width], got "valid")"},
      {R"({"conv": {"channels": 8, "groups": 3}})", "network.layers.0.conv.groups: must divide channels, got 3"},
      {R"({"max_pool": {"padding": 2}})", "network.layers.0.max_pool.padding: must be smaller than the kernel, got 2"},
      {R"({"recurrent": {"units": 2, "reads": "pixel"}})",
       R"(network.layers.0.recurrent.reads: must be one of rows, pixels, got "pixel"; did you mean "pixels"?)"},
      {R"({"recurrent": {"units": 2, "normalize": "both"}})",
       R"(network.layers.0.recurrent.normalize: must be one of sum, separate, got "both")"},
      {R"({"recurrent": {"units": 2, "permutation": true}})",
       "network.layers.0.recurrent.permutation: must be an integer, got true"},
      {R"({"recurrent": {"units": 2, "permutation": -1}})",
       "network.layers.0.recurrent.permutation: must be at least 0, got -1"},
      {R"({"recurrent": {"units": 2, "initial_state_noise": 0}})",
       "network.layers.0.recurrent.initial_state_noise: must be above 0, got 0"},
      {R"({"residual": {"body": [{"flatten": {}}], "scalar": 1, "layer_scale": 1}})",
       "network.layers.0.residual.scalar: not together with network.layers.0.residual.layer_scale"},
      {R"({"repeat": {"count": 2, "layers": []}})", "network.layers.0.repeat.layers: must have at least 1 entry"},
      {R"({"repeat": {"count": 2}})", "network.layers.0.repeat.layers: is required"},
      {R"({"repeat": {"count": 0, "layers": [{"flatten": {}}]}})",
       "network.layers.0.repeat.count: must be at least 1, got 0"},
      {R"({"repeat": {"layers": [{"flatten": {}}, {"repeat": {"layers": [{"dense": {"unit": 3, "units": 3}}]}}]}})",
       R"(network.layers.0.repeat.layers.1.repeat.layers.0.dense.unit: unknown key; did you mean "units"?)"},
  };
  for (const Wrong& wrong : cases)
    expect_line(problems_of(config_with_block(wrong.more)), "c.json:1: " + wrong.error, wrong.more);
}

std::string branches(int count) {
  std::string text = R"({"concat": {"branches": [[])";
  for (int i = 1; i < count; ++i) text += ", []";
  return text + "]}}";
}

TEST(Parse, BoundsTheBranchesOfAConcat) {
  EXPECT_EQ(problems_of(config_with_block(branches(3072))), ErrorLines{});
  EXPECT_EQ(problems_of(config_with_block(branches(3073))),
            ErrorLines{"c.json:1: network.layers.0.concat.branches: must have at most 3072 entries, got 3073"});
}

std::string repeated(int levels, int count) {
  std::string text = R"({"dense": {"units": 3}})";
  for (int i = 0; i < levels; ++i)
    text = R"({"repeat": {"count": )" + std::to_string(count) + R"(, "layers": [)" + text + "]}}";
  return text;
}

TEST(Parse, BoundsTheSizeOfANetwork) {
  EXPECT_EQ(problems_of(config_with_block(repeated(64, 1))), ErrorLines{});
  EXPECT_TRUE(any_contains(problems_of(config_with_block(repeated(65, 1))), "nested deeper than 64 blocks"));
  EXPECT_TRUE(any_contains(problems_of(config_with_block(repeated(100, 1))), "nested deeper than 256 levels"));
  const ErrorLines many{"c.json:1: network.layers: more than 20000 blocks after expansion of every repeat"};
  EXPECT_EQ(problems_of(config_with_block(repeated(64, 10000))), many);
  EXPECT_EQ(problems_of(config_with_block(repeated(2, 142))), many);
  EXPECT_EQ(problems_of(config_with_block(repeated(2, 141))), ErrorLines{});
}

TEST(Parse, ReportsAllInTheOrderOfTheFile) {
  const std::string text = R"({
  "training": {"steps": "ten", "batch_size": -3, "batch": 1},
  "optimizer": {
    "schedule": {"type": "stp"},
    "learning_rate": -1},
  "network": {"layers": [{"dense": {"units": 1.5}}, {"dense": {}}]},
  "dataset": {"scaling": 3}
})";
  const ErrorLines lines = problems_of(text);
  ASSERT_EQ(lines.size(), 9u);
  const std::vector<std::string> starts{"c.json:2: training.steps:",
                                        "c.json:2: training.batch_size:",
                                        "c.json:2: training.batch:",
                                        "c.json:4: optimizer.schedule.type:",
                                        "c.json:5: optimizer.learning_rate:",
                                        "c.json:6: network.layers.0.dense.units:",
                                        "c.json:6: network.layers.1.dense.units:",
                                        "c.json:7: dataset.name:",
                                        "c.json:7: dataset.scaling:"};
  for (std::size_t i = 0; i < starts.size(); ++i) EXPECT_TRUE(lines[i].starts_with(starts[i])) << lines[i];
}

TEST(Parse, CutsALongListOfProblems) {
  std::string more;
  for (int i = 0; i < 1000; ++i) more += ", \"key" + std::to_string(i) + "\": 1";
  const ErrorLines lines = problems_of(config_with(more));
  ASSERT_EQ(lines.size(), 51u);
  EXPECT_EQ(lines.back(), "and 950 more");
}

TEST(Parse, TakesLargeSeedsAndWholeReals) {
  const auto training = [](const std::string& text) {
    return parse(config_with(", \"training\": " + text), {}, configs_folder, "c.json").training;
  };
  EXPECT_EQ(training(R"({"seed": 9223372036854775807})").seed, 9223372036854775807u);
  EXPECT_EQ(training(R"({"seed": 9007199254740993})").seed, 9007199254740993u);
  EXPECT_EQ(training(R"({"steps": 5e4})").steps, 50000);
  EXPECT_TRUE(any_contains(problems_of(config_with(R"(, "training": {"seed": 9223372036854775808})")),
                           "training.seed: must be below 2^63"));
}

TEST(Parse, NormalizationFieldsStayWithTypeNone) {
  EXPECT_EQ(problems_of(config_with(R"(, "normalization": {"type": "none", "epsilon": 1e-3, "mask": "last"})")),
            ErrorLines{});
}

TEST_F(LoadFiles, FilesThatCannotBeRead) {
  EXPECT_EQ(error_lines([&] { load(folder_ / "none.json", {}); }), ErrorLines{prefix("none.json") + " no such file"});
  EXPECT_EQ(error_lines([&] { load(folder_, {}); }), ErrorLines{folder_.string() + ": is a folder, not a file"});
  EXPECT_EQ(error_lines([&] { load(write("empty.json", ""), {}); }),
            ErrorLines{prefix("empty.json") + "1:1: the text is empty"});
  EXPECT_TRUE(
      any_contains(error_lines([&] { load(write("bad.json", "{\n\"a\" 1}"), {}); }), prefix("bad.json") + "2:"));
  fs::resize_file(write("large.json", "{}"), 100 << 20);
  EXPECT_EQ(error_lines([&] { load(folder_ / "large.json", {}); }),
            ErrorLines{prefix("large.json") + " larger than 16 MB, the limit for a config"});
}

TEST_F(LoadFiles, NetworkByName) {
  write("networks/tiny.json",
        R"({"name": "tiny", "description": "d", "activation": "tanh", "layers": [{"flatten": {}}]})");
  const fs::path file = write("run.json", R"({"dataset": {"name": "mnist"}, "network": {"name": "tiny"}})");
  NetworkConfig network = load(file, {}).network;
  EXPECT_EQ(network, load_network(folder_ / "networks/tiny.json"));
  EXPECT_EQ(network.activation, Activation::tanh);
  network.activation = Activation::relu;
  EXPECT_EQ(load(file, {"network.activation=relu"}).network, network);
  EXPECT_TRUE(is_network_file(folder_ / "networks/tiny.json"));
  EXPECT_FALSE(is_network_file(file));
}

TEST_F(LoadFiles, NetworkThatIsNotThere) {
  write("networks/tiny.json", R"({"layers": [{"flatten": {}}]})");
  const auto lines = error_lines(
      [&] { load(write("run.json", R"({"dataset": {"name": "mnist"}, "network": {"name": "tiy"}})"), {}); });
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(
      lines[0].starts_with(prefix("run.json") + "1: network.name: no networks/tiy.json in " + folder_.string()));
  EXPECT_TRUE(lines[0].ends_with("; did you mean \"tiny\"?"));
  for (const std::string name : {"../tiny", "a/b", "..", ".", "networks\\\\tiny"}) {
    const std::string text = R"({"dataset": {"name": "mnist"}, "network": {"name": ")" + name + "\"}}";
    EXPECT_EQ(error_lines([&] { load(write("run.json", text), {}); }),
              ErrorLines{prefix("run.json") + "1: network.name: must be a plain file name, without / and .., got \"" +
                         name + "\""});
  }
}

TEST_F(LoadFiles, ProblemsOfANetworkFileNameThatFile) {
  write("networks/tiny.json", "{\"name\": \"huge\",\n\"layer\": 1,\n\"layers\": [{\"dense\": {}}]}");
  const fs::path run = write("run.json", "{\"network\": {\"name\": \"tiny\"},\n\"dataset\": {}}");
  const ErrorLines in_network{prefix("networks/tiny.json") + "1: name: must be the file's name, \"tiny\", got \"huge\"",
                              prefix("networks/tiny.json") + "2: layer: unknown key; did you mean \"layers\"?",
                              prefix("networks/tiny.json") + "3: layers.0.dense.units: is required"};
  EXPECT_EQ(error_lines([&] { load_network(folder_ / "networks/tiny.json"); }), in_network);
  ErrorLines all{prefix("run.json") + "2: dataset.name: is required"};
  all.insert(all.end(), in_network.begin(), in_network.end());
  EXPECT_EQ(error_lines([&] { load(run, {}); }), all);

  write("networks/tiny.json", "{}");
  EXPECT_EQ(error_lines([&] { load_network(folder_ / "networks/tiny.json"); }),
            ErrorLines{prefix("networks/tiny.json") + "1: layers: is required"});
  EXPECT_TRUE(
      any_contains(error_lines([&] { load(run, {}); }), prefix("networks/tiny.json") + "1: layers: is required"));
}

TEST(ConfigFolders, AreDistinctAndBeginWithTheGivenOne) {
  const auto folders = config_folders("configs");
  EXPECT_EQ(folders.front(), "configs");
  EXPECT_EQ(std::count(folders.begin(), folders.end(), fs::path("configs")), 1);
}

}  // namespace
}  // namespace bnlab::config

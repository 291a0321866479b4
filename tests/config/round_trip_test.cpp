#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "config/config_testing.h"
#include "config/json.h"

namespace bnlab::config {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<fs::path> json_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".json" && !entry.path().string().ends_with("schema.json"))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// Every field away from its default.
RunConfig everything() {
  RunConfig config;
  config.description = "ä \"quoted\"\n";
  config.dataset = {.name = "d",
                    .path = "/p",
                    .scaling = Scaling::raw,
                    .limit = 100,
                    .validation = 99,
                    .augmentation = {.crop_padding = 3, .flip = true},
                    .shift = {.rotation = -7.5, .contrast = 0.5, .noise = 0.25, .splits = ShiftedSplits::test},
                    .synthetic = {.examples = 7,
                                  .test_examples = 8,
                                  .dimensions = 9,
                                  .outputs = 11,
                                  .separation = 0.5,
                                  .target_std = 1.5,
                                  .seed = 12}};
  const Padding padding{.same = false, .extent = {0, 2}};
  const Conv conv{.channels = 8,
                  .kernel = {2, 5},
                  .stride = {2, 1},
                  .padding = padding,
                  .groups = 4,
                  .bias = false,
                  .weight_standardization = false};
  const Pool pool{.kernel = {3, 4}, .stride = Extent{1, 2}, .padding = {1, 1}};
  const Dense dense{.units = 7, .bias = true};
  const Residual residual{
      .body = {Block{dense}}, .shortcut = Shortcut::identity, .shortcut_normalization = false, .layer_scale = 1e-6};
  const Concat concat{.branches = {{Block{dense}}, {}}};
  const Recurrent recurrent{.units = 5,
                            .activation = Activation::softplus,
                            .start = RecurrentStart::identity,
                            .reads = RecurrentReads::pixels,
                            .permutation = 7,
                            .normalize = RecurrentNormalize::separate,
                            .initial_state_noise = 0.1};
  config.network = {.name = "n",
                    .description = "nd",
                    .activation = Activation::tanh,
                    .negative_slope = 0.2,
                    .dropout = 0.25,
                    .shortcut = Shortcut::padding,
                    .residual_scalar = 0.5,
                    .weight_standardization = true,
                    .layers = {}};
  config.network.layers = {Block{conv},
                           Block{ConvBlock{conv, Activation::identity}},
                           Block{MaxPool{pool}},
                           Block{AvgPool{pool}},
                           Block{GlobalAvgPool{}},
                           Block{Flatten{}},
                           Block{Normalization{}},
                           Block{LocalResponse{.size = 3, .alpha = 0.5, .beta = 0.25, .k = 2}},
                           Block{Dropout{.rate = 0.125}},
                           Block{residual},
                           Block{concat},
                           Block{recurrent},
                           Block{ActivationBlock{Activation::sigmoid}},
                           Block{Repeat{.count = 3, .layers = {Block{DenseBlock{dense, Activation::relu}}}}},
                           Block{dense}};
  config.normalization = {.type = NormalizationType::batch,
                          .placement = Placement::after_activation,
                          .mask = {.kind = LayerMask::Kind::list, .list = {3, 1}},
                          .normalize_input = true,
                          .zero_gamma_residual = true,
                          .epsilon = 1.0 / 3,
                          .affine = false,
                          .initial_gamma = 0.1,
                          .gamma_distribution = GammaDistribution::uniform,
                          .initial_beta = -0.1,
                          .running_average_decay = 0.99,
                          .running_variance = RunningVariance::biased,
                          .population = Population::precise,
                          .precise_batches = 7,
                          .precise_variance = PreciseVariance::pooled,
                          .recurrent_statistics = RecurrentStatistics::shared};
  config.initialization.scheme = InitializationScheme::xavier;
  config.initialization.distribution = Distribution::uniform;
  config.initialization.fan = Fan::out;
  config.initialization.gain = 2.5;
  config.initialization.from = "/f";
  InitializationOverride output;
  output.layers = "dense*";
  output.scheme = InitializationScheme::orthogonal;
  config.initialization.overrides = {output};
  config.loss = {.type = LossType::cross_entropy, .label_smoothing = 0.1, .reduction = Reduction::sum};
  config.optimizer = {
      .type = OptimizerType::sgd,
      .learning_rate = 1e-7,
      .momentum = 0.9,
      .nesterov = true,
      .weight_decay = 5e-4,
      .decay = Decay::decoupled,
      .decay_normalization_and_biases = true,
      .clip_norm = 3,
      .trainable = {.select = Trainable::random, .share = 0.5},
      .overrides = {{.parameters = "*.scalar", .learning_rate_factor = 0.1, .weight_decay_factor = 0}},
      .schedule = {.type = ScheduleType::step, .every = 17, .factor = 0.25, .warmup_steps = 5, .warmup_start = 0.5}};
  config.training = {.batch_size = 20,
                     .composition = BatchComposition::by_class,
                     .classes_per_batch = 4,
                     .accumulate = 3,
                     .steps = 123456789012,
                     .epochs = {},
                     .seed = 9223372036854775807u,
                     .precision = Precision::bf16,
                     .allow_slow_bf16 = true,
                     .eval_every = 3,
                     .log_every = 1,
                     .checkpoint_every = 5};
  config.evaluation = {.batch_size = 1,
                       .batch_sizes = {4, 2},
                       .statistics = {Statistics::batch, Statistics::running},
                       .train_split = true};
  config.probes = {{.type = ProbeType::activation_distribution, .every = 7, .examples = 64, .units = {3, 0}},
                   {.type = ProbeType::scale_invariance, .every = 9, .examples = 0, .units = {}, .factors = {0.25, 3}},
                   {.type = ProbeType::equivalence,
                    .every = 2,
                    .examples = 0,
                    .units = {},
                    .normalization = NormalizationConfig{.type = NormalizationType::group, .groups = 4}}};
  config.probes.push_back({.type = ProbeType::landscape, .units = {}});
  config.probes.back().multipliers = {0.01, 3};
  config.probes.back().unit = StepUnit::one;
  config.probes.back().ratio = 10;
  config.probes.back().points = true;
  config.probes.push_back({.type = ProbeType::covariate_shift, .units = {}});
  config.probes.back().layers = {2, 1};
  config.probes.push_back({.type = ProbeType::hessian, .every = 3, .examples = 512, .units = {}});
  config.probes.back().statistics = {CurvatureStatistics::frozen, CurvatureStatistics::batch};
  config.probes.back().scale = 0.5;
  config.probes.back().iterations = 7;
  config.probes.back().tolerance = 0.01;
  config.probes.push_back({.type = ProbeType::input_gradient, .every = 2, .examples = 8, .units = {}});
  config.probes.back().split = SplitName::validation;
  config.probes.back().epsilons = {0.5, 0.01};
  config.record = {.initial_weights = true, .batches = true, .final_weights = false, .dropout_masks = true};
  return config;
}

RunConfig there_and_back(const RunConfig& config) { return parse(to_json(config), {}, "/nowhere", "resolved"); }

// Every leaf of a tree with its path.
void collect_leaves(const Json& json, const std::string& path, std::map<std::string, std::string>& leaves) {
  if (!json.is(Json::Kind::object)) leaves[path] = format_json(json);
  for (const JsonMember& member : json.members) collect_leaves(member.value, path + "." + member.key, leaves);
}

std::map<std::string, std::string> leaves_of(const RunConfig& config) {
  std::map<std::string, std::string> leaves;
  collect_leaves(parse_json(to_json(config), 0).root, "", leaves);
  return leaves;
}

TEST(RoundTrip, EveryFieldAwayFromItsDefault) {
  const RunConfig config = everything();
  EXPECT_EQ(there_and_back(config), config);
  // Holds this test to what it says: a new field must be set in everything().
  const auto leaves = leaves_of(config);
  for (const auto& [path, value] : leaves_of(RunConfig{})) {
    if (path == ".optimizer.type" || path == ".loss.type") continue;  // other values turn fields off
    EXPECT_TRUE(leaves.contains(path) && leaves.at(path) != value) << path;
  }
}

TEST(RoundTrip, EveryChoice) {
  const auto check = [](const auto& change) {
    RunConfig config = everything();
    change(config);
    EXPECT_EQ(there_and_back(config), config) << to_json(config);
  };
  const auto initialized = [](const WeightInitialization& weights) {
    InitializationConfig initialization;
    static_cast<WeightInitialization&>(initialization) = weights;
    return initialization;
  };
  check([&](RunConfig& c) { c.initialization = initialized({.scheme = InitializationScheme::gaussian, .std = 3}); });
  check([&](RunConfig& c) { c.initialization = initialized({.scheme = InitializationScheme::uniform, .bound = 3}); });
  check([&](RunConfig& c) {
    c.initialization = initialized({.scheme = InitializationScheme::he, .distribution = Distribution::uniform});
  });
  check([&](RunConfig& c) { c.initialization = initialized({.scheme = InitializationScheme::fixup, .gain = 3}); });
  const RampConfig ramp{.initial = 2, .final = 5, .begin = 7, .end = 11, .unit = RampUnit::steps};
  check(
      [&](RunConfig& c) { c.normalization = {.type = NormalizationType::batch_renorm, .r_max = ramp, .d_max = ramp}; });
  check([](RunConfig& c) { c.normalization = {.type = NormalizationType::ghost, .virtual_batch_size = 3}; });
  check([](RunConfig& c) { c.normalization = {.type = NormalizationType::group, .groups = 3}; });
  check([](RunConfig& c) { c.normalization = {.type = NormalizationType::group, .channels_per_group = 3}; });
  check([](RunConfig& c) { c.normalization = {.type = NormalizationType::layer, .over = LayerNormOver::position}; });
  check([](RunConfig& c) {
    c.normalization = {.type = NormalizationType::lp, .norm = LpNorm::linf, .norm_of = NormOf::raw};
  });
  const NoiseConfig noise{.mean = 2, .std = 3, .mean_jitter = 4, .std_jitter = 5, .in_evaluation = true};
  check([&](RunConfig& c) { c.normalization = {.type = NormalizationType::noise, .noise = noise}; });
  check([&](RunConfig& c) { c.normalization = {.type = NormalizationType::noisy_batch, .noise = noise}; });
  check([](RunConfig& c) {
    c.normalization = {.type = NormalizationType::local_response,
                       .local_response = {.size = 3, .alpha = 0.5, .beta = 0.25, .k = 2}};
  });
  check([](RunConfig& c) { c.loss = {.type = LossType::squared_error, .reduction = Reduction::sum}; });
  check([](RunConfig& c) { c.optimizer = {.type = OptimizerType::adamw, .beta1 = 0.5, .beta2 = 0.25, .epsilon = 1}; });
  check([](RunConfig& c) {
    c.optimizer = {.type = OptimizerType::rmsprop, .momentum = 0.5, .smoothing = 0.5, .epsilon = 1};
  });
  for (const ScheduleType type : {ScheduleType::exponential, ScheduleType::doubling})
    check([&](RunConfig& c) { c.optimizer.schedule = {.type = type, .every = 3}; });
  check([](RunConfig& c) {
    c.optimizer.schedule = {.type = ScheduleType::cosine, .final_fraction = 0.5, .warmup_steps = 3};
  });
  check([](RunConfig& c) {
    c.optimizer.schedule = {
        .type = ScheduleType::one_cycle, .final_fraction = 0.5, .peak = 0.5, .initial_fraction = 0.5};
  });
  check([](RunConfig& c) { c.training = {.composition = BatchComposition::full_batch}; });
  check([](RunConfig& c) { c.training = {.epochs = 0.1}; });
  check([](RunConfig& c) {
    c.normalization.type = NormalizationType::none;
    c.normalization.precise_variance = std::nullopt;
  });
  check([](RunConfig& c) { c.normalization.mask = {.kind = LayerMask::Kind::first, .list = {}}; });
  check([](RunConfig& c) { c.normalization.mask = {.kind = LayerMask::Kind::last, .list = {}}; });
  check([](RunConfig& c) { c.normalization.mask = {.kind = LayerMask::Kind::all, .list = {}}; });
  check([](RunConfig& c) { c.normalization.mask = {.kind = LayerMask::Kind::none, .list = {}}; });
  check([](RunConfig& c) { c.normalization.mask = {.kind = LayerMask::Kind::every, .list = {}, .every = 2}; });
  check([](RunConfig& c) { c.network.layers = {Block{ConvBlock{{.channels = 3}, {}}}, Block{MaxPool{}}}; });
  check([](RunConfig& c) { c.network.name.clear(); });
  check([](RunConfig& c) {
    c.network.residual_scalar = std::nullopt;
    c.network.layer_scale = 0.25;
    c.network.layers = {Block{Residual{.body = {Block{Flatten{}}}, .scalar = 0.5}}};
  });
  check([](RunConfig& c) { c.probes.clear(); });
}

TEST(Shipped, ConfigsAreRightAndComeBackEqual) {
  ASSERT_GE(json_files(configs_folder).size(), 4u);
  for (const fs::path& file : json_files(configs_folder)) {
    const RunConfig config = load(file, {});
    EXPECT_FALSE(config.description.empty()) << file;
    EXPECT_EQ(there_and_back(config), config) << file;
    EXPECT_EQ(to_json(there_and_back(config)), to_json(config)) << file;
    EXPECT_TRUE(text_of(file).starts_with("{\n  \"$schema\": \"schema.json\",\n  \"description\": ")) << file;
    EXPECT_FALSE(is_network_file(file)) << file;
  }
}

TEST(Shipped, NetworksAreRight) {
  ASSERT_GE(json_files(configs_folder / "networks").size(), 3u);
  for (const fs::path& file : json_files(configs_folder / "networks")) {
    EXPECT_EQ(load_network(file).name, file.stem().string());
    EXPECT_TRUE(is_network_file(file)) << file;
    EXPECT_TRUE(text_of(file).starts_with("{\n  \"$schema\": \"../network.schema.json\",\n")) << file;
  }
}

TEST(Shipped, TheArmsOfFigure1DifferInTheNormalizationOnly) {
  RunConfig without = load(configs_folder / "figure1_without_normalization.json", {});
  RunConfig with = load(configs_folder / "figure1_batch_normalization.json", {});
  EXPECT_EQ(without.normalization.type, NormalizationType::none);
  EXPECT_EQ(with.normalization.type, NormalizationType::batch);
  without.normalization.type = with.normalization.type;
  without.description = with.description;
  EXPECT_EQ(without, with);
}

TEST(Shipped, SchemaIsUpToDate) { EXPECT_EQ(text_of(configs_folder / "schema.json"), json_schema()); }

TEST(Reference, NamesEveryField) {
  const std::string reference = markdown_reference();
  for (const auto& [path, value] : leaves_of(RunConfig{})) {
    const std::string key = path.substr(path.rfind('.') + 1);
    EXPECT_NE(reference.find("| `" + key + "` |"), std::string::npos) << path;
  }
  EXPECT_NE(reference.find("| `momentum` | number >= 0, < 1 | `0.0` |"), std::string::npos);
  EXPECT_EQ(reference.back(), '\n');
}

// ---- every value of a config damaged in turn ------------------------------------------------------------------------

// Calls `damage` with each value of a tree and its path; the value is put back afterwards.
template <class F>
void for_each_value(Json& json, const std::string& path, const F& damage) {
  if (!path.empty()) {
    const Json saved = json;
    damage(json, path);
    json = saved;
  }
  for (std::size_t i = 0; i < json.items.size(); ++i)
    for_each_value(json.items[i], path + "." + std::to_string(i), damage);
  for (JsonMember& member : json.members)
    if (member.key != "$schema")
      for_each_value(member.value, path.empty() ? member.key : path + "." + member.key, damage);
}

template <class F>
void for_each_key(Json& json, const std::string& path, const F& damage) {
  for (JsonMember& member : json.members) {
    const std::string inner = path.empty() ? member.key : path + "." + member.key;
    if (member.key != "$schema") damage(member.key, inner);
    for_each_key(member.value, inner, damage);
  }
  for (std::size_t i = 0; i < json.items.size(); ++i)
    for_each_key(json.items[i], path + "." + std::to_string(i), damage);
}

std::vector<std::string> texts_to_damage() {
  RunConfig every_second = everything();
  every_second.normalization.mask = {.kind = LayerMask::Kind::every, .list = {}, .every = 2};
  std::vector<std::string> texts{to_json(everything()), to_json(every_second)};
  for (const fs::path& file : json_files(configs_folder)) {
    texts.push_back(text_of(file));
    texts.push_back(to_json(load(file, {})));
  }
  return texts;
}

TEST(Damaged, AWrongTypeIsNamedWithItsPath) {
  for (const std::string& text : texts_to_damage()) {
    Json root = parse_json(text, 0).root;
    for_each_value(root, "", [&](Json& value, const std::string& path) {
      const bool nested = value.is(Json::Kind::object) || value.is(Json::Kind::list);
      // A mask and an extent may be several kinds of value, but never this one.
      value = nested ? Json(true) : Json::object();
      const ErrorLines lines = problems_of(format_json(root));
      EXPECT_TRUE(any_contains(lines, ": " + path + ": ")) << path << " in " << text;
    });
  }
}

TEST(Damaged, AMisspeltKeyIsNamedWithItsPath) {
  for (const std::string& text : texts_to_damage()) {
    Json root = parse_json(text, 0).root;
    for_each_key(root, "", [&](std::string& key, const std::string& path) {
      const std::string saved = key;
      key += "z";
      const ErrorLines lines = problems_of(format_json(root));
      EXPECT_TRUE(any_contains(lines, ": " + path + "z: unknown ")) << path;
      EXPECT_TRUE(any_contains(lines, "did you mean \"" + saved + "\"?")) << path;
      key = saved;
    });
  }
}

}  // namespace
}  // namespace bnlab::config

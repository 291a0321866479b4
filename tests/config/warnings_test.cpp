// Settings that are valid but cancel each other.
#include "config/warnings.h"

#include <gtest/gtest.h>

#include <functional>

#include "config/load.h"
#include "util/test_files.h"

namespace bnlab::config {
namespace {

RunConfig plain() {
  RunConfig config;
  config.dataset.name = "mnist";
  config.network.layers = {{.spec = Flatten{}}, {.spec = Dense{.units = 10}}};
  config.normalization.type = NormalizationType::batch;
  config.training.steps = 100;
  return config;
}

using Change = std::function<void(RunConfig&)>;

std::vector<std::string> warnings_after(const Change& change) {
  RunConfig config = plain();
  change(config);
  return warnings(config);
}

void expect_none(const Change& change) { EXPECT_EQ(warnings_after(change), std::vector<std::string>{}); }

/// One warning, which begins with the path.
void expect_one(const std::string& start, const Change& change) {
  const std::vector<std::string> found = warnings_after(change);
  ASSERT_EQ(found.size(), 1U) << start;
  EXPECT_TRUE(found[0].starts_with(start)) << found[0];
}

ProbeConfig probe_every(std::int64_t every) { return {.type = ProbeType::gradient_norm, .every = every, .units = {}}; }

TEST(Warnings, ThereAreNoneByDefault) {
  expect_none([](RunConfig&) {});
}

TEST(Warnings, WarmUp) {
  expect_one("optimizer.schedule.warmup_steps: 100 steps of warm-up in a run of 100: the rate never reaches its value",
             [](RunConfig& c) { c.optimizer.schedule.warmup_steps = 100; });
  expect_none([](RunConfig& c) { c.optimizer.schedule.warmup_steps = 99; });
  expect_one("optimizer.schedule.warmup_start", [](RunConfig& c) { c.optimizer.schedule.warmup_start = 0.5; });
  expect_one("optimizer.schedule.warmup_start", [](RunConfig& c) {
    c.optimizer.schedule.warmup_steps = 9;
    c.optimizer.schedule.warmup_start = 1;
  });
}

TEST(Warnings, SchedulesThatChangeNothing) {
  const auto schedule = [](ScheduleConfig wanted) { return [wanted](RunConfig& c) { c.optimizer.schedule = wanted; }; };
  expect_one("optimizer.schedule.every", schedule({.type = ScheduleType::step, .every = 100}));
  expect_none(schedule({.type = ScheduleType::step, .every = 99}));
  expect_one("optimizer.schedule.every", schedule({.type = ScheduleType::step, .every = 90, .warmup_steps = 10}));
  expect_none(schedule({.type = ScheduleType::exponential, .every = 1000}));  // smooth
  expect_one("optimizer.schedule.factor", schedule({.type = ScheduleType::exponential, .factor = 1}));
  expect_one("optimizer.schedule.final_fraction", schedule({.type = ScheduleType::cosine, .final_fraction = 1}));
  expect_one("optimizer.schedule.peak", schedule({.type = ScheduleType::one_cycle, .peak = 0.01}));
  expect_none(schedule({.type = ScheduleType::one_cycle, .peak = 0.02}));
}

TEST(Warnings, FactorsOfResidualBlocksThatAreNotThere) {
  expect_one("network.layer_scale: 0.1 has no effect without residual blocks",
             [](RunConfig& c) { c.network.layer_scale = 0.1; });
  expect_one("network.residual_scalar: 0 has no effect without residual blocks",
             [](RunConfig& c) { c.network.residual_scalar = 0.0; });
  expect_none([](RunConfig& c) {
    c.network.residual_scalar = 0.0;
    c.network.layers.insert(c.network.layers.begin(), {.spec = Residual{}});
  });
}

TEST(Warnings, IntervalsBeyondTheRun) {
  expect_one("training.eval_every: 101", [](RunConfig& c) { c.training.eval_every = 101; });
  expect_none([](RunConfig& c) { c.training.eval_every = 100; });
  expect_one("training.checkpoint_every", [](RunConfig& c) { c.training.checkpoint_every = 101; });
  expect_one("probes.1.every: 101 steps, in a run of 100: gradient_norm measures at steps 0 and 1 alone",
             [](RunConfig& c) {
               c.probes = {probe_every(100), probe_every(101)};
             });
}

TEST(Warnings, VirtualBatchesThatAreTheBatch) {
  const auto of = [](NormalizationType type, std::optional<std::int64_t> virtual_size, std::int64_t size) {
    return [=](RunConfig& c) {
      c.normalization.type = type;
      c.normalization.virtual_batch_size = virtual_size;
      c.training.batch_size = size;
    };
  };
  expect_one("normalization.virtual_batch_size", of(NormalizationType::ghost, 64, 64));
  expect_one("normalization.virtual_batch_size", of(NormalizationType::ghost, std::nullopt, 32));
  expect_none(of(NormalizationType::ghost, std::nullopt, 64));
  expect_one("normalization.virtual_batch_size", of(NormalizationType::batch_renorm, 64, 64));
  expect_none(of(NormalizationType::batch_renorm, std::nullopt, 64));
}

TEST(Warnings, CorrectionsThatNeverBegin) {
  const auto renorm = [](RampConfig r_max, RampConfig d_max) {
    return [=](RunConfig& c) {
      c.normalization.type = NormalizationType::batch_renorm;
      c.normalization.r_max = r_max;
      c.normalization.d_max = d_max;
    };
  };
  const RampConfig d{.initial = 0, .final = 5, .begin = 0.1, .end = 0.5};
  expect_one("normalization.r_max.begin",
             renorm({.initial = 1, .final = 3, .begin = 100, .end = 200, .unit = RampUnit::steps}, d));
  expect_one("normalization.r_max.end",
             renorm({.initial = 1, .final = 3, .begin = 50, .end = 200, .unit = RampUnit::steps}, d));
  expect_one("normalization.r_max.end", renorm({.initial = 1, .final = 3, .begin = 0.5, .end = 2}, d));
  expect_one("normalization: r_max 1 and d_max 0", renorm({.initial = 1, .final = 1, .begin = 0, .end = 0},
                                                          {.initial = 0, .final = 0, .begin = 0, .end = 0}));
}

TEST(Warnings, WeightStandardization) {
  const auto standardized = [](NormalizationType type, bool has_convolution) {
    return [=](RunConfig& c) {
      c.network.weight_standardization = true;
      c.normalization.type = type;
      if (has_convolution) c.network.layers.insert(c.network.layers.begin(), {.spec = Conv{.channels = 3}});
    };
  };
  expect_none(standardized(NormalizationType::group, true));
  expect_one("network.weight_standardization: without", standardized(NormalizationType::none, true));
  expect_one("network.weight_standardization: has no effect", standardized(NormalizationType::group, false));
}

TEST(Warnings, FieldsWithoutEffect) {
  expect_one("network.dropout", [](RunConfig& c) { c.network.dropout = 0.5; });
  expect_none([](RunConfig& c) {
    c.network.dropout = 0.5;
    c.network.layers.insert(c.network.layers.begin(), Block{.spec = Repeat{.layers = {{.spec = Dropout{}}}}});
  });
  expect_one("network.layers: a dropout block of rate 0", [](RunConfig& c) {
    c.network.layers.insert(c.network.layers.begin(), Block{.spec = Dropout{.rate = 0.0}});
  });
  expect_one("record.dropout_masks", [](RunConfig& c) { c.record.dropout_masks = true; });
  expect_one("optimizer.decay:", [](RunConfig& c) { c.optimizer.decay = Decay::decoupled; });
  expect_one("optimizer.decay_normalization", [](RunConfig& c) { c.optimizer.decay_normalization_and_biases = true; });
  expect_one("optimizer.weight_decay", [](RunConfig& c) {
    c.optimizer.weight_decay = 0.1;
    c.optimizer.trainable.select = Trainable::normalization;
  });
  expect_one("normalization.initial_gamma", [](RunConfig& c) {
    c.normalization.affine = false;
    c.normalization.initial_gamma = 2;
  });
  expect_one("normalization.zero_gamma_residual", [](RunConfig& c) { c.normalization.zero_gamma_residual = true; });
  expect_one("normalization.recurrent_statistics",
             [](RunConfig& c) { c.normalization.recurrent_statistics = RecurrentStatistics::shared; });
  expect_one("normalization.noise", [](RunConfig& c) {
    c.normalization.type = NormalizationType::noise;
    c.normalization.noise = {.mean = 0, .std = 1, .mean_jitter = 0, .std_jitter = 0};
  });
  expect_one("initialization.from", [](RunConfig& c) {
    c.initialization.from = "run";
    c.initialization.gain = 2;
  });
}

TEST(Warnings, NoShippedConfigHasOne) {
  const std::filesystem::path folder = std::filesystem::path(BNLAB_SOURCE_DIR) / "configs";
  for (const std::string& name : json_names(folder)) {
    if (name.ends_with("schema")) continue;
    RunConfig config = load(folder / (name + ".json"), {});
    if (config.training.epochs) continue;  // steps are not known before the data
    EXPECT_EQ(warnings(config), std::vector<std::string>{}) << name;
  }
}

}  // namespace
}  // namespace bnlab::config

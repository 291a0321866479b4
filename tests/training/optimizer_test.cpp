#include "training/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "reference/reference.h"
#include "training/optimizer_testing.h"
#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::training {
namespace {

using config::Decay;
using config::NormalizationType;
using config::OptimizerConfig;
using config::OptimizerType;
using config::Trainable;
using layers::ParameterKind;

reference::OptimizerRule rule_of(const OptimizerConfig& c) {
  using Kind = reference::OptimizerRule::Kind;
  return {.kind = c.type == OptimizerType::sgd       ? Kind::sgd
                  : c.type == OptimizerType::rmsprop ? Kind::rmsprop
                                                     : Kind::adam,
          .momentum = c.momentum,
          .nesterov = c.nesterov,
          .beta1 = c.beta1,
          .beta2 = c.beta2,
          .smoothing = c.smoothing,
          .epsilon = c.epsilon,
          .weight_decay = c.weight_decay,
          .decoupled = c.type == OptimizerType::adamw || c.decay == Decay::decoupled};
}

bool is_normalization(const layers::Parameter& parameter) {
  return parameter.kind == ParameterKind::gamma || parameter.kind == ParameterKind::beta;
}

/// The same in double precision, on plain arrays.
class Reference {
 public:
  Reference(const network::Network& network, const OptimizerConfig& config) : network_(network), config_(config) {
    for (const auto& p : network.parameters().all()) {
      values_.push_back(reference::from_floats(p->shape, p->row_major_value()));
      memories_.emplace_back(p->shape);
      masks_.emplace_back(values_.back().values.size(),
                          config.trainable.select == Trainable::all ||
                              (config.trainable.select == Trainable::normalization && is_normalization(*p)));
    }
  }

  /// Of the parameters whose names have this part; the last counts.
  struct Factors {
    std::string part;
    double rate, decay;
  };
  void set_factors(const std::vector<Factors>& factors) { factors_ = factors; }

  /// For `random`: what has changed in the first step is what may change.
  void take_masks(const std::vector<std::vector<float>>& before) {
    for (std::size_t k = 0; k < masks_.size(); ++k) {
      const std::vector<float> after = parameter(k).row_major_value();
      for (std::size_t i = 0; i < after.size(); ++i) masks_[k][i] = after[i] != before[k][i];
    }
  }

  StepNorms step(double rate) {
    double all = 0, trainable = 0, weights = 0;
    std::vector<reference::Array> gradients;
    for (std::size_t k = 0; k < values_.size(); ++k) {
      gradients.push_back(reference::from_floats(values_[k].shape, parameter(k).row_major_diff()));
      for (std::size_t i = 0; i < masks_[k].size(); ++i) {
        const double square = std::pow(gradients[k].values[i], 2);
        all += square;
        if (masks_[k][i]) trainable += square;
      }
      if (parameter(k).kind == ParameterKind::weights) weights += reference::dot(values_[k], values_[k]);
    }
    const double factor = reference::clipping_factor(std::sqrt(trainable), config_.clip_norm);
    for (std::size_t k = 0; k < values_.size(); ++k) {
      for (double& g : gradients[k].values) g *= factor;
      const bool decays = parameter(k).kind == ParameterKind::weights || config_.decay_normalization_and_biases;
      reference::OptimizerRule rule = rule_of(config_);
      double rate_factor = 1, decay_factor = decays ? 1 : 0;
      for (const Factors& one : factors_) {
        if (parameter(k).name.find(one.part) == std::string::npos) continue;
        rate_factor = one.rate;
        decay_factor = one.decay;
      }
      rule.weight_decay *= decay_factor;
      reference::optimizer_step(values_[k], memories_[k], gradients[k], rule, rate * rate_factor, true, masks_[k]);
    }
    return {std::sqrt(all), std::sqrt(weights)};
  }

  void expect_equal_values(double tolerance) const {
    double worst = 0;
    for (std::size_t k = 0; k < values_.size(); ++k) {
      const std::vector<float> actual = parameter(k).row_major_value();
      for (std::size_t i = 0; i < actual.size(); ++i) {
        const double difference = std::abs(static_cast<double>(actual[i]) - values_[k].values[i]);
        worst = std::max(worst, difference);
        EXPECT_LE(difference, tolerance) << parameter(k).name << "[" << i << "]";
      }
    }
    ::testing::Test::RecordProperty("worst", std::to_string(worst * 1e6) + "e-6");
  }

 private:
  const layers::Parameter& parameter(std::size_t k) const { return *network_.parameters().all()[k]; }

  const network::Network& network_;
  OptimizerConfig config_;
  std::vector<reference::Array> values_;
  std::vector<reference::OptimizerMemory> memories_;
  std::vector<std::vector<bool>> masks_;
  std::vector<Factors> factors_;
};

std::vector<std::vector<float>> plain_values(const network::Network& network) {
  std::vector<std::vector<float>> values;
  for (const auto& parameter : network.parameters().all()) values.push_back(parameter->row_major_value());
  return values;
}

// Parameters stay below 3 in 40 steps, where f32 rounds each update to 1e-7.
void expect_follows_reference(const config::RunConfig& run, const OptimizerConfig& config,
                              const std::vector<Reference::Factors>& factors = {}) {
  network::Network network(run, test::small_dataset().info, run.training.batch_size);
  Reference reference(network, config);
  reference.set_factors(factors);
  const auto before = plain_values(network);
  const auto optimizer = make_optimizer(config, network.parameters(), 1, 7);
  for (int step = 1; step <= 40; ++step) {
    set_gradients(network.parameters(), step);
    const double rate = 0.03 / std::sqrt(step);
    const StepNorms norms = optimizer->step(rate);
    if (step == 1 && config.trainable.select == Trainable::random) reference.take_masks(before);
    const StepNorms expected = reference.step(rate);
    EXPECT_NEAR(norms.gradient, expected.gradient, 1e-6 * expected.gradient) << step;
    EXPECT_NEAR(norms.weights, expected.weights, 1e-6 * expected.weights) << step;
  }
  reference.expect_equal_values(2e-6);
}

class EveryRule : public ::testing::TestWithParam<NamedOptimizer> {};

TEST_P(EveryRule, FollowsTheReference) {
  for (const Decay decay : {Decay::coupled, Decay::decoupled})
    for (const double clip_norm : {0.0, 2.5})
      for (const bool everything : {false, true}) {
        OptimizerConfig config = GetParam().config;
        if (config.type == OptimizerType::adamw && decay == Decay::coupled) continue;
        SCOPED_TRACE(::testing::Message() << "decoupled " << (decay == Decay::decoupled) << ", clip_norm " << clip_norm
                                          << ", decays everything " << everything);
        config.decay = decay;
        config.clip_norm = clip_norm;
        config.decay_normalization_and_biases = everything;
        expect_follows_reference(test::small_mlp(NormalizationType::batch), config);
        expect_follows_reference(test::small_conv(NormalizationType::none), config);
      }
}

TEST_P(EveryRule, HasOtherRatesAndDecaysForNamedParameters) {
  for (const Decay decay : {Decay::coupled, Decay::decoupled}) {
    OptimizerConfig config = GetParam().config;
    if (config.type == OptimizerType::adamw && decay == Decay::coupled) continue;
    config.decay = decay;
    config.overrides = {{.parameters = "*1.*", .learning_rate_factor = 0.1, .weight_decay_factor = 3},
                        {.parameters = "*.gamma", .learning_rate_factor = 2, .weight_decay_factor = 0.5},
                        {.parameters = "dense2.weights", .learning_rate_factor = 0, .weight_decay_factor = 1}};
    expect_follows_reference(test::small_mlp(NormalizationType::batch), config,
                             {{"1.", 0.1, 3}, {".gamma", 2, 0.5}, {"dense2.weights", 0, 1}});
  }
  // An override of the rate leaves the decay as it is.
  OptimizerConfig config = GetParam().config;
  config.overrides = {{.parameters = "*.weights", .learning_rate_factor = 0.5}};
  expect_follows_reference(test::small_mlp(NormalizationType::batch), config, {{".weights", 0.5, 1}});
}

TEST_P(EveryRule, ChangesTrainableValuesAlone) {
  for (const Trainable select : {Trainable::normalization, Trainable::random})
    for (const double clip_norm : {0.0, 0.5})
      for (const double epsilon : {1e-2, 0.0}) {
        SCOPED_TRACE(::testing::Message() << "random " << (select == Trainable::random) << ", clip_norm " << clip_norm
                                          << ", epsilon " << epsilon);
        OptimizerConfig config = GetParam().config;
        config.decay_normalization_and_biases = true;
        config.trainable.select = select;
        config.clip_norm = clip_norm;
        config.epsilon = epsilon;
        expect_follows_reference(test::small_mlp(NormalizationType::batch), config);
        expect_follows_reference(test::small_conv(NormalizationType::batch), config);
      }
}

TEST_P(EveryRule, DecayLeavesNormalizationAndBiasesAlone) {
  for (const bool everything : {false, true}) {
    const config::RunConfig run = test::small_mlp(NormalizationType::batch);
    network::Network network(run, test::small_dataset().info, run.training.batch_size);
    for (const auto& parameter : network.parameters().all()) {
      const auto count = static_cast<std::size_t>(parameter->count());
      parameter->set_row_major_value(std::vector<float>(count, 2.0f));
      test::set_gradient(*parameter, std::vector<float>(count, 0.0f));
    }
    OptimizerConfig config = GetParam().config;
    config.decay_normalization_and_biases = everything;
    make_optimizer(config, network.parameters(), 1)->step(0.5);
    for (const auto& parameter : network.parameters().all()) {
      const bool decays = everything || parameter->kind == ParameterKind::weights;
      for (const float value : parameter->row_major_value()) EXPECT_EQ(value < 2.0f, decays) << parameter->name;
    }
  }
}

config::RunConfig wide_mlp() {
  return test::small_config(NormalizationType::batch,
                            {test::block(config::Flatten{}), test::dense_block(3000, config::Activation::relu),
                             test::dense_block(33, config::Activation::relu)});
}

TEST_P(EveryRule, GivesEqualBitsForOneAndTwoThreads) {
  for (const double clip_norm : {0.0, 1.0}) {
    OptimizerConfig config = GetParam().config;
    config.clip_norm = clip_norm;
    if (clip_norm > 0.0) config.trainable = {.select = Trainable::random, .share = 0.5};
    std::vector<NpzArrays> weights;
    std::vector<double> norms;
    for (const int threads : {1, 2}) {
      network::Network network(wide_mlp(), test::small_dataset().info, 6);
      const auto optimizer = make_optimizer(config, network.parameters(), threads);
      StepNorms last;
      for (int step = 1; step <= 3; ++step) {
        set_gradients(network.parameters(), step);
        last = optimizer->step(0.1);
      }
      weights.push_back(network.weights());
      norms.push_back(last.gradient);
      norms.push_back(last.weights);
    }
    ASSERT_EQ(weights[0].size(), weights[1].size());
    for (const auto& [name, array] : weights[0]) EXPECT_EQ(array.values, weights[1].at(name).values) << name;
    EXPECT_EQ(norms[0], norms[2]);
    EXPECT_EQ(norms[1], norms[3]);
  }
}

TEST_P(EveryRule, SaysHowManyArraysItKeeps) {
  const config::RunConfig run = test::small_conv(NormalizationType::batch);
  network::Network network(run, test::small_dataset().info, 6);
  const NpzArrays state = make_optimizer(GetParam().config, network.parameters(), 1)->state();
  EXPECT_EQ(state.size(), 1 + state_arrays(GetParam().config) * network.parameters().all().size());
}

// Two runs of ten steps, of which one goes through its state after the third.
TEST_P(EveryRule, GoesOnFromItsState) {
  for (const double clip_norm : {0.0, 1.0}) {
    OptimizerConfig config = GetParam().config;
    config.clip_norm = clip_norm;
    const config::RunConfig run = test::small_conv(NormalizationType::batch);
    network::Network one(run, test::small_dataset().info, 6);
    network::Network two(run, test::small_dataset().info, 6);
    const auto first = make_optimizer(config, one.parameters(), 1);
    auto second = make_optimizer(config, two.parameters(), 1);
    for (int step = 1; step <= 10; ++step) {
      set_gradients(one.parameters(), step);
      set_gradients(two.parameters(), step);
      const StepNorms norms = first->step(0.1);
      const StepNorms again = second->step(0.1);
      EXPECT_EQ(norms.gradient, again.gradient) << step;
      EXPECT_EQ(norms.weights, again.weights) << step;
      if (step != 3) continue;
      const NpzArrays state = second->state();
      second = make_optimizer(config, two.parameters(), 1);
      second->set_state(state);
    }
    for (const auto& [name, array] : one.weights()) EXPECT_EQ(array.values, two.weights().at(name).values) << name;
    const NpzArrays state = second->state();
    for (const auto& [name, array] : first->state()) EXPECT_EQ(array.values, state.at(name).values) << name;
  }
}

TEST_P(EveryRule, ReportsAGradientThatIsNotFinite) {
  const config::RunConfig run = test::small_mlp(NormalizationType::batch);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()})
    for (const double clip_norm : {0.0, 1.0})
      for (const Trainable select : {Trainable::all, Trainable::normalization}) {
        network::Network network(run, test::small_dataset().info, run.training.batch_size);
        OptimizerConfig config = GetParam().config;
        config.clip_norm = clip_norm;
        config.trainable.select = select;
        const auto optimizer = make_optimizer(config, network.parameters(), 1);
        set_gradients(network.parameters(), 1);
        EXPECT_TRUE(std::isfinite(optimizer->step(0.1).gradient));
        layers::Parameter& last = *network.parameters().all().back();
        std::vector<float> gradient = last.row_major_diff();
        gradient.back() = bad;
        test::set_gradient(last, gradient);
        EXPECT_FALSE(std::isfinite(optimizer->step(0.1).gradient)) << bad;
      }
}

// Squares of such values are beyond f32; the second step sees weights that leapt there in the first.
TEST_P(EveryRule, MeasuresHugeValues) {
  const config::RunConfig run = test::small_mlp(NormalizationType::batch);
  network::Network network(run, test::small_dataset().info, run.training.batch_size);
  const auto optimizer = make_optimizer(GetParam().config, network.parameters(), 1);
  double gradients = 0;
  for (const auto& parameter : network.parameters().all()) {
    test::set_gradient(*parameter, std::vector<float>(static_cast<std::size_t>(parameter->count()), 1e25f));
    gradients += static_cast<double>(parameter->count()) * 1e50;
  }
  for (const double rate : {1e-3, 1e24}) {
    double weights = 0;
    for (const auto& parameter : network.parameters().all())
      if (parameter->kind == ParameterKind::weights)
        for (const float w : parameter->row_major_value()) weights += std::pow(static_cast<double>(w), 2);
    const StepNorms norms = optimizer->step(rate);
    EXPECT_NEAR(norms.gradient, std::sqrt(gradients), 1e-5 * std::sqrt(gradients));
    EXPECT_NEAR(norms.weights, std::sqrt(weights), 1e-5 * std::sqrt(weights));
  }
  for (const auto& parameter : network.parameters().all())
    parameter->set_row_major_value(std::vector<float>(static_cast<std::size_t>(parameter->count()), 1e30f));
  EXPECT_TRUE(std::isfinite(optimizer->step(1e-3).weights));
}

/// How many values of the block are not zero and belong to no parameter.
std::ptrdiff_t nonzero_padding(network::Network& network) {
  const auto nonzero = [](const auto& values) {
    return std::count_if(values.begin(), values.end(), [](float value) { return value != 0.0f; });
  };
  std::ptrdiff_t count = nonzero(network.parameters().values());
  for (const auto& parameter : network.parameters().all()) count -= nonzero(parameter->row_major_value());
  return count;
}

TEST_P(EveryRule, LeavesPaddingZero) {
  for (const double epsilon : {1e-8, 0.0})
    for (const Trainable select : {Trainable::all, Trainable::normalization, Trainable::random})
      for (const double rate : {0.1, 1e30, 1e300}) {
        const config::RunConfig run = test::small_conv(NormalizationType::batch);
        network::Network network(run, test::small_dataset().info, 6);
        OptimizerConfig config = GetParam().config;
        config.epsilon = epsilon;
        config.trainable.select = select;
        const auto optimizer = make_optimizer(config, network.parameters(), 1);
        ASSERT_GT(network.parameters().values().size(), static_cast<std::size_t>(network.parameter_count()));
        for (int step = 1; step <= 3; ++step) {
          set_gradients(network.parameters(), step);
          optimizer->step(rate);
        }
        EXPECT_EQ(nonzero_padding(network), 0) << epsilon << " " << rate;
      }
}

INSTANTIATE_TEST_SUITE_P(All, EveryRule, ::testing::ValuesIn(every_rule()),
                         [](const auto& test) { return name_of(test.param); });

TEST(Optimizer, KeepsTheGradientsDirectionWhereItClips) {
  const config::RunConfig run = test::small_mlp(NormalizationType::batch);
  network::Network network(run, test::small_dataset().info, run.training.batch_size);
  OptimizerConfig config;
  config.clip_norm = 0.25;
  const auto before = plain_values(network);
  set_gradients(network.parameters(), 1);
  const double norm = make_optimizer(config, network.parameters(), 1)->step(1.0).gradient;
  ASSERT_GT(norm, 1.0);
  const auto after = plain_values(network);
  double squares = 0;
  for (std::size_t k = 0; k < before.size(); ++k) {
    const std::vector<float> gradient = network.parameters().all()[k]->row_major_diff();
    for (std::size_t i = 0; i < before[k].size(); ++i) {
      const double change = static_cast<double>(before[k][i]) - static_cast<double>(after[k][i]);
      EXPECT_NEAR(change, static_cast<double>(gradient[i]) * 0.25 / norm, 2e-7);
      squares += change * change;
    }
  }
  EXPECT_NEAR(std::sqrt(squares), 0.25, 1e-5);
}

TEST(Optimizer, RefusesAnotherState) {
  const config::RunConfig run = test::small_mlp(NormalizationType::batch);
  network::Network network(run, test::small_dataset().info, 6);
  for (const NamedOptimizer& rule : every_rule()) {
    const auto optimizer = make_optimizer(rule.config, network.parameters(), 1);
    const NpzArrays state = optimizer->state();
    for (const auto& [name, array] : state) {
      NpzArrays missing = state;
      missing.erase(name);
      test::expect_contains(test::error_text<DataError>([&] { optimizer->set_state(missing); }), "\"" + name + "\"");
      NpzArrays reshaped = state;
      reshaped[name].shape = {17, 3};
      test::expect_contains(test::error_text<DataError>([&] { optimizer->set_state(reshaped); }), "\"" + name + "\"");
    }
    EXPECT_EQ(state.count("step"), 1u);
  }
}

}  // namespace
}  // namespace bnlab::training

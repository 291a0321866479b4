#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "training/optimizer.h"
#include "training/small_run.h"
#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::training {
namespace {

using config::NormalizationType;
using config::OptimizerConfig;
using layers::ParameterKind;
using test::numbers;

std::uint32_t seed_of(const layers::Parameter& parameter, int step) {
  return static_cast<std::uint32_t>(parameter.name.size() * 131 + parameter.name[0] * 7 + step * 1009);
}

void set_gradients(network::Network& network, int step) {
  for (const auto& parameter : network.parameters().all())
    test::set_gradient(*parameter, numbers(static_cast<std::size_t>(parameter->count()), seed_of(*parameter, step)));
}

/// The same rule in double precision, on plain arrays.
struct ReferenceSgd {
  std::map<std::string, std::vector<double>> weights, velocity;

  explicit ReferenceSgd(const network::Network& network) {
    for (const auto& parameter : network.parameters().all()) {
      const auto values = parameter->plain_value();
      weights[parameter->name].assign(values.begin(), values.end());
      velocity[parameter->name].assign(values.size(), 0.0);
    }
  }

  void step(const network::Network& network, const OptimizerConfig& config, double rate) {
    for (const auto& parameter : network.parameters().all()) {
      const bool decays = parameter->kind == ParameterKind::weights || config.decay_normalization_and_biases;
      const auto gradient = parameter->plain_diff();
      auto& w = weights[parameter->name];
      auto& v = velocity[parameter->name];
      for (std::size_t i = 0; i < w.size(); ++i) {
        v[i] = config.momentum * v[i] + static_cast<double>(gradient[i]) + (decays ? config.weight_decay * w[i] : 0.0);
        w[i] -= rate * v[i];
      }
    }
  }

  StepNorms norms(const network::Network& network) const {
    double gradients = 0, squares = 0;
    for (const auto& parameter : network.parameters().all()) {
      for (const float g : parameter->plain_diff()) gradients += std::pow(static_cast<double>(g), 2);
      if (parameter->kind != ParameterKind::weights) continue;
      for (const double w : weights.at(parameter->name)) squares += w * w;
    }
    return {std::sqrt(gradients), std::sqrt(squares)};
  }
};

void expect_follows_reference(const config::RunConfig& run, const OptimizerConfig& config) {
  network::Network network(run, test::small_dataset().info, run.training.batch_size);
  ReferenceSgd reference(network);
  const auto optimizer = make_optimizer(config, network.parameters(), 1);
  for (int step = 1; step <= 5; ++step) {
    set_gradients(network, step);
    const double rate = 0.3 / step;
    const StepNorms expected = reference.norms(network);
    reference.step(network, config, rate);
    const StepNorms norms = optimizer->step(rate);
    EXPECT_NEAR(norms.gradient, expected.gradient, 1e-6 * expected.gradient) << step;
    EXPECT_NEAR(norms.weights, expected.weights, 1e-6 * expected.weights) << step;
  }
  for (const auto& parameter : network.parameters().all()) {
    const auto values = parameter->plain_value();
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(static_cast<double>(values[i]), reference.weights[parameter->name][i], 3e-6)
          << parameter->name << "[" << i << "]";
  }
}

TEST(Sgd, FollowsTheRule) {
  for (const double momentum : {0.0, 0.9})
    for (const double decay : {0.0, 0.1})
      for (const bool everything : {false, true}) {
        SCOPED_TRACE(::testing::Message() << "momentum " << momentum << ", decay " << decay << ", all " << everything);
        OptimizerConfig config;
        config.momentum = momentum;
        config.weight_decay = decay;
        config.decay_normalization_and_biases = everything;
        expect_follows_reference(test::small_mlp(NormalizationType::batch), config);
        expect_follows_reference(test::small_conv(NormalizationType::none), config);
      }
}

TEST(Sgd, DecayLeavesNormalizationAndBiasesAlone) {
  for (const bool everything : {false, true}) {
    const config::RunConfig run = test::small_mlp(NormalizationType::batch);
    network::Network network(run, test::small_dataset().info, run.training.batch_size);
    for (const auto& parameter : network.parameters().all()) {
      const auto count = static_cast<std::size_t>(parameter->count());
      parameter->set_plain_value(std::vector<float>(count, 2.0f));
      test::set_gradient(*parameter, std::vector<float>(count, 0.0f));
    }
    OptimizerConfig config;
    config.weight_decay = 0.25;
    config.decay_normalization_and_biases = everything;
    make_optimizer(config, network.parameters(), 1)->step(0.5);
    for (const auto& parameter : network.parameters().all()) {
      const bool decays = everything || parameter->kind == ParameterKind::weights;
      const std::vector<float> expected(static_cast<std::size_t>(parameter->count()), decays ? 1.75f : 2.0f);
      EXPECT_EQ(parameter->plain_value(), expected) << parameter->name;
    }
  }
}

config::RunConfig wide_mlp() {
  return test::small_config(NormalizationType::none,
                            {test::block(config::Flatten{}), test::dense_block(3000, config::Activation::relu),
                             test::dense_block(33, config::Activation::relu)});
}

TEST(Sgd, EqualForOneAndTwoThreads) {
  OptimizerConfig config;
  config.momentum = 0.9;
  config.weight_decay = 1e-3;
  std::vector<NpzArrays> weights;
  std::vector<double> norms;
  for (const int threads : {1, 2}) {
    network::Network network(wide_mlp(), test::small_dataset().info, 6);
    const auto optimizer = make_optimizer(config, network.parameters(), threads);
    StepNorms last;
    for (int step = 1; step <= 3; ++step) {
      set_gradients(network, step);
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

TEST(Sgd, ReportsAGradientThatIsNotFinite) {
  const config::RunConfig run = test::small_mlp(NormalizationType::batch);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()})
    for (const double momentum : {0.0, 0.9}) {
      network::Network network(run, test::small_dataset().info, run.training.batch_size);
      OptimizerConfig config;
      config.momentum = momentum;
      const auto optimizer = make_optimizer(config, network.parameters(), 1);
      set_gradients(network, 1);
      EXPECT_TRUE(std::isfinite(optimizer->step(0.1).gradient));
      layers::Parameter& last = *network.parameters().all().back();
      std::vector<float> gradient = last.plain_diff();
      gradient.back() = bad;
      test::set_gradient(last, gradient);
      EXPECT_FALSE(std::isfinite(optimizer->step(0.1).gradient)) << bad;
    }
}

TEST(Sgd, AHugeGradientIsFinite) {
  const config::RunConfig run = test::small_mlp(NormalizationType::batch);
  network::Network network(run, test::small_dataset().info, run.training.batch_size);
  const auto optimizer = make_optimizer({}, network.parameters(), 1);
  double expected = 0;
  for (const auto& parameter : network.parameters().all()) {
    test::set_gradient(*parameter, std::vector<float>(static_cast<std::size_t>(parameter->count()), 1e25f));
    expected += static_cast<double>(parameter->count()) * 1e50;
  }
  EXPECT_NEAR(optimizer->step(1e-30).gradient, std::sqrt(expected), 1e-5 * std::sqrt(expected));
}

TEST(Sgd, StateComesBack) {
  const config::RunConfig run = test::small_conv(NormalizationType::batch);
  OptimizerConfig config;
  config.momentum = 0.9;
  network::Network one(run, test::small_dataset().info, 6);
  network::Network two(run, test::small_dataset().info, 6);
  const auto first = make_optimizer(config, one.parameters(), 1);
  const auto second = make_optimizer(config, two.parameters(), 1);
  set_gradients(one, 1);
  first->step(0.1);
  two.set_weights(one.weights());
  second->set_state(first->state());
  set_gradients(one, 2);
  set_gradients(two, 2);
  first->step(0.1);
  second->step(0.1);
  for (const auto& [name, array] : one.weights()) EXPECT_EQ(array.values, two.weights().at(name).values) << name;
  for (const auto& [name, array] : first->state()) EXPECT_EQ(array.values, second->state().at(name).values) << name;
}

TEST(Sgd, RefusesAnotherState) {
  const config::RunConfig run = test::small_mlp(NormalizationType::batch);
  network::Network network(run, test::small_dataset().info, 6);
  OptimizerConfig config;
  config.momentum = 0.9;
  const auto optimizer = make_optimizer(config, network.parameters(), 1);
  NpzArrays state = optimizer->state();
  EXPECT_EQ(state.size(), network.parameters().all().size());
  NpzArrays missing = state;
  missing.erase("dense2.weights.velocity");
  test::expect_contains(test::error_text<DataError>([&] { optimizer->set_state(missing); }), "dense2.weights.velocity");
  NpzArrays reshaped = state;
  reshaped["dense2.weights.velocity"].shape = {17, 3};
  test::expect_contains(test::error_text<DataError>([&] { optimizer->set_state(reshaped); }),
                        "dense2.weights.velocity");
}

}  // namespace
}  // namespace bnlab::training

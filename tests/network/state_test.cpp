// What may change a network and what may not, bit by bit.
#include <omp.h>

#include <limits>

#include "config/names.h"
#include "network/network_testing.h"
#include "network/threads.h"
#include "training/optimizer.h"
#include "util/errors.h"

namespace bnlab::network_testing {
namespace {

using config::Activation;
using config::NormalizationType;

const data::DatasetInfo dataset = dataset_of(3, 8, 7, 10);

config::RunConfig conv_config(NormalizationType type = NormalizationType::batch) {
  return run_config(network_of(conv_block(17, Activation::relu), conv_block(32, Activation::sigmoid), config::MaxPool{},
                               config::Flatten{}, dense_block(100, Activation::relu), config::Dense{.units = 10}),
                    type);
}

/// Steps of training, and what else is done between two of them.
struct Steps {
  std::vector<double> losses;
  NpzArrays weights;
  NpzArrays gradients;
};

template <typename Between>
Steps train(const config::RunConfig& config, int threads, const Between& between) {
  Network network(config, dataset, 8);
  const config::OptimizerConfig optimizer_config = with_momentum(0.9, 1e-3);
  const auto optimizer = training::make_optimizer(optimizer_config, network.parameters(), threads);
  std::mt19937_64 generator(51);
  Steps run;
  for (int step = 0; step < 4; ++step) {
    forward_backward(network.train(), random_batch(dataset, 8, generator));
    run.losses.push_back(network.train().loss());
    run.gradients = network.gradients();
    network.update_running_statistics();
    optimizer->step(0.05);
    between(network);
  }
  run.weights = network.weights();
  return run;
}

void expect_equal_runs(const Steps& actual, const Steps& expected) {
  EXPECT_EQ(actual.losses, expected.losses);
  expect_equal(actual.weights, expected.weights);
  expect_equal(actual.gradients, expected.gradients);
}

const auto nothing = [](Network&) {};

Batch other_batch(std::int64_t size) {
  std::mt19937_64 generator(52);
  return random_batch(dataset, size, generator);
}

class NetworkState : public ::testing::TestWithParam<NormalizationType> {};

TEST_P(NetworkState, EvaluationBetweenStepsChangesNothing) {
  const Steps expected = train(conv_config(GetParam()), 1, nothing);
  const Steps actual = train(conv_config(GetParam()), 1, [](Network& network) {
    network.use_running_statistics();
    loss_of(*network.build(Mode::evaluate_population, 5), other_batch(5));
    network.reset_precise_statistics();
    loss_of(*network.build(Mode::evaluate_batch, 8), other_batch(8));
    network.accumulate_precise_statistics(8);
    network.use_precise_statistics();
    loss_of(*network.build(Mode::evaluate_population, 1), other_batch(1));
  });
  expect_equal_runs(actual, expected);
}

TEST_P(NetworkState, ObservingBetweenStepsChangesNothing) {
  const Steps expected = train(conv_config(GetParam()), 1, nothing);
  const Steps actual = train(conv_config(GetParam()), 1, [](Network& network) {
    const NpzArrays before = network.weights();
    forward_backward(*network.build(Mode::observe, 5), other_batch(5));
    loss_of(*network.build(Mode::observe, 8), other_batch(8));
    expect_equal(network.weights(), before);
  });
  expect_equal_runs(actual, expected);
}

TEST_P(NetworkState, ObservingBetweenForwardAndStatisticsChangesNothing) {
  Network network(conv_config(GetParam()), dataset, 8);
  const auto observer = network.build(Mode::observe, 8);
  loss_of(network.train(), other_batch(8));
  std::vector<std::vector<float>> before;
  for (const auto& state : network.states())
    before.push_back(state->batch_mean), before.push_back(state->batch_variance);
  std::mt19937_64 generator(53);
  loss_of(*observer, random_batch(dataset, 8, generator));
  std::vector<std::vector<float>> after;
  for (const auto& state : network.states()) after.push_back(state->batch_mean), after.push_back(state->batch_variance);
  EXPECT_EQ(after, before);
}

TEST_P(NetworkState, ForwardTwiceGivesTheSame) {
  Network network(conv_config(GetParam()), dataset, 8, true);
  const Batch batch = other_batch(8);
  forward_backward(network.train(), batch);
  const double loss = network.train().loss();
  const NpzArrays gradients = network.gradients();
  const NpzArrays weights = network.weights();
  const Array diff = diff_images(network.train(), batch.images.shape);
  network.train().forward();  // the images are still there
  network.train().forward();
  network.train().backward();
  EXPECT_EQ(network.train().loss(), loss);
  expect_equal(network.gradients(), gradients);
  expect_equal(network.weights(), weights);
  EXPECT_EQ(diff_images(network.train(), batch.images.shape).values, diff.values);
}

/// Puts the number of threads back at its end.
class Threads {
 public:
  explicit Threads(int threads) : before_(omp_get_max_threads()) { network::set_threads(threads); }
  ~Threads() { network::set_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

TEST_P(NetworkState, RepeatsBitByBitWithAnyNumberOfThreads) {
  for (const int count : {1, 2}) {
    const Threads threads(count);
    const Steps expected = train(conv_config(GetParam()), count, nothing);
    for (int repeat = 0; repeat < 3; ++repeat)
      expect_equal_runs(train(conv_config(GetParam()), count, nothing), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(All, NetworkState,
                         ::testing::Values(NormalizationType::none, NormalizationType::batch,
                                           NormalizationType::frozen),
                         [](const auto& test) { return config::name_of(test.param); });

TEST(NetworkWeights, ComeBackAsTheyWereSet) {
  Network network(conv_config(), dataset, 8), other(conv_config(), dataset, 3);
  std::mt19937_64 generator(54);
  NpzArrays weights;
  for (const auto& [name, array] : network.weights())
    weights[name] = to_npy(reference::random_uniform(array.shape, generator, name.ends_with("variance") ? 0 : -1, 1));
  network.set_weights(weights);
  other.set_weights(weights);
  expect_equal(network.weights(), weights);
  expect_equal(other.weights(), weights);
}

TEST(NetworkWeights, ThatAreNotFiniteAreRefused) {
  Network network(conv_config(), dataset, 8);
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  struct Wrong {
    std::string name;
    std::size_t place;
    float value;
    std::string text;
  };
  for (const Wrong& wrong : {Wrong{"conv1.weights", 28, nan, "nan at index (1, 0, 0, 1)"},
                             Wrong{"dense1.weights", 0, inf, "inf at index (0, 0)"},
                             Wrong{"normalization2.gamma", 31, -inf, "-inf at index 31"},
                             Wrong{"normalization1.running_mean", 0, nan, "nan at index 0"},
                             Wrong{"normalization1.running_variance", 16, inf, "inf at index 16"},
                             Wrong{"normalization3.running_variance", 99, -1e-3f, "-0.001 at index 99"}}) {
    NpzArrays weights = network.weights();
    std::get<std::vector<float>>(weights.at(wrong.name).values)[wrong.place] = wrong.value;
    try {
      network.set_weights(weights);
      FAIL() << wrong.name << " was taken";
    } catch (const DataError& error) {
      EXPECT_EQ(std::string(error.what()), "weights: " + wrong.name + ": " + wrong.text +
                                               "; all values must be finite, and variances not negative");
    }
  }
  EXPECT_EQ(network.problem_of_state(), "");
}

TEST(NetworkWeights, ThatDoNotFitAreRefused) {
  Network network(conv_config(), dataset, 8);
  const auto message = [&](const NpzArrays& weights) -> std::string {
    try {
      network.set_weights(weights);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  NpzArrays missing = network.weights();
  missing.erase("conv2.weights");
  EXPECT_NE(message(missing).find("\"conv2.weights\" is missing"), std::string::npos);
  NpzArrays other_shape = network.weights();
  other_shape["normalization1.gamma"] = to_npy(reference::zeros({3}));
  EXPECT_NE(message(other_shape).find("shape (17), got 32-bit floats of shape (3)"), std::string::npos);
  NpzArrays extra = network.weights();
  extra["conv9.weights"] = to_npy(reference::zeros({3}));
  EXPECT_NE(message(extra), "");
}

// Rounding up to whole cache lines leaves gaps between parameters; training must leave them zero.
TEST(NetworkWeights, PaddingStaysZero) {
  Network network(conv_config(), dataset, 8);
  const config::OptimizerConfig optimizer_config = with_momentum(0.9, 1e-3);
  const auto optimizer = training::make_optimizer(optimizer_config, network.parameters(), 1);
  for (int step = 0; step < 3; ++step) {
    forward_backward(network.train(), other_batch(8));
    optimizer->step(0.05);
  }
  double inside = 0, whole = 0;
  for (const auto& [name, array] : network.weights())
    if (name.find("running") == std::string::npos)
      for (const float value : std::get<std::vector<float>>(array.values))
        inside += std::abs(static_cast<double>(value));
  for (const float value : network.parameters().values()) whole += std::abs(static_cast<double>(value));
  EXPECT_NEAR(whole, inside, 1e-9 * inside);
}

}  // namespace
}  // namespace bnlab::network_testing

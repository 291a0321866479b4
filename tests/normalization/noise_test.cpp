// Noise: what is drawn, that nothing but seed, layer, step and place decides on it, and what it does.
#include "normalization/noise.h"

#include <omp.h>

#include "network/network_testing.h"
#include "normalization/batch_testing.h"

namespace bnlab::layer_testing {
namespace {

using config::NoiseConfig;
using config::NormalizationConfig;
using config::NormalizationType;
using onednn::RunState;

/// y = s x + m, both of x's shape.
struct Drawn {
  Array s, m;

  bool operator==(const Drawn& other) const { return s.values == other.s.values && m.values == other.m.values; }
};

NormalizationConfig config_of(const NoiseConfig& noise) {
  NormalizationConfig config = layer_testing::config_of(NormalizationType::noise);
  config.noise = noise;
  return config;
}

/// A noise layer of any name.
class NoiseRun {
 public:
  NoiseRun(const NoiseConfig& noise, const Shape& shape, Layout layout = Layout::row_major,
           const std::string& name = "normalization1")
      : config_(config_of(noise)),
        shape_(shape),
        run_(
            [&](const layers::LayerContext& context) {
              return normalization::make_normalization(
                  {{name, context.src_shape, context.parameters}, config_, states_, false});
            },
            shape, layout, onednn::Mode::train, &state) {}

  /// m is what becomes of 0, and s the gradient of 1.
  Drawn draw() {
    Drawn drawn;
    drawn.m = run_.forward(reference::zeros(shape_));
    drawn.s = run_.backward(reference::full(shape_, 1.0));
    return drawn;
  }
  Drawn draw(std::uint64_t seed, std::int64_t step) {
    state.seed = seed;
    state.step = state.draw = step;
    return draw();
  }
  LayerRun& run() { return run_; }

  RunState state;

 private:
  NormalizationConfig config_;
  Shape shape_;
  normalization::NormalizationStates states_;
  LayerRun run_;
};

class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~ThreadCount() { omp_set_num_threads(before_); }

 private:
  int before_;
};

const std::vector<Shape> shapes{{60, 1},      {60, 17},       {3, 112},     {3, 17, 5, 4},
                                {2, 1, 3, 3}, {1, 100, 7, 7}, {5, 32, 1, 1}};

// ---- what decides on the numbers -----------------------------------------------------------------------------------

TEST(Noise, IsTheSameInAnyLayoutWithAnyNumberOfThreads) {
  for (const Shape& shape : shapes) {
    const Drawn expected = NoiseRun({}, shape).draw(7, 3);
    for (const int threads : {1, 2, 3})
      for (const Layout layout : {Layout::row_major, Layout::blocked}) {
        const ThreadCount count(threads);
        EXPECT_TRUE(NoiseRun({}, shape, layout).draw(7, 3) == expected) << reference::to_string(shape) << threads;
      }
  }
}

TEST(Noise, IsTheSameInAnyOrderOfSteps) {
  NoiseRun run({}, {3, 17, 5, 4}), other({}, {3, 17, 5, 4}, Layout::row_major, "normalization2");
  std::vector<Drawn> steps;
  for (std::int64_t step = 1; step <= 4; ++step) steps.push_back(run.draw(1, step));
  for (const std::int64_t step : {3, 1, 4, 4, 2}) {
    other.draw(1, step);
    EXPECT_TRUE(run.draw(1, step) == steps[static_cast<std::size_t>(step - 1)]) << step;
  }
}

// A value's noise does not depend on how many images follow.
TEST(Noise, OfAnImageIsTheSameInAnyBatch) {
  const Drawn large = NoiseRun({}, {6, 17, 5, 4}).draw(1, 2), small = NoiseRun({}, {2, 17, 5, 4}).draw(1, 2);
  EXPECT_EQ(reference::images_of(large.s, 0, 2).values, small.s.values);
  EXPECT_EQ(reference::images_of(large.m, 0, 2).values, small.m.values);
}

TEST(Noise, IsAnotherForEachSeedStepAndLayer) {
  const Shape shape{4, 17, 5, 5};
  const auto draw = [&](const std::string& name, std::uint64_t seed, std::int64_t step, const NoiseConfig& noise) {
    return NoiseRun(noise, shape, Layout::row_major, name).draw(seed, step);
  };
  const auto equal_values = [](const Array& a, const Array& b) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < a.values.size(); ++i) count += a.values[i] == b.values[i];
    return count;
  };
  // With jitter each value is another, without it each channel's mean and scale. Of 1700 float draws one or two may
  // agree by chance.
  for (const NoiseConfig& noise : {NoiseConfig{}, NoiseConfig{.mean_jitter = 0, .std_jitter = 0}}) {
    const Drawn drawn = draw("normalization1", 1, 1, noise);
    for (const Drawn& other : {draw("normalization2", 1, 1, noise), draw("normalization11", 1, 1, noise),
                               draw("normalization1", 2, 1, noise), draw("normalization1", 1ull << 32, 1, noise),
                               draw("normalization1", 1, 2, noise), draw("normalization1", 1, 100001, noise)}) {
      EXPECT_LE(equal_values(drawn.s, other.s), 2u);
      EXPECT_LE(equal_values(drawn.m, other.m), 2u);
    }
  }
}

// ---- algorithm 1 ---------------------------------------------------------------------------------------------------

/// Moments of many draws, against those of a distribution, within five standard errors.
class Sample {
 public:
  void add(double value) {
    double power = 1;
    for (double& sum : sums_) sum += (power *= value);
    least_ = std::min(least_, value);
    largest_ = std::max(largest_, value);
    ++count_;
  }
  void add(const Array& array, double offset = 0.0) {
    for (const double value : array.values) add(value - offset);
  }
  double moment(int power) const { return sums_[static_cast<std::size_t>(power - 1)] / count_; }

  /// Uniform in [-bound, bound]: E x^2 = b^2 / 3, E x^4 = b^4 / 5, E x^8 = b^8 / 9.
  void expect_uniform(double bound, const std::string& what) const {
    const double b2 = bound * bound;
    expect(1, 0, b2 / 3, what);
    expect(2, b2 / 3, b2 * b2 * (1.0 / 5 - 1.0 / 9), what);
    expect(3, 0, b2 * b2 * b2 / 7, what);
    expect(4, b2 * b2 / 5, b2 * b2 * b2 * b2 * (1.0 / 9 - 1.0 / 25), what);
    EXPECT_GE(least_, -bound - rounding) << what;
    EXPECT_LE(largest_, bound + rounding) << what;
    // The chance that no draw comes within 20 / count of the ends is e^-10.
    EXPECT_LE(least_, -bound * (1 - 20.0 / count_)) << what;
    EXPECT_GE(largest_, bound * (1 - 20.0 / count_)) << what;
  }
  void expect_normal(double std, const std::string& what) const {
    const double v = std * std;
    expect(1, 0, v, what);
    expect(2, v, 2 * v * v, what);
    expect(3, 0, 15 * v * v * v, what);
    expect(4, 3 * v * v, 96 * v * v * v * v, what);
  }

 private:
  static constexpr double rounding = 1e-6;
  void expect(int power, double expected, double variance, const std::string& what) const {
    EXPECT_NEAR(moment(power), expected, 5 * std::sqrt(variance / count_)) << what << ", moment " << power;
  }
  std::array<double, 4> sums_{};
  double least_ = std::numeric_limits<double>::infinity();
  double largest_ = -std::numeric_limits<double>::infinity();
  double count_ = 0;
};

// mu ~ U(-mean, mean) and sigma ~ U(1, std) for each channel and step; the positions and images of a channel share
// them.
TEST(NoiseMoments, OfTheChannels) {
  const Shape shape{2, 1000, 2, 1};
  NoiseRun run({.mean = 0.5, .std = 1.25, .mean_jitter = 0, .std_jitter = 0}, shape);
  Sample mu, sigma, product, in_turn;
  for (std::int64_t step = 1; step <= 200; ++step) {
    const Drawn drawn = run.draw(5, step);
    std::vector<double> m(1000), s(1000);
    reference::for_each_in_channel(shape, [&](std::int64_t channel, std::int64_t index) {
      const auto c = static_cast<std::size_t>(channel), i = static_cast<std::size_t>(index);
      if (index % 2 == 0 && index < 2000) {
        m[c] = drawn.m.values[i];
        s[c] = drawn.s.values[i];
      }
      ASSERT_EQ(drawn.m.values[i], m[c]);
      ASSERT_EQ(drawn.s.values[i], s[c]);
    });
    for (std::size_t c = 0; c < 1000; ++c) {
      mu.add(m[c]);
      sigma.add(s[c] - 1.125);
      product.add(m[c] * (s[c] - 1.125));
      if (c > 0) in_turn.add(m[c] * m[c - 1]);
    }
  }
  mu.expect_uniform(0.5, "mu");
  sigma.expect_uniform(0.125, "sigma");
  const double mean_variance = 0.25 / 3, std_variance = 0.125 * 0.125 / 3;
  EXPECT_NEAR(product.moment(1), 0, 5 * std::sqrt(mean_variance * std_variance / 200000)) << "mu and sigma";
  EXPECT_NEAR(in_turn.moment(1), 0, 5 * std::sqrt(mean_variance * mean_variance / 199800)) << "neighbours";
}

// m ~ U(mu - mean_jitter, mu + mean_jitter) and s ~ N(sigma, std_jitter^2) for each value, here with mu 0 and sigma 1.
TEST(NoiseMoments, OfTheValues) {
  NoiseRun run({.mean = 0, .std = 1, .mean_jitter = 0.3, .std_jitter = 0.2}, {20, 17, 9, 7});
  Sample m, s, product, in_turn, steps;
  Drawn last;
  const double m_variance = 0.09 / 3, s_variance = 0.04;
  for (std::int64_t step = 1; step <= 20; ++step) {
    const Drawn drawn = run.draw(5, step);
    m.add(drawn.m);
    s.add(drawn.s, 1.0);
    for (std::size_t i = 0; i < drawn.m.values.size(); ++i) {
      product.add(drawn.m.values[i] * (drawn.s.values[i] - 1));
      if (i > 0) in_turn.add((drawn.s.values[i] - 1) * (drawn.s.values[i - 1] - 1));
      if (step > 1) steps.add(drawn.m.values[i] * last.m.values[i]);
    }
    last = drawn;
  }
  m.expect_uniform(0.3, "m");
  s.expect_normal(0.2, "s");
  const double count = 20.0 * 20 * 17 * 63;
  EXPECT_NEAR(product.moment(1), 0, 5 * std::sqrt(m_variance * s_variance / count)) << "m and s";
  EXPECT_NEAR(in_turn.moment(1), 0, 5 * s_variance / std::sqrt(count)) << "neighbours";
  EXPECT_NEAR(steps.moment(1), 0, 5 * m_variance / std::sqrt(count * 19 / 20)) << "steps";
}

// The jitter goes around the channel's mean and scale, which are what they are without it.
TEST(NoiseMoments, JitterIsAroundTheChannels) {
  const Shape shape{20, 17, 9, 7};
  const Drawn channels = NoiseRun({.mean_jitter = 0, .std_jitter = 0}, shape).draw(3, 1);
  const Drawn jitter = NoiseRun({.mean = 0, .std = 1, .mean_jitter = 0.1, .std_jitter = 0.2}, shape).draw(3, 1);
  const Drawn both = NoiseRun({.mean_jitter = 0.1, .std_jitter = 0.2}, shape).draw(3, 1);
  for (std::size_t i = 0; i < both.m.values.size(); ++i) {
    ASSERT_NEAR(both.m.values[i], channels.m.values[i] + jitter.m.values[i], 1e-7);
    ASSERT_NEAR(both.s.values[i], channels.s.values[i] + (jitter.s.values[i] - 1), 3e-7);
  }
}

// ---- what it does --------------------------------------------------------------------------------------------------

TEST(Noise, IsALineOfTheInputAndItsGradient) {
  for (const Shape& shape : shapes)
    for (const Layout layout : {Layout::row_major, Layout::blocked}) {
      NoiseRun run({}, shape, layout);
      std::mt19937_64 generator(6);
      const Array src = random_array(shape, generator), diff_dst = random_array(shape, generator);
      const Drawn drawn = run.draw(1, 5);
      const Array dst = run.run().forward(src), diff_src = run.run().backward(diff_dst);
      for (std::size_t i = 0; i < dst.values.size(); ++i) {
        const double expected = drawn.s.values[i] * src.values[i] + drawn.m.values[i];
        ASSERT_NEAR(dst.values[i], expected, 3e-7);
        ASSERT_EQ(diff_src.values[i], static_cast<double>(static_cast<float>(drawn.s.values[i] * diff_dst.values[i])));
      }
    }
}

// Behind gamma and beta: the normalized value, as batch normalization gives it, is what the noise falls on.
TEST(Noise, FallsOnWhatBatchNormalizationGives) {
  for (const Shape& shape : {Shape{60, 17}, Shape{3, 17, 5, 4}})
    for (const Layout layout : {Layout::row_major, Layout::blocked}) {
      RunState state{.seed = 4, .step = 9, .steps = 10, .draw = 9};
      NormalizationRun batch(layer_testing::config_of(NormalizationType::batch), shape, layout);
      NormalizationRun noisy(layer_testing::config_of(NormalizationType::noisy_batch), shape, layout,
                             onednn::Mode::train, &state);
      std::mt19937_64 generator(7), same(7);
      batch.run.randomize(generator);
      noisy.run.randomize(same);
      const Drawn drawn = NoiseRun({}, shape, layout, "layer1").draw(4, 9);
      const Array src = random_array(shape, generator);
      Array expected = batch.run.forward(src);
      Array diff = random_array(shape, generator);
      const Array dst = noisy.run.forward(src), diff_src = noisy.run.backward(diff);
      for (std::size_t i = 0; i < dst.values.size(); ++i) {
        expected.values[i] = drawn.s.values[i] * expected.values[i] + drawn.m.values[i];
        diff.values[i] *= drawn.s.values[i];
      }
      expect_close(dst, expected, "dst", 1e-6);
      expect_close(diff_src, batch.run.backward(diff), "diff_src", 1e-6);
      expect_close(noisy.run.diff("gamma"), batch.run.diff("gamma"), "diff_gamma", 1e-6);
      expect_close(noisy.run.diff("beta"), batch.run.diff("beta"), "diff_beta", 1e-6);
      EXPECT_EQ(noisy.state().batch_mean, batch.state().batch_mean);
      EXPECT_EQ(noisy.state().batch_variance, batch.state().batch_variance);
    }
}

// ---- evaluation ----------------------------------------------------------------------------------------------------

class NoiseInEvaluation : public ::testing::TestWithParam<NormalizationType> {
 protected:
  static config::RunConfig config(NormalizationType type) {
    return network_testing::run_config(
        network_testing::network_of(network_testing::conv_block(17, config::Activation::tanh), config::Flatten{},
                                    network_testing::dense_block(9, config::Activation::tanh),
                                    config::Dense{.units = 5}),
        type);
  }
  const data::DatasetInfo dataset_ = network_testing::dataset_of(2, 4, 3, 5);
};

TEST_P(NoiseInEvaluation, IsOffUnlessAskedFor) {
  const NormalizationType without =
      GetParam() == NormalizationType::noise ? NormalizationType::none : NormalizationType::batch;
  network::Network plain(config(without), dataset_, 6), noisy(config(GetParam()), dataset_, 6);
  config::RunConfig always = config(GetParam());
  always.normalization.noise.in_evaluation = true;
  network::Network in_evaluation(always, dataset_, 6);
  for (network::Network* network : {&plain, &noisy, &in_evaluation}) {
    network->set_weights(plain.weights());
    network->use_running_statistics();
  }
  std::mt19937_64 generator(8);
  const network_testing::Batch batch = network_testing::random_batch(dataset_, 6, generator);
  for (const onednn::Mode mode : {onednn::Mode::evaluate_population, onednn::Mode::evaluate_batch}) {
    const auto evaluate = [&](network::Network& network, std::int64_t step) {
      const auto executable = network.build(mode, 6);
      executable->set_step(step, 10);
      return network_testing::loss_of(*executable, batch);
    };
    const double expected = evaluate(plain, 1);
    EXPECT_EQ(evaluate(noisy, 1), expected);
    EXPECT_EQ(evaluate(noisy, 2), expected);
    const double with_noise = evaluate(in_evaluation, 1);
    EXPECT_NE(with_noise, expected);
    EXPECT_NE(evaluate(in_evaluation, 2), with_noise);
    EXPECT_EQ(evaluate(in_evaluation, 1), with_noise);
  }
  // In training there is always noise.
  EXPECT_NE(network_testing::loss_of(noisy.train(), batch), network_testing::loss_of(plain.train(), batch));
  EXPECT_EQ(network_testing::loss_of(noisy.train(), batch), network_testing::loss_of(in_evaluation.train(), batch));
}

INSTANTIATE_TEST_SUITE_P(All, NoiseInEvaluation,
                         ::testing::Values(NormalizationType::noise, NormalizationType::noisy_batch),
                         [](const auto& test) {
                           return test.param == NormalizationType::noise ? "noise" : "noisy_batch";
                         });

}  // namespace
}  // namespace bnlab::layer_testing

// Gradients of the input in evaluation and one step along their sign, against double precision.
#include <algorithm>
#include <array>

#include "probes/twin_testing.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

constexpr std::int64_t image = 24, plane = 12;

/// Mean and standard deviation of bytes / 255 of each channel of the training images.
std::array<std::array<double, 2>, 2> moments_of(const data::Dataset& dataset) {
  std::array<std::array<double, 2>, 2> moments{};
  for (std::int64_t c = 0; c < 2; ++c) {
    double sum = 0, squares = 0, count = 0;
    for (std::int64_t n = 0; n < dataset.train.size(); ++n)
      for (std::int64_t i = 0; i < plane; ++i, ++count) {
        const double value = dataset.train.images[static_cast<std::size_t>(n * image + c * plane + i)] / 255.0;
        sum += value;
        squares += value * value;
      }
    const double mean = sum / count;
    moments[static_cast<std::size_t>(c)] = {mean, std::sqrt(squares / count - mean * mean)};
  }
  return moments;
}

struct Expected {
  double l1 = 0, l2 = 0, loss = 0, attacked_loss = 0, accuracy = 0, attacked_accuracy = 0;
};

double fraction_correct(const Array& logits, const std::vector<std::int32_t>& labels) {
  double correct = 0;
  for (std::size_t n = 0; n < labels.size(); ++n) {
    const auto row = logits.values.begin() + static_cast<std::ptrdiff_t>(n * 5);
    correct += std::max_element(row, row + 5) - row == labels[n] ? 1 : 0;
  }
  return correct / static_cast<double>(labels.size());
}

Expected expected_of(Net& net, const data::Dataset& dataset, std::int64_t count, double epsilon) {
  const auto moments = moments_of(dataset);
  Array pixels = reference::zeros({count, 2, 4, 3}), inputs = pixels;
  std::vector<std::int32_t> labels;
  const auto place = [&](std::int64_t i) { return moments[static_cast<std::size_t>(i / plane % 2)]; };
  const auto scale = [&] {
    for (std::int64_t i = 0; i < pixels.size(); ++i) inputs.values[i] = (pixels.values[i] - place(i)[0]) / place(i)[1];
  };
  for (std::int64_t i = 0; i < pixels.size(); ++i)
    pixels.values[i] = dataset.test.images[static_cast<std::size_t>(i)] / 255.0;
  for (std::int64_t n = 0; n < count; ++n) labels.push_back(dataset.test.labels[static_cast<std::size_t>(n)]);
  scale();
  Expected found;
  const reference::Loss loss = net.loss(inputs, labels, Mode::frozen);
  found.loss = loss.loss;
  found.accuracy = fraction_correct(net.dst("dense2"), labels);
  Array gradient = net.backward(loss.diff_logits);
  for (std::int64_t n = 0; n < count; ++n) {
    double squares = 0;
    for (std::int64_t i = n * image; i < (n + 1) * image; ++i) {
      const double slope = gradient.values[i] * static_cast<double>(count) / place(i)[1];
      found.l1 += std::abs(slope) / static_cast<double>(count);
      squares += slope * slope;
      pixels.values[i] = std::clamp(pixels.values[i] + epsilon * (slope > 0 ? 1 : -1), 0.0, 1.0);
    }
    found.l2 += std::sqrt(squares) / static_cast<double>(count);
  }
  scale();
  found.attacked_loss = net.loss(inputs, labels, Mode::frozen).loss;
  found.attacked_accuracy = fraction_correct(net.dst("dense2"), labels);
  return found;
}

config::RunConfig run_of(NormalizationType type) {
  config::RunConfig run = conv_run(type);
  run.network.layers.insert(run.network.layers.begin() + 2, test::block(config::Dropout{.rate = 0.3}));
  return run;
}

// In batches of 4, 4 and 3 images.
TEST(InputGradient, EqualsTheReference) {
  for (const NormalizationType type :
       {NormalizationType::batch, NormalizationType::ghost, NormalizationType::batch_renorm,
        NormalizationType::noisy_batch, NormalizationType::none}) {
    SCOPED_TRACE(config::name_of(type));
    config::ProbeConfig config = probe_of(ProbeType::input_gradient);
    config.examples = 11;
    config.epsilons = {0.01, 0.3};
    const bool normalized = type != NormalizationType::none;
    Twin twin(run_of(type), config, conv_twin(normalized));
    std::mt19937_64 generator(5);
    for (const std::string& name : twin.net.state_names()) {
      const bool is_mean = name.ends_with("mean");
      twin.net.state(name) =
          reference::random_uniform({twin.net.state(name).size()}, generator, is_mean ? -0.3 : 0.3, is_mean ? 0.3 : 2);
    }
    network_testing::copy_weights(twin.net, twin.probe.network);
    const std::vector<Row> rows = twin.probe.measure("input_gradient", 3);
    ASSERT_EQ(rows.size(), 2U);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Expected expected = expected_of(twin.net, twin.probe.dataset, 11, config.epsilons[i]);
      expect_near(rows[i], "epsilon", config.epsilons[i]);
      expect_near(rows[i], "gradient_l1", expected.l1);
      expect_near(rows[i], "gradient_l2", expected.l2);
      expect_near(rows[i], "loss", expected.loss);
      expect_near(rows[i], "attacked_loss", expected.attacked_loss);
      expect_near(rows[i], "accuracy", expected.accuracy);
      expect_near(rows[i], "attacked_accuracy", expected.attacked_accuracy);
      expect_near(rows[i], "accuracy_lost", expected.accuracy - expected.attacked_accuracy);
      EXPECT_GT(expected.attacked_loss, expected.loss);
    }
  }
}

TEST(InputGradient, RefusesWhatIsNotThere) {
  config::RunConfig run = conv_run(NormalizationType::noisy_batch);
  config::ProbeConfig probe = probe_of(ProbeType::input_gradient);
  probe.split = config::SplitName::validation;
  run.probes = {probe};
  EXPECT_THROW(check(run, {}), ConfigError);
  run.probes[0].split = config::SplitName::test;
  EXPECT_NO_THROW(check(run, {}));
  run.normalization.noise.in_evaluation = true;
  EXPECT_THROW(check(run, {}), ConfigError);
}

}  // namespace
}  // namespace bnlab::probes

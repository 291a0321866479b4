// Where two methods are the same by definition: outputs and all gradients, to a millionth of the largest value.
#include "config/names.h"
#include "normalization/batch_testing.h"

namespace bnlab::layer_testing {
namespace {

using config::NormalizationConfig;
using config::NormalizationType;

constexpr double same = 1e-6;

struct Outcome {
  Array dst, diff_src, diff_gamma, diff_beta;
};

/// What both start from.
struct Input {
  Array gamma, beta, src, diff_dst;

  explicit Input(const Shape& shape) {
    std::mt19937_64 generator(41);
    gamma = reference::random_uniform({shape[1]}, generator, 0.5, 1.5);
    beta = random_array({shape[1]}, generator);
    src = reference::random_uniform(shape, generator, -1.0, 2.0);
    diff_dst = random_array(shape, generator);
  }
};

Outcome outcome_of(const NormalizationConfig& config, const Input& input, Layout layout) {
  onednn::RunState run;
  NormalizationRun normalization(config, input.src.shape, layout, onednn::Mode::train, &run);
  if (config.affine) {
    normalization.run.set("gamma", input.gamma);
    normalization.run.set("beta", input.beta);
  }
  Outcome outcome;
  outcome.dst = normalization.run.forward(input.src);
  outcome.diff_src = normalization.run.backward(input.diff_dst);
  if (!config.affine) return outcome;
  outcome.diff_gamma = normalization.run.diff("gamma");
  outcome.diff_beta = normalization.run.diff("beta");
  return outcome;
}

void expect_same(const Outcome& actual, const Outcome& expected, const std::string& what) {
  SCOPED_TRACE(what);
  expect_close(actual.dst, expected.dst, what + " dst", same);
  expect_close(actual.diff_src, expected.diff_src, what + " diff_src", same);
  if (expected.diff_gamma.values.empty()) return;
  expect_close(actual.diff_gamma, expected.diff_gamma, what + " diff_gamma", same);
  expect_close(actual.diff_beta, expected.diff_beta, what + " diff_beta", same);
}

void expect_equivalent(const NormalizationConfig& a, const NormalizationConfig& b, const std::vector<Shape>& shapes) {
  for (const Shape& shape : shapes)
    for (const Layout layout : {Layout::row_major, Layout::blocked})
      for (const bool affine : {true, false}) {
        if (layout == Layout::blocked && shape.size() == 2) continue;
        const auto with = [&](NormalizationConfig config) {
          config.affine = affine;
          return config;
        };
        const Input input(shape);
        expect_same(outcome_of(with(a), input, layout), outcome_of(with(b), input, layout),
                    reference::to_string(shape) + (layout == Layout::blocked ? " blocked" : " plain") +
                        (affine ? "" : " without affine"));
      }
}

// Of up to 128 values a channel: the mean and the sums of oneDNN's batch normalization are f32, and of more values off
// by 1e-6 themselves. Larger ones are compared with the definition below.
const std::vector<Shape> vectors{{60, 1}, {60, 17}, {61, 100}, {5, 112}};
const std::vector<Shape> images{{3, 1, 5, 4},  {3, 17, 5, 4},  {2, 100, 4, 4},
                                {2, 32, 8, 8}, {60, 17, 1, 1}, {2, 18, 9, 7}};

std::vector<Shape> all() {
  std::vector<Shape> shapes = vectors;
  shapes.insert(shapes.end(), images.begin(), images.end());
  return shapes;
}

const NormalizationConfig batch = config_of(NormalizationType::batch);

NormalizationConfig group_of(std::int64_t groups) {
  NormalizationConfig config = config_of(NormalizationType::group);
  config.groups = groups;
  return config;
}

TEST(Equivalence, OfInstanceAndBatchOnOneImage) {
  expect_equivalent(config_of(NormalizationType::instance), batch,
                    {{1, 1, 5, 4}, {1, 17, 5, 4}, {1, 100, 4, 4}, {1, 32, 8, 8}, {1, 18, 11, 9}});
}

// Of several images each by itself; the gradients of gamma and beta are sums over the images.
TEST(Equivalence, OfInstanceAndBatchOnEachImage) {
  for (const Shape& shape : {Shape{3, 17, 5, 4}, Shape{4, 32, 8, 8}, Shape{2, 1, 11, 9}})
    for (const Layout layout : {Layout::row_major, Layout::blocked}) {
      const Input input(shape);
      Outcome parts{.dst = {shape, {}},
                    .diff_src = {shape, {}},
                    .diff_gamma = reference::zeros({shape[1]}),
                    .diff_beta = reference::zeros({shape[1]})};
      const auto append = [](Array& whole, const Array& part) {
        whole.values.insert(whole.values.end(), part.values.begin(), part.values.end());
      };
      const auto add = [](Array& sum, const Array& part) {
        for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += part.values[i];
      };
      for (std::int64_t n = 0; n < shape[0]; ++n) {
        Input one = input;
        one.src = reference::images_of(input.src, n, 1);
        one.diff_dst = reference::images_of(input.diff_dst, n, 1);
        const Outcome outcome = outcome_of(batch, one, layout);
        append(parts.dst, outcome.dst);
        append(parts.diff_src, outcome.diff_src);
        add(parts.diff_gamma, outcome.diff_gamma);
        add(parts.diff_beta, outcome.diff_beta);
      }
      expect_same(outcome_of(config_of(NormalizationType::instance), input, layout), parts,
                  reference::to_string(shape));
    }
}

TEST(Equivalence, OfLayerAndOneGroup) {
  expect_equivalent(config_of(NormalizationType::layer), group_of(1), images);
  // Over vectors layer normalization is oneDNN's own.
  expect_equivalent(config_of(NormalizationType::layer), group_of(1), {{60, 17}, {61, 100}, {5, 112}, {3, 784}});
}

TEST(Equivalence, OfInstanceAndAGroupForEachChannel) {
  for (const Shape& shape : images)
    if (shape[2] > 1) expect_equivalent(config_of(NormalizationType::instance), group_of(shape[1]), {shape});
}

NormalizationConfig ghost_of(std::int64_t size) {
  NormalizationConfig config = config_of(NormalizationType::ghost);
  config.virtual_batch_size = size;
  return config;
}

TEST(Equivalence, OfOneVirtualBatchAndBatch) {
  for (const std::int64_t size : {64, 100}) expect_equivalent(ghost_of(size), batch, all());
  for (const Shape& shape : all()) expect_equivalent(ghost_of(shape[0]), batch, {shape});
}

NormalizationConfig renorm_without_room() {
  NormalizationConfig config = config_of(NormalizationType::batch_renorm);
  config.r_max = {.initial = 1, .final = 1, .begin = 0, .end = 0};
  config.d_max = {.initial = 0, .final = 0, .begin = 0, .end = 0};
  return config;
}

TEST(Equivalence, OfRenormalizationWithoutRoomAndBatch) { expect_equivalent(renorm_without_room(), batch, all()); }

TEST(Equivalence, OfTheSecondNormAndBatch) { expect_equivalent(config_of(NormalizationType::lp), batch, all()); }

Outcome definition_of_batch(const Input& input) {
  const auto gradients = reference::batch_norm_backward(input.src, input.diff_dst, &input.gamma, batch.epsilon);
  return {reference::batch_norm_forward(input.src, &input.gamma, &input.beta, batch.epsilon).dst, gradients.diff_src,
          gradients.diff_gamma, gradients.diff_beta};
}

TEST(Equivalence, OfManyValuesAndTheDefinitionOfBatch) {
  for (const Shape& shape : {Shape{7, 18, 13, 11}, Shape{20, 32, 28, 28}, Shape{1000, 17}})
    for (const Layout layout : {Layout::row_major, Layout::blocked})
      for (const NormalizationConfig& config :
           {ghost_of(shape[0]), renorm_without_room(), config_of(NormalizationType::lp)}) {
        const Input input(shape);
        expect_same(outcome_of(config, input, layout), definition_of_batch(input),
                    reference::to_string(shape) + " " + config::name_of(config.type));
      }
  for (const Layout layout : {Layout::row_major, Layout::blocked}) {
    const Input input({1, 18, 28, 28});
    expect_same(outcome_of(config_of(NormalizationType::instance), input, layout), definition_of_batch(input),
                "instance");
  }
}

config::NoiseConfig no_noise() { return {.mean = 0, .std = 1, .mean_jitter = 0, .std_jitter = 0}; }

TEST(Equivalence, OfNoisyBatchWithoutNoiseAndBatch) {
  NormalizationConfig noisy = config_of(NormalizationType::noisy_batch);
  noisy.noise = no_noise();
  for (const Shape& shape : all())
    for (const Layout layout : {Layout::row_major, Layout::blocked}) {
      const Input input(shape);
      const Outcome actual = outcome_of(noisy, input, layout), expected = outcome_of(batch, input, layout);
      EXPECT_EQ(actual.dst.values, expected.dst.values);
      EXPECT_EQ(actual.diff_src.values, expected.diff_src.values);
      EXPECT_EQ(actual.diff_gamma.values, expected.diff_gamma.values);
      EXPECT_EQ(actual.diff_beta.values, expected.diff_beta.values);
    }
}

TEST(Equivalence, OfNoNoiseAndTheInput) {
  NormalizationConfig noise = config_of(NormalizationType::noise);
  noise.affine = false;
  noise.noise = no_noise();
  for (const Shape& shape : all())
    for (const Layout layout : {Layout::row_major, Layout::blocked}) {
      const Input input(shape);
      const Outcome outcome = outcome_of(noise, input, layout);
      EXPECT_EQ(outcome.dst.values, input.src.values);
      EXPECT_EQ(outcome.diff_src.values, input.diff_dst.values);
    }
}

}  // namespace
}  // namespace bnlab::layer_testing

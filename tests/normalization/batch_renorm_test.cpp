// Batch renormalization: its ramps, its layer over several steps, and the paper's algorithm as NumPy computed it.
#include "normalization/batch_renorm.h"

#include <limits>

#include "network/network_testing.h"
#include "normalization/batch_testing.h"

namespace bnlab::layer_testing {
namespace {

using config::NormalizationConfig;
using config::NormalizationType;
using config::RampConfig;
using config::RampUnit;
using reference::Mode;
using reference::NormalizationLayer;

// ---- ramps ---------------------------------------------------------------------------------------------------------

TEST(Ramp, InSteps) {
  const RampConfig ramp{.initial = 1, .final = 3, .begin = 5, .end = 25, .unit = RampUnit::steps};
  for (const auto& [step, value] : std::vector<std::pair<std::int64_t, double>>{
           {1, 1.0}, {5, 1.0}, {6, 1.1}, {10, 1.5}, {15, 2.0}, {24, 2.9}, {25, 3.0}, {26, 3.0}, {1000, 3.0}})
    for (const std::int64_t steps : {1, 30, 1000})  // how many there are makes no difference
      EXPECT_DOUBLE_EQ(normalization::value_at(ramp, step, steps), value) << step;
}

TEST(Ramp, InFractionsOfTheSteps) {
  const RampConfig ramp{.initial = 4, .final = 0, .begin = 0.25, .end = 0.75, .unit = RampUnit::fraction};
  for (const std::int64_t steps : {4, 100, 1000000})
    for (const auto& [fraction, value] :
         std::vector<std::pair<double, double>>{{0.25, 4.0}, {0.5, 2.0}, {0.75, 0.0}, {1.0, 0.0}})
      EXPECT_DOUBLE_EQ(
          normalization::value_at(ramp, static_cast<std::int64_t>(fraction * static_cast<double>(steps)), steps), value)
          << steps << " " << fraction;
  EXPECT_DOUBLE_EQ(normalization::value_at(ramp, 40, 100), 2.8);
}

TEST(Ramp, OfNoLengthIsAStep) {
  const RampConfig ramp{.initial = 0, .final = 5, .begin = 7, .end = 7, .unit = RampUnit::steps};
  EXPECT_EQ(normalization::value_at(ramp, 6, 10), 0.0);
  EXPECT_EQ(normalization::value_at(ramp, 7, 10), 5.0);
  EXPECT_EQ(normalization::value_at(ramp, 8, 10), 5.0);
}

TEST(Ramp, OfTheWholeRunEndsAtItsEnd) {
  const RampConfig ramp{.initial = 1, .final = 3, .begin = 0, .end = 1, .unit = RampUnit::fraction};
  EXPECT_DOUBLE_EQ(normalization::value_at(ramp, 1, 4), 1.5);
  EXPECT_EQ(normalization::value_at(ramp, 4, 4), 3.0);
}

// ---- the layer -----------------------------------------------------------------------------------------------------

struct Case {
  std::string name;
  Shape shape;
  double epsilon = 1e-5;
  bool affine = true;
  bool unbiased = true;
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

/// Batches that wander off, each channel its own way, so that r and d are clipped in some and not in others.
Array wandering_batch(const Shape& shape, int step, std::mt19937_64& generator) {
  const Array scale = random_array({shape[1]}, generator), offset = random_array({shape[1]}, generator);
  Array batch = random_array(shape, generator);
  reference::for_each_in_channel(shape, [&](std::int64_t c, std::int64_t index) {
    const auto i = static_cast<std::size_t>(index), channel = static_cast<std::size_t>(c);
    const double factor = std::exp(0.3 * step * scale.values[channel]);
    batch.values[i] = static_cast<float>(factor * batch.values[i] + 0.4 * step * offset.values[channel]);
  });
  return batch;
}

class BatchRenormalization : public ::testing::TestWithParam<Case> {
 protected:
  static constexpr int steps = 6;
  // Over steps 1 to 4, and from a sixth to two thirds of the run, which is steps 1 to 4 as well.
  static NormalizationConfig config() {
    NormalizationConfig config = config_of(NormalizationType::batch_renorm);
    config.epsilon = GetParam().epsilon;
    config.affine = GetParam().affine;
    config.r_max = {.initial = 1, .final = 2.5, .begin = 1, .end = 4, .unit = RampUnit::steps};
    config.d_max = {.initial = 0, .final = 1.5, .begin = 1.0 / 6, .end = 4.0 / 6, .unit = RampUnit::fraction};
    return config;
  }
  static reference::NormalizationOptions options() {
    return {.epsilon = GetParam().epsilon,
            .affine = GetParam().affine,
            .running_average_decay = 0.8,
            .unbiased_running_variance = GetParam().unbiased,
            .method = reference::Method::renorm,
            .r_max = {1, 1.5, 2, 2.5},
            .d_max = {0, 0.5, 1, 1.5}};
  }

  static void check(Layout layout) {
    const Case& c = GetParam();
    onednn::RunState run{.seed = 1, .step = 1, .steps = steps};
    NormalizationRun normalization(config(), c.shape, layout, onednn::Mode::train, &run);
    NormalizationLayer twin(c.shape[1], options());
    std::mt19937_64 generator(21);
    const Values values = normalization.run.randomize(generator);
    for (auto& parameter : twin.parameters) parameter.value = values.at(parameter.name);
    int clipped = 0;
    for (run.step = 1; run.step <= steps; ++run.step) {
      SCOPED_TRACE("step " + std::to_string(run.step));
      // In place: the program holds the addresses.
      std::ranges::copy(reference::to_floats(twin.state("running_mean")), normalization.state().running_mean.begin());
      std::ranges::copy(reference::to_floats(twin.state("running_variance")),
                        normalization.state().running_variance.begin());
      const Array src = wandering_batch(c.shape, static_cast<int>(run.step), generator);
      const Array diff_dst = random_array(c.shape, generator);
      expect_close(normalization.run.forward(src), twin.forward(src, Mode::train), "dst");
      const auto seen = reference::batch_statistics(src);
      expect_close(state_array(normalization.state().batch_mean), seen.mean, "batch_mean");
      expect_close(state_array(normalization.state().batch_variance), seen.variance, "batch_variance");
      expect_close(normalization.run.backward(diff_dst), twin.backward(src, diff_dst, Mode::train), "diff_src");
      for (auto& parameter : twin.parameters)
        expect_close(normalization.run.diff(parameter.name), parameter.gradient, "diff_" + parameter.name);
      for (const double r : twin.correction.r.values) clipped += r != 1.0 && is_limit(r, run.step);
    }
    if (c.shape[1] >= 17 && c.shape[0] > 1) {
      EXPECT_GT(clipped, 0);
      EXPECT_LT(clipped, steps * c.shape[1]);
    }
  }
  static bool is_limit(double r, std::int64_t step) {
    const double limit = std::min(1.0 + 0.5 * static_cast<double>(step - 1), 2.5);
    return r == limit || r == 1.0 / limit;
  }
};

TEST_P(BatchRenormalization, EqualsTheReferenceOverStepsInRowMajorLayout) { check(Layout::row_major); }
TEST_P(BatchRenormalization, EqualsTheReferenceOverStepsInBlockedLayout) { check(Layout::blocked); }

// Of two values x_hat is -1 and 1 whatever they are, so diff_src is only as large as epsilon makes it: a large one
// there.
INSTANTIATE_TEST_SUITE_P(
    Shapes, BatchRenormalization,
    ::testing::Values(Case{"units_1", {60, 1}}, Case{"units_17", {60, 17}}, Case{"units_100", {60, 100}},
                      Case{"units_112_batch_3", {3, 112}}, Case{"units_112_batch_2", {2, 112}, 0.5},
                      Case{"batch_1", {1, 17}}, Case{"without_affine", {60, 17}, 1e-3, false},
                      Case{"biased", {7, 17}, 1e-5, true, false}, Case{"channels_1", {3, 1, 5, 4}},
                      Case{"channels_17", {3, 17, 5, 4}}, Case{"channels_100", {2, 100, 4, 4}},
                      Case{"channels_32", {2, 32, 8, 8}}, Case{"image_batch_1", {1, 17, 5, 4}},
                      Case{"one_by_one_image", {60, 17, 1, 1}}, Case{"one_value_a_channel", {1, 17, 1, 1}},
                      Case{"large_image", {4, 17, 28, 28}}, Case{"images_without_affine", {3, 17, 5, 4}, 1e-5, false},
                      Case{"small_epsilon", {3, 17, 5, 4}, 1e-8}, Case{"large_epsilon", {3, 17, 5, 4}, 1.0}),
    [](const auto& test) { return test.param.name; });

// r and d are constants for the gradient. The gradient that went through them too would be that of normalization with
// the running statistics where nothing is clipped: gamma / sigma diff_dst. Without it, diff_src has no mean.
TEST(BatchRenormalizationLayer, SendsNoGradientThroughItsCorrection) {
  const Shape shape{7, 17};
  onednn::RunState run{.seed = 1, .step = 1, .steps = 1};  // the limits have reached 3 and 5
  NormalizationRun normalization(config_of(NormalizationType::batch_renorm), shape, Layout::row_major,
                                 onednn::Mode::train, &run);
  std::mt19937_64 generator(22);
  normalization.run.randomize(generator, 0.5);
  std::ranges::copy(reference::to_floats(reference::random_uniform({17}, generator, 0.3, 0.5)),
                    normalization.state().running_variance.begin());
  const Array src = random_array(shape, generator);
  normalization.run.forward(src);
  const Array diff_dst = reference::random_uniform(shape, generator, 0.5, 1.0);
  const Array diff_src = normalization.run.backward(diff_dst);
  Array sums = reference::zeros({17});
  reference::for_each_in_channel(shape, [&](std::int64_t c, std::int64_t i) {
    sums.values[static_cast<std::size_t>(c)] += diff_src.values[static_cast<std::size_t>(i)];
  });
  EXPECT_LE(reference::max_abs(sums), 1e-5 * reference::max_abs(diff_src));
}

// Each virtual batch has a correction of its own: the reference, over each by itself.
TEST(BatchRenormalizationLayer, OfVirtualBatchesEqualsTheReference) {
  for (const Shape& shape : {Shape{8, 17, 5, 4}, Shape{9, 32, 7, 7}, Shape{13, 100}})
    for (const Layout layout : {Layout::row_major, Layout::blocked}) {
      constexpr std::int64_t size = 4;
      NormalizationConfig config = config_of(NormalizationType::batch_renorm);
      config.virtual_batch_size = size;
      onednn::RunState run{.seed = 1, .step = 9, .steps = 10};  // r_max 3, d_max 5
      config.epsilon = 0.1;
      NormalizationRun normalization(config, shape, layout, onednn::Mode::train, &run);
      std::mt19937_64 generator(24);
      const Values values = normalization.run.randomize(generator);
      const Array mean = reference::random_uniform({shape[1]}, generator, -0.5, 0.5);
      const Array variance = reference::random_uniform({shape[1]}, generator, 0.02, 2.0);
      std::ranges::copy(reference::to_floats(mean), normalization.state().running_mean.begin());
      std::ranges::copy(reference::to_floats(variance), normalization.state().running_variance.begin());
      const Array src = reference::random_uniform(shape, generator, -1.0, 2.0),
                  diff_dst = random_array(shape, generator);
      const Array dst = normalization.run.forward(src), diff_src = normalization.run.backward(diff_dst);

      const std::int64_t image = src.size() / shape[0];
      const auto part = [&](const Array& whole, std::int64_t first, std::int64_t last) {
        Shape part_shape = shape;
        part_shape[0] = last - first;
        return Array{part_shape, {whole.values.begin() + first * image, whole.values.begin() + last * image}};
      };
      Array diff_gamma = reference::zeros({shape[1]}), batch_mean = diff_gamma, batch_variance = diff_gamma;
      for (std::int64_t first = 0; first < shape[0]; first += size) {
        const std::int64_t last = std::min(first + size, shape[0]);
        const Array x = part(src, first, last);
        const auto statistics = reference::batch_statistics(x);
        const auto correction = reference::renorm_correction(statistics, {mean, variance, 0}, 3.0, 5.0, 0.1);
        expect_close(part(dst, first, last),
                     reference::renorm_forward(x, correction, &values.at("gamma"), &values.at("beta"), 0.1), "dst");
        const auto gradients =
            reference::renorm_backward(x, part(diff_dst, first, last), correction, &values.at("gamma"), 0.1);
        expect_close(part(diff_src, first, last), gradients.diff_src, "diff_src");
        const double share = static_cast<double>(last - first) / static_cast<double>(shape[0]);
        for (std::size_t c = 0; c < diff_gamma.values.size(); ++c) {
          diff_gamma.values[c] += gradients.diff_gamma.values[c];
          batch_mean.values[c] += share * statistics.mean.values[c];
          batch_variance.values[c] += share * statistics.variance.values[c];
        }
      }
      expect_close(normalization.run.diff("gamma"), diff_gamma, "diff_gamma");
      expect_close(state_array(normalization.state().batch_mean), batch_mean, "batch mean");
      expect_close(state_array(normalization.state().batch_variance), batch_variance, "batch variance");
    }
}

// Without epsilon a constant channel that has always been constant has neither a deviation nor a running one: there is
// nothing to correct towards, and d is 0.
TEST(BatchRenormalizationLayer, OfAConstantChannelIsFinite) {
  for (const double epsilon : {1e-5, 0.0})
    for (const float running : {1.0f, 0.0f}) {
      const Shape shape{4, 17, 7, 7};
      NormalizationConfig config = config_of(NormalizationType::batch_renorm);
      config.epsilon = epsilon;
      onednn::RunState run{.seed = 1, .step = 1, .steps = 1};
      NormalizationRun normalization(config, shape, Layout::blocked, onednn::Mode::train, &run);
      std::mt19937_64 generator(23);
      const Values values = normalization.run.randomize(generator);
      normalization.state().running_variance[3] = running;
      normalization.state().running_mean[3] = 0.25f;
      Array src = random_array(shape, generator);
      reference::for_each_in_channel(shape, [&](std::int64_t channel, std::int64_t i) {
        if (channel == 3) src.values[static_cast<std::size_t>(i)] = 0.75;
      });
      const Array dst = normalization.run.forward(src);
      const Array diff_src = normalization.run.backward(random_array(shape, generator));
      // (0.75 - 0.25) / sigma, at most 5
      const double sigma = std::sqrt(static_cast<double>(running) + epsilon);
      const double d = sigma > 0 ? std::min(0.5 / sigma, 5.0) : 0.0;
      const double expected = values.at("gamma").values[3] * d + values.at("beta").values[3];
      reference::for_each_in_channel(shape, [&](std::int64_t channel, std::int64_t index) {
        const auto i = static_cast<std::size_t>(index);
        EXPECT_TRUE(std::isfinite(dst.values[i]) && std::isfinite(diff_src.values[i]));
        if (channel == 3) {
          EXPECT_NEAR(dst.values[i], expected, 1e-6);
        }
      });
    }
}

// ---- golden values -------------------------------------------------------------------------------------------------

/// batch_renorm.npz, made by /usr/bin/python3 tests/golden/batch_renorm.py; arrays (step, ...).
class GoldenBatchRenormalization : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr std::int64_t steps = 6;
  const NpzArrays arrays_ = read_npz(std::string(BNLAB_SOURCE_DIR) + "/tests/golden/batch_renorm.npz");
  const bool is_images_ = GetParam() == std::string("images");

  /// An array of one step.
  Array at(const std::string& name, std::int64_t step) const {
    const NpyArray& all = arrays_.at(GetParam() + ("." + name));
    Array array{{all.shape.begin() + 1, all.shape.end()}, {}};
    const std::int64_t size = reference::volume(array.shape);
    std::visit(
        [&](const auto& values) {
          for (std::int64_t i = 0; i < size; ++i)
            array.values.push_back(static_cast<double>(values[static_cast<std::size_t>((step - 1) * size + i)]));
        },
        all.values);
    return array;
  }
  NormalizationConfig config() const {
    NormalizationConfig config = config_of(NormalizationType::batch_renorm);
    config.r_max = {.initial = 1, .final = 2.5, .begin = 1, .end = 4, .unit = RampUnit::steps};
    config.d_max = {.initial = 0, .final = 1.5, .begin = 0.25, .end = 0.75, .unit = RampUnit::fraction};
    config.running_average_decay = is_images_ ? 0.9 : 0.75;
    config.running_variance = is_images_ ? config::RunningVariance::unbiased : config::RunningVariance::biased;
    return config;
  }
};

TEST_P(GoldenBatchRenormalization, LayerHasItsOutputsAndGradients) {
  for (const Layout layout : {Layout::row_major, Layout::blocked}) {
    onednn::RunState run{.seed = 1, .step = 1, .steps = steps};
    NormalizationRun normalization(config(), at("x", 1).shape, layout, onednn::Mode::train, &run);
    for (run.step = 1; run.step <= steps; ++run.step) {
      SCOPED_TRACE("step " + std::to_string(run.step));
      if (run.step > 1) {
        std::ranges::copy(reference::to_floats(at("running_mean", run.step - 1)),
                          normalization.state().running_mean.begin());
        std::ranges::copy(reference::to_floats(at("running_variance", run.step - 1)),
                          normalization.state().running_variance.begin());
      }
      for (const std::string name : {"gamma", "beta"}) normalization.run.set(name, at(name, run.step));
      expect_close(normalization.run.forward(at("x", run.step)), at("y", run.step), "y");
      expect_close(normalization.run.backward(at("dy", run.step)), at("dx", run.step), "dx");
      expect_close(normalization.run.diff("gamma"), at("dgamma", run.step), "dgamma");
      expect_close(normalization.run.diff("beta"), at("dbeta", run.step), "dbeta");
    }
  }
}

// A network of the normalization alone keeps its own running statistics from step to step.
TEST_P(GoldenBatchRenormalization, NetworkHasItsLossesGradientsAndRunningStatistics) {
  const Shape shape = at("x", 1).shape;
  const std::int64_t values = reference::volume(shape) / shape[0];
  const data::DatasetInfo dataset = is_images_ ? network_testing::dataset_of(shape[1], shape[2], shape[3], values)
                                               : network_testing::dataset_of(values, 1, 1, values);
  config::RunConfig run =
      network_testing::run_config(network_testing::network_of(config::Normalization{}, config::Flatten{}));
  run.normalization = config();
  network::Network network(run, dataset, shape[0], true);
  for (std::int64_t step = 1; step <= steps; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    for (const auto& parameter : network.parameters().all())
      parameter->set_row_major_value(
          reference::to_floats(at(parameter->kind == layers::ParameterKind::gamma ? "gamma" : "beta", step)));
    network_testing::Batch batch{at("x", step), {}};
    for (const double label : at("labels", step).values) batch.labels.push_back(static_cast<std::int32_t>(label));
    network.train().set_step(step, steps);
    network_testing::forward_backward(network.train(), batch);
    network.update_running_statistics();
    const double loss = at("loss", step).values[0];
    EXPECT_NEAR(network.train().loss(), loss, tolerance * loss);
    expect_close(network_testing::diff_images(network.train(), shape), at("dx", step), "dx");
    const NpzArrays gradients = network.gradients(), weights = network.weights();
    expect_close(network_testing::to_array(gradients.at("normalization1.gamma")), at("dgamma", step), "dgamma");
    expect_close(network_testing::to_array(gradients.at("normalization1.beta")), at("dbeta", step), "dbeta");
    expect_close(network_testing::to_array(weights.at("normalization1.running_mean")), at("running_mean", step),
                 "running_mean");
    expect_close(network_testing::to_array(weights.at("normalization1.running_variance")), at("running_variance", step),
                 "running_variance");
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenBatchRenormalization, ::testing::Values("images", "vectors"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace bnlab::layer_testing

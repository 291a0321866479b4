// Epsilon 0 and sets of equal values: they normalize to 0, so the output is beta, and the gradient of their input is 0.
// Other sets are as they are without them.
#include "config/names.h"
#include "network/network_testing.h"
#include "normalization/batch_testing.h"

namespace bnlab::layer_testing {
namespace {

using config::LayerNormOver;
using config::LpNorm;
using config::NormalizationConfig;
using config::NormalizationType;
using reference::SetOf;

constexpr double constant = static_cast<double>(0.7f);

/// A method, the sets that share statistics, and which of them is constant in the test.
struct Method {
  std::string name;
  NormalizationConfig config;
  SetOf set_of;
  std::int64_t constant_set;
};

std::ostream& operator<<(std::ostream& out, const Method& method) { return out << method.name; }

NormalizationConfig without_epsilon(NormalizationType type) {
  NormalizationConfig config = config_of(type);
  config.epsilon = 0;
  return config;
}

std::vector<Method> methods() {
  NormalizationConfig position = without_epsilon(NormalizationType::layer), group, ghost, lp;
  position.over = LayerNormOver::position;
  group = without_epsilon(NormalizationType::group);
  group.groups = 3;
  ghost = without_epsilon(NormalizationType::ghost);
  ghost.virtual_batch_size = 3;
  lp = without_epsilon(NormalizationType::lp);
  return {{"layer_over_image", without_epsilon(NormalizationType::layer), reference::channel_groups(18, 1), 1},
          {"layer_over_position", position, reference::positions(), 1000007},
          {"group", group, reference::channel_groups(18, 3), 4},
          {"instance", without_epsilon(NormalizationType::instance), reference::channel_groups(18, 18), 21},
          {"ghost", ghost, reference::virtual_batches(3), 1000003},
          {"lp", lp, reference::virtual_batches(1000), 3}};
}

class ConstantSets : public ::testing::TestWithParam<Method> {
 protected:
  static void check(const Shape& shape, std::int64_t constant_set, Layout layout) {
    const Method& method = GetParam();
    NormalizationRun normalization(method.config, shape, layout);
    std::mt19937_64 generator(31);
    const Values values = normalization.run.randomize(generator);
    const Array varied = random_array(shape, generator), diff_dst = random_array(shape, generator);
    const auto members = reference::members_of(shape, method.set_of).at(constant_set);
    Array src = varied;
    for (const std::size_t i : members) src.values[i] = constant;

    const Array &gamma = values.at("gamma"), &beta = values.at("beta");
    Array x_hat = reference::set_norm_forward(varied, method.set_of, nullptr, nullptr, 0);
    Array diff_src = reference::set_norm_backward(varied, diff_dst, method.set_of, &gamma, 0).diff_src;
    for (const std::size_t i : members) x_hat.values[i] = diff_src.values[i] = 0;
    Array dst = x_hat, diff_gamma = reference::zeros(gamma.shape), diff_beta = reference::zeros(beta.shape);
    reference::for_each_in_channel(shape, [&](std::int64_t channel, std::int64_t index) {
      const auto c = static_cast<std::size_t>(channel), i = static_cast<std::size_t>(index);
      dst.values[i] = gamma.values[c] * x_hat.values[i] + beta.values[c];
      diff_gamma.values[c] += diff_dst.values[i] * x_hat.values[i];
      diff_beta.values[c] += diff_dst.values[i];
    });

    const Array actual_dst = normalization.run.forward(src);
    const Array actual_diff_src = normalization.run.backward(diff_dst);
    expect_close(actual_dst, dst, "dst");
    expect_close(actual_diff_src, diff_src, "diff_src");
    expect_close(normalization.run.diff("gamma"), diff_gamma, "diff_gamma");
    expect_close(normalization.run.diff("beta"), diff_beta, "diff_beta");
    for (const std::size_t i : members) {
      EXPECT_EQ(actual_dst.values[i], dst.values[i]);
      EXPECT_EQ(actual_diff_src.values[i], 0);
    }
  }
};

TEST_P(ConstantSets, GiveBetaAndNoGradient) {
  for (const Layout layout : {Layout::row_major, Layout::blocked})
    check({4, 18, 5, 4}, GetParam().constant_set, layout);
}

TEST_P(ConstantSets, OfVectors) {
  const Method& method = GetParam();
  if (method.config.type == NormalizationType::instance) return;  // refused: sets of one value
  const bool of_position = method.config.over == LayerNormOver::position;
  check({6, 18}, of_position ? 2000000 : method.constant_set, Layout::row_major);
}

INSTANTIATE_TEST_SUITE_P(Methods, ConstantSets, ::testing::ValuesIn(methods()),
                         [](const auto& test) { return test.param.name; });

TEST(ConstantChannels, OfTheOtherNorms) {
  for (const LpNorm norm : {LpNorm::l1, LpNorm::linf}) {
    NormalizationConfig config = without_epsilon(NormalizationType::lp);
    config.norm = norm;
    const Shape shape{6, 17, 3, 3};
    NormalizationRun normalization(config, shape, Layout::row_major);
    std::mt19937_64 generator(32);
    const Values values = normalization.run.randomize(generator);
    const Array varied = random_array(shape, generator), diff_dst = random_array(shape, generator);
    const auto of = norm == LpNorm::l1 ? reference::Norm::l1 : reference::Norm::linf;
    const Array& gamma = values.at("gamma");
    Array dst = reference::lp_norm_forward(varied, of, &gamma, &values.at("beta"), 0).dst;
    reference::NormalizationGradients gradients = reference::lp_norm_backward(varied, diff_dst, of, &gamma, 0);
    Array src = varied;
    reference::for_each_in_channel(shape, [&](std::int64_t channel, std::int64_t index) {
      if (channel != 3) return;
      const auto i = static_cast<std::size_t>(index);
      src.values[i] = constant;
      dst.values[i] = values.at("beta").values[3];
      gradients.diff_src.values[i] = 0;
    });
    gradients.diff_gamma.values[3] = 0;
    expect_close(normalization.run.forward(src), dst, "dst");
    expect_close(normalization.run.backward(diff_dst), gradients.diff_src, "diff_src");
    expect_close(normalization.run.diff("gamma"), gradients.diff_gamma, "diff_gamma");
    expect_close(normalization.run.diff("beta"), gradients.diff_beta, "diff_beta");
  }
}

// Where the running variance is 0, there is nothing to correct towards.
TEST(ConstantChannels, OfBatchRenormalization) {
  const Shape shape{6, 17};
  onednn::RunState at_the_end{.step = 1, .steps = 1};
  NormalizationRun normalization(without_epsilon(NormalizationType::batch_renorm), shape, Layout::row_major,
                                 onednn::Mode::train, &at_the_end);
  std::mt19937_64 generator(33);
  const Values values = normalization.run.randomize(generator);
  Array src = random_array(shape, generator);
  reference::for_each_in_channel(shape, [&](std::int64_t channel, std::int64_t i) {
    if (channel == 3 || channel == 4) src.values[static_cast<std::size_t>(i)] = constant;
  });
  normalization.state().running_variance[3] = 0;
  normalization.state().running_variance[4] = 4;
  normalization.state().running_mean[4] = 0.5f;
  const Array dst = normalization.run.forward(src);
  const Array diff_src = normalization.run.backward(random_array(shape, generator));
  reference::for_each_in_channel(shape, [&](std::int64_t channel, std::int64_t index) {
    const auto c = static_cast<std::size_t>(channel), i = static_cast<std::size_t>(index);
    EXPECT_TRUE(std::isfinite(dst.values[i]) && std::isfinite(diff_src.values[i]));
    if (channel == 3) {
      EXPECT_EQ(dst.values[i], values.at("beta").values[c]);
    }
    if (channel == 4) {  // x_hat is 0 and d is (0.7 - 0.5) / 2
      EXPECT_NEAR(dst.values[i], values.at("beta").values[c] + values.at("gamma").values[c] * 0.1, 1e-6);
    }
    if (channel == 3 || channel == 4) {
      EXPECT_EQ(diff_src.values[i], 0);
    }
  });
}

}  // namespace
}  // namespace bnlab::layer_testing

namespace bnlab::network_testing {
namespace {

// The types that normalize in evaluation as in training.
TEST(ConstantSets, InEvaluation) {
  using config::NormalizationType;
  for (const auto type : {NormalizationType::layer, NormalizationType::group, NormalizationType::instance})
    for (const auto over : {config::LayerNormOver::image, config::LayerNormOver::position}) {
      config::RunConfig run =
          run_config(network_of(config::Normalization{}, config::Flatten{}, config::Dense{.units = 10}), type);
      run.normalization.epsilon = 0;
      run.normalization.groups = 3;
      run.normalization.over = over;
      const data::DatasetInfo dataset = dataset_of(6, 4, 5, 10);
      Network network(run, dataset, 3);
      std::mt19937_64 generator(34);
      Batch batch = random_batch(dataset, 3, generator);
      for (std::size_t i = 0; i < 120; ++i) batch.images.values[i] = static_cast<double>(0.7f);  // the first image
      const double loss = loss_of(network.train(), batch);
      EXPECT_TRUE(std::isfinite(loss));
      const auto evaluation = network.build(Mode::evaluate_population, 3);
      EXPECT_NEAR(loss_of(*evaluation, batch), loss, 1e-6);
    }
}

// With a running variance of 0 the output is beta, whatever the input.
TEST(ConstantSets, InEvaluationWithPopulationStatistics) {
  using config::NormalizationType;
  for (const auto type : {NormalizationType::batch, NormalizationType::ghost, NormalizationType::lp,
                          NormalizationType::batch_renorm, NormalizationType::noisy_batch, NormalizationType::frozen})
    for (const bool images : {false, true}) {
      config::RunConfig run =
          images ? run_config(network_of(config::Normalization{}, config::Flatten{}, config::Dense{.units = 10}), type)
                 : run_config(network_of(config::Flatten{}, config::Normalization{}, config::Dense{.units = 10}), type);
      run.normalization.epsilon = 0;
      const data::DatasetInfo dataset = dataset_of(6, images ? 4 : 1, images ? 5 : 1, 10);
      Network network(run, dataset, 3);
      normalization::NormalizationState& state = *network.states().front();
      std::fill(state.running_variance.begin(), state.running_variance.end(), 0.0f);
      network.use_running_statistics();
      std::mt19937_64 generator(35);
      const auto evaluation = network.build(Mode::evaluate_population, 3);
      const Batch batch = random_batch(dataset, 3, generator);
      // beta is 0 at the start, so the dense layer sees zeros, and its bias is 0
      const double loss = loss_of(*evaluation, batch);
      EXPECT_NEAR(loss, std::log(10.0), 1e-6) << config::name_of(type);
    }
}

}  // namespace
}  // namespace bnlab::network_testing

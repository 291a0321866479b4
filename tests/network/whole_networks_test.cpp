// M3 and V6 against double precision: one step's gradients, and five steps of training.
#include <limits>

#include "config/load.h"
#include "config/names.h"
#include "network/network_testing.h"
#include "training/optimizer.h"

namespace bnlab::network_testing {
namespace {

using config::NormalizationType;

const data::DatasetInfo images = dataset_of(1, 28, 28, 10);

config::RunConfig from_file(const std::string& network, NormalizationType type) {
  return run_config(config::load_network(std::string(BNLAB_SOURCE_DIR) + "/configs/networks/" + network + ".json"),
                    type);
}

reference::Placement placement_of(NormalizationType type) {
  return type == NormalizationType::none ? reference::Placement::none : reference::Placement::before_activation;
}

void expect_training_equals_the_reference(const config::RunConfig& config, reference::Net net, std::int64_t batch_size,
                                          std::uint64_t seed, double learning_rate, double allowed) {
  std::mt19937_64 generator(seed);
  reference::fill(net, generator, 1.5);
  Network network(config, images, batch_size);
  copy_weights(net, network);
  const reference::Sgd sgd{.learning_rate = learning_rate, .momentum = 0.9, .weight_decay = 0.01};
  const config::OptimizerConfig optimizer_config = with_momentum(sgd.momentum, sgd.weight_decay);
  const auto optimizer = training::make_optimizer(optimizer_config, network.parameters(), 1);
  for (int step = 0; step < 5; ++step) {
    const Batch batch = random_batch(images, batch_size, generator);
    forward_backward(network.train(), batch);
    network.update_running_statistics();
    optimizer->step(learning_rate);
    const double expected = net.train_step(batch.images, batch.labels, sgd).loss;
    EXPECT_NEAR(network.train().loss(), expected, allowed * expected) << "step " << step + 1;
  }
  expect_same_weights(network, net, allowed);
}

class M3 : public ::testing::TestWithParam<NormalizationType> {};

TEST_P(M3, GradientsEqualTheReference) {
  for (const std::int64_t batch_size : {4, 60}) {
    reference::Net net = reference::m3(placement_of(GetParam()));
    expect_reference(from_file("mlp_3x100_sigmoid", GetParam()), images, net, batch_size, reference::Mode::batch);
  }
}

TEST_P(M3, FiveStepsEqualTheReference) {
  expect_training_equals_the_reference(from_file("mlp_3x100_sigmoid", GetParam()),
                                       reference::m3(placement_of(GetParam())), 16, 2, 0.1, tolerance);
}

INSTANTIATE_TEST_SUITE_P(All, M3, ::testing::Values(NormalizationType::none, NormalizationType::batch),
                         [](const auto& test) { return std::string(config::name_of(test.param)); });

/// Places where single and double precision take different sides: a pre-activation of another sign, a window of which
/// another value wins. There the gradients differ by whole terms, whatever the arithmetic. Equals among the zeros of a
/// ReLU don't count: no gradient passes them.
std::int64_t kinks_taken_differently(const Executable& observer, const reference::Net& net) {
  std::int64_t count = 0;
  for (const auto& seen : observer.observations()) {
    const auto values = std::span(seen.data(), static_cast<std::size_t>(reference::volume(seen.shape)));
    if (seen.tensor == "input") {
      const Array& expected = net.src(seen.layer);
      for (std::size_t i = 0; i < values.size(); ++i) count += (values[i] > 0.0f) != (expected.values[i] > 0.0);
    } else if (const char number = seen.layer.back(); (number - '0') % 2 == 0) {  // behind each second one lies a pool
      const Array actual = reference::from_floats(seen.shape, values);
      const auto winners = reference::max_pool_winners(actual, {});
      const auto expected = reference::max_pool_winners(net.dst(seen.layer), {});
      for (std::size_t i = 0; i < winners.size(); ++i)
        count += winners[i] != expected[i] && net.dst(seen.layer).values[static_cast<std::size_t>(expected[i])] > 0.0;
    }
  }
  return count;
}

TEST(V6, GradientsEqualTheReference) {
  const config::RunConfig config = from_file("vgg6", NormalizationType::batch);
  Network network(config, images, 4, true);
  const auto observer = network.build(Mode::observe, 4);
  // Among 350,000 pre-activations the nearest to zero lies about as near as f32 is exact. So take the first of some
  // seeds at which both precisions are on the same side of every kink.
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    std::mt19937_64 generator(seed);
    reference::Net net = reference::v6(reference::Placement::before_activation);
    reference::fill(net, generator, 1.5);
    copy_weights(net, network);
    const Batch batch = random_batch(images, 4, generator);
    loss_of(*observer, batch);
    const reference::Loss expected = net.loss(batch.images, batch.labels, reference::Mode::batch);
    for (const auto& seen : observer->observations())
      if (seen.tensor == "input")
        expect_close(
            reference::from_floats(seen.shape, {seen.data(), static_cast<std::size_t>(reference::volume(seen.shape))}),
            net.src(seen.layer), seen.layer + " input");
    if (kinks_taken_differently(*observer, net) > 0) continue;

    RecordProperty("seed", std::to_string(seed));
    forward_backward(network.train(), batch);
    const Array diff = net.backward(expected.diff_logits);
    EXPECT_NEAR(network.train().loss(), expected.loss, tolerance * expected.loss);
    expect_close(diff_images(network.train(), diff.shape), diff, "diff images");
    expect_same_gradients(network, net);
    return;
  }
  FAIL() << "at each seed some kink lies within rounding";
}

// The same layers with a function that has no kinks, so that nothing but rounding lies between the two.
TEST(V6, WithTanhAndAveragesTrainsAsTheReference) {
  config::RunConfig config = from_file("vgg6", NormalizationType::batch);
  config.network.activation = config::Activation::tanh;
  reference::Net net;
  std::int64_t channels = 1;
  for (const std::int64_t outputs : {32, 64, 128}) {
    for (int repeat = 0; repeat < 2; ++repeat) {
      net.conv(channels, outputs, {3, 3}, {{1, 1}, {1, 1}, 1}, false);
      net.normalization(outputs).activation(reference::Activation::tanh);
      channels = outputs;
    }
    net.avg_pool();
  }
  net.flatten().dense(128 * 3 * 3, 10);
  const auto replace = [](auto& self, std::vector<config::Block>& blocks) -> void {
    for (config::Block& block : blocks) {
      if (std::holds_alternative<config::MaxPool>(block.spec)) block.spec = config::AvgPool{};
      if (auto* repeat = std::get_if<config::Repeat>(&block.spec)) self(self, repeat->layers);
    }
  };
  replace(replace, config.network.layers);
  expect_training_equals_the_reference(config, net, 4, 3, 0.02, tolerance);
}

// Kinks that are taken differently at some step leave a trace in the weights, far below a wrong gradient's.
TEST(V6, FiveStepsEqualTheReference) {
  expect_training_equals_the_reference(from_file("vgg6", NormalizationType::batch),
                                       reference::v6(reference::Placement::before_activation), 4, 1, 0.002, 1e-4);
}

}  // namespace
}  // namespace bnlab::network_testing

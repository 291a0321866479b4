// Normalization between its neighbours: merged with the ReLU behind it or not, before and after activations.
#include "config/names.h"
#include "network/network_testing.h"

namespace bnlab::network_testing {
namespace {

using config::Activation;
using config::NormalizationType;
using config::Placement;

reference::Activation of(Activation function) {
  switch (function) {
    case Activation::relu:
      return reference::Activation::relu;
    case Activation::sigmoid:
      return reference::Activation::sigmoid;
    case Activation::tanh:
      return reference::Activation::tanh;
    default:  // no others here
      break;
  }
  return reference::Activation::identity;
}

struct Case {
  NormalizationType type;
  Placement placement;
  Activation activation;
  bool affine;
};

class NormalizationInNetwork : public ::testing::TestWithParam<Case> {
 protected:
  static config::RunConfig config(config::NetworkConfig network) {
    config::RunConfig config = run_config(std::move(network), GetParam().type);
    config.normalization.placement = GetParam().placement;
    config.normalization.affine = GetParam().affine;
    return config;
  }
  // A normalization right behind the linear layer takes the bias's place.
  static bool has_bias() { return GetParam().placement == Placement::after_activation; }
  static reference::Mode mode() {
    return GetParam().type == NormalizationType::frozen ? reference::Mode::frozen : reference::Mode::batch;
  }
  static void finish(reference::Net& net, std::int64_t channels) {
    const bool before = GetParam().placement == Placement::before_activation;
    reference::finish_block(net, channels, of(GetParam().activation),
                            before ? reference::Placement::before_activation : reference::Placement::after_activation,
                            {.affine = GetParam().affine});
  }
};

TEST_P(NormalizationInNetwork, OfUnitsEqualsTheReference) {
  const Activation activation = GetParam().activation;
  reference::Net net;
  net.flatten().dense(17, 17, has_bias());
  finish(net, 17);
  net.dense(17, 100, has_bias());
  finish(net, 100);
  net.dense(100, 7);
  expect_reference(config(network_of(config::Flatten{}, dense_block(17, activation), dense_block(100, activation),
                                     config::Dense{.units = 7})),
                   dataset_of(17, 1, 1, 7), net, 13, mode());
}

TEST_P(NormalizationInNetwork, OfChannelsEqualsTheReference) {
  const Activation activation = GetParam().activation;
  reference::Net net;
  net.conv(3, 17, {3, 3}, {{1, 1}, {1, 1}, 1}, has_bias());
  finish(net, 17);
  net.conv(17, 20, {3, 3}, {{1, 1}, {1, 1}, 1}, has_bias());
  finish(net, 20);
  net.max_pool().flatten().dense(20 * 2 * 3, 5);
  expect_reference(config(network_of(conv_block(17, activation), conv_block(20, activation), config::MaxPool{},
                                     config::Flatten{}, config::Dense{.units = 5})),
                   dataset_of(3, 5, 6, 5), net, 3, mode());
}

// The observing program merges nothing; oneDNN does the same arithmetic either way.
TEST_P(NormalizationInNetwork, ObservingGivesTheSameBits) {
  const Activation activation = GetParam().activation;
  const data::DatasetInfo dataset = dataset_of(3, 6, 6, 5);
  for (const bool units : {false, true}) {
    const config::NetworkConfig layers = units ? network_of(config::Flatten{}, dense_block(100, activation),
                                                            dense_block(17, activation), config::Dense{.units = 5})
                                               : network_of(conv_block(17, activation), conv_block(32, activation),
                                                            config::Flatten{}, config::Dense{.units = 5});
    Network network(config(layers), dataset, 6, true);
    const auto observer = network.build(Mode::observe, 6, true);
    std::mt19937_64 generator(21);
    const Batch batch = random_batch(dataset, 6, generator);
    forward_backward(network.train(), batch);
    const NpzArrays gradients = network.gradients();
    network.parameters().diffs()[0] = 7.0f;
    forward_backward(*observer, batch);
    EXPECT_EQ(observer->loss(), network.train().loss());
    EXPECT_EQ(observer->correct(), network.train().correct());
    expect_equal(network.gradients(), gradients);
    EXPECT_EQ(diff_images(*observer, batch.images.shape).values,
              diff_images(network.train(), batch.images.shape).values);
    EXPECT_EQ(observer->observations().size(), 4U);
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto type : {NormalizationType::batch, NormalizationType::frozen})
    for (const auto placement : {Placement::before_activation, Placement::after_activation})
      for (const auto activation : {Activation::relu, Activation::sigmoid, Activation::identity})
        all.push_back({type, placement, activation, activation != Activation::identity});
  all.push_back({NormalizationType::batch, Placement::before_activation, Activation::relu, false});
  all.push_back({NormalizationType::frozen, Placement::before_activation, Activation::relu, false});
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, NormalizationInNetwork, ::testing::ValuesIn(cases()), [](const auto& test) {
  const Case& c = test.param;
  return std::string(c.type == NormalizationType::batch ? "batch" : "frozen") +
         (c.placement == Placement::before_activation ? "_before_" : "_after_") + config::name_of(c.activation) +
         (c.affine ? "" : "_without_affine");
});

// A kernel of batch normalization and a ReLU of its own are never in one program.
TEST(NormalizationFusion, MergesTheReluInTrainingAndNotWhereProbesLook) {
  const config::RunConfig config =
      run_config(network_of(config::Flatten{}, dense_block(17, Activation::relu), config::Dense{.units = 5}),
                 NormalizationType::batch);
  Network network(config, dataset_of(1, 4, 4, 5), 6);
  const auto relu_calls = [](const Executable& executable) {
    const auto& calls = executable.program().calls();
    return std::count_if(calls.begin(), calls.end(), [](const auto& call) { return call.layer == "activation1"; });
  };
  EXPECT_EQ(relu_calls(network.train()), 0);
  EXPECT_EQ(relu_calls(*network.build(Mode::evaluate_population, 6)), 0);
  EXPECT_GT(relu_calls(*network.build(Mode::observe, 6)), 0);
}

}  // namespace
}  // namespace bnlab::network_testing

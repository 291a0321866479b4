// Dropout in whole networks, against double precision with the same masks.
#include "layers/dropout.h"
#include "network/blocks_testing.h"

namespace bnlab::network_testing {
namespace {

Array mask_of(const Network& network, const std::string& layer, std::uint64_t seed, std::int64_t step,
              std::int64_t batch_size) {
  NpyArray masks = layers::dropout_masks(network.layers(), seed, step, batch_size).at(layer);
  const Shape shape(masks.shape.begin() + 1, masks.shape.end());
  const auto& values = std::get<std::vector<std::int32_t>>(masks.values);
  return {shape, {values.end() - reference::volume(shape), values.end()}};
}

TEST(DropoutBlock, InANetworkEqualsTheReferenceWithTheSameMasks) {
  const data::DatasetInfo dataset = dataset_of(2, 5, 4, 5);
  config::NetworkConfig blocks =
      network_of(config::Dropout{.rate = 0.25}, conv_tanh(17), config::Dropout{}, config::Flatten{},
                 dense_block(20, Activation::tanh), config::Dropout{}, config::Dense{.units = 5});
  blocks.dropout = 0.5;
  config::RunConfig config = run_config(blocks, NormalizationType::batch);
  config.training.seed = 99;
  Network network(config, dataset, 6);
  std::mt19937_64 generator(11);
  const Batch batch = random_batch(dataset, 6, generator);
  std::vector<double> losses;
  for (const std::int64_t step : {1, 2, 1000}) {
    Net net;
    net.dropout(mask_of(network, "dropout1", 99, step, 6), 0.25);
    add_conv_tanh(net, 2, 17, true).dropout(mask_of(network, "dropout2", 99, step, 6), 0.5).flatten();
    net.dense(17 * 20, 20, false).normalization(20).activation(reference::Activation::tanh);
    net.dropout(mask_of(network, "dropout3", 99, step, 6), 0.5).dense(20, 5);
    std::mt19937_64 fill(12);
    reference::fill(net, fill);
    copy_weights(net, network);
    network.train().set_step(step, 1000);
    forward_backward(network.train(), batch);
    losses.push_back(net.gradients(batch.images, batch.labels, reference::Mode::batch).loss);
    EXPECT_NEAR(network.train().loss(), losses.back(), tolerance * losses.back());
    expect_same_gradients(network, net);
    network.use_running_statistics();
    const double frozen = net.loss(batch.images, batch.labels, reference::Mode::frozen).loss;
    EXPECT_NEAR(loss_of(*network.build(Mode::evaluate_population, 6), batch), frozen, tolerance * frozen);
  }
  EXPECT_NE(losses[0], losses[1]);
}

TEST(DropoutBlock, OfRateZeroIsLeftOut) {
  const auto config = run_config(network_of(config::Flatten{}, config::Dropout{}, config::Dense{.units = 5}));
  const Network network(config, dataset_of(1, 3, 4, 5), 2);
  for (const auto* layer : network.layers()) EXPECT_NE(layer->type(), "dropout");
}

}  // namespace
}  // namespace bnlab::network_testing

// Concat blocks in whole networks, against double precision.
#include "network/blocks_testing.h"

namespace bnlab::network_testing {
namespace {

TEST(ConcatBlock, OfAnyChannelsEqualsTheReference) {
  for (const auto& [first, second] : std::vector<std::pair<std::int64_t, std::int64_t>>{{17, 5}, {16, 32}, {1, 1}})
    for (const auto type : {NormalizationType::none, NormalizationType::batch}) {
      const bool normalized = type == NormalizationType::batch;
      config::Concat block;
      block.branches = {
          {Block{conv_tanh(first)}},
          {},
          {Block{config::MaxPool{config::Pool{.kernel = {3, 3}, .stride = config::Extent{1, 1}, .padding = {1, 1}}}},
           Block{conv_tanh(second)}}};
      Net one, pooled;
      add_conv_tanh(one, 3, first, normalized);
      pooled.max_pool({{3, 3}, {1, 1}, {1, 1}});
      add_conv_tanh(pooled, 3, second, normalized);
      Net net;
      const std::int64_t channels = first + 3 + second;
      net.conv(2, 3, {3, 3}, same).concat({one, {}, pooled}).activation(reference::Activation::sigmoid);
      net.conv(channels, 4, {1, 1}, {}).flatten().dense(4 * 30, 5);
      const auto config = run_config(
          network_of(config::Conv{.channels = 3}, block, config::ActivationBlock{Activation::sigmoid},
                     config::Conv{.channels = 4, .kernel = {1, 1}}, config::Flatten{}, config::Dense{.units = 5}),
          type);
      expect_equals(config, dataset_of(2, 5, 6, 5), net, 4);
      expect_training_equals(config, dataset_of(2, 5, 6, 5), net, 4, 5);
    }
}

TEST(ConcatBlock, BeforeAnyParameterAndOfVectors) {
  config::Concat images, vectors;
  images.branches = {{Block{conv_tanh(5)}}, {}, {Block{tanh_block}}};
  vectors.branches = {{}, {Block{dense_block(7, Activation::tanh)}}, {Block{tanh_block}}};
  Net conv, dense;
  add_conv_tanh(conv, 3, 5, true);
  dense.dense(11 * 12, 7, false).normalization(7).activation(reference::Activation::tanh);
  const Net tanh = Net().activation(reference::Activation::tanh);
  Net net;
  net.concat({conv, {}, tanh}).flatten().concat({{}, dense, tanh}).dense(2 * 11 * 12 + 7, 5);
  const auto config =
      run_config(network_of(images, config::Flatten{}, vectors, config::Dense{.units = 5}), NormalizationType::batch);
  expect_equals(config, dataset_of(3, 4, 3, 5), net, 4);
  expect_training_equals(config, dataset_of(3, 4, 3, 5), net, 4, 6);
}

TEST(ConcatBlock, OfOneBranchAndAResidualBlockInABranch) {
  config::Concat one, two;
  one.branches = {{Block{conv_tanh(7)}}};
  two.branches = {{Block{residual_block(9, 7)}, Block{conv_tanh(6, 2)}},
                  {Block{config::AvgPool{}}, Block{conv_tanh(18)}}};
  Net single, with_residual, pooled;
  add_conv_tanh(single, 2, 7, true);
  with_residual.residual(residual_body(7, 9, 7, true), {});
  add_conv_tanh(with_residual, 7, 6, true, 2);
  pooled.avg_pool();
  add_conv_tanh(pooled, 7, 18, true);
  Net net;
  net.concat({single}).concat({with_residual, pooled}).activation(reference::Activation::tanh);
  net.global_avg_pool().flatten().dense(24, 5);
  expect_equals(run_config(network_of(one, two, tanh_block, config::GlobalAvgPool{}, config::Dense{.units = 5}),
                           NormalizationType::batch),
                dataset_of(2, 6, 4, 5), net, 4);
}

TEST(ConcatBlock, OfGlobalAverages) {
  config::Concat block;
  block.branches = {{Block{conv_tanh(17)}, Block{config::GlobalAvgPool{}}}, {Block{config::GlobalAvgPool{}}}};
  Net one;
  add_conv_tanh(one, 3, 17, true).global_avg_pool().flatten();
  Net net;
  net.concat({one, Net().global_avg_pool().flatten()}).dense(20, 5);
  expect_equals(run_config(network_of(block, config::Dense{.units = 5}), NormalizationType::batch),
                dataset_of(3, 5, 4, 5), net, 4);
}

}  // namespace
}  // namespace bnlab::network_testing

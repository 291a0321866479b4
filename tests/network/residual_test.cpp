// Residual blocks in whole networks, against double precision.
#include "network/blocks_testing.h"

namespace bnlab::network_testing {
namespace {

struct ResidualCase {
  const char* name;
  Shortcut shortcut;
  std::int64_t inputs, outputs, stride;
  bool normalized;
  bool has_scalar;
  bool has_layer_scale = false;
};

class ResidualBlock : public ::testing::TestWithParam<ResidualCase> {};

TEST_P(ResidualBlock, EqualsTheReference) {
  const ResidualCase& c = GetParam();
  config::Residual block = residual_block(19, c.outputs, c.stride);
  block.shortcut = c.shortcut;
  if (c.has_scalar) block.scalar = 0.0;
  if (c.has_layer_scale) block.layer_scale = 1e-6;
  const std::int64_t scaled_channels = c.has_layer_scale ? c.outputs : 0;
  Net shortcut;
  if (c.shortcut == Shortcut::projection) shortcut = projection(c.inputs, c.outputs, c.normalized, c.stride);
  if (c.shortcut == Shortcut::padding) shortcut.padding_shortcut(c.outputs, c.stride);
  const auto type = c.normalized ? NormalizationType::batch : NormalizationType::none;
  const std::int64_t height = (9 + c.stride - 1) / c.stride, width = (7 + c.stride - 1) / c.stride;

  // Behind a layer with weights, and before any: there the gradient of the input is wanted, or nothing at all.
  Net behind;
  add_conv_tanh(behind, 3, c.inputs, c.normalized);
  behind.residual(residual_body(c.inputs, 19, c.outputs, c.normalized, c.stride), shortcut, c.has_scalar,
                  scaled_channels);
  behind.activation(reference::Activation::tanh).flatten().dense(c.outputs * height * width, 5);
  const auto behind_config = run_config(
      network_of(conv_tanh(c.inputs), block, tanh_block, config::Flatten{}, config::Dense{.units = 5}), type);
  expect_equals(behind_config, dataset_of(3, 9, 7, 5), behind, 4);
  expect_training_equals(behind_config, dataset_of(3, 9, 7, 5), behind, 4, 2);

  Net first;
  first.residual(residual_body(c.inputs, 19, c.outputs, c.normalized, c.stride), shortcut, c.has_scalar,
                 scaled_channels);
  first.activation(reference::Activation::tanh).flatten().dense(c.outputs * height * width, 5);
  const auto first_config =
      run_config(network_of(block, tanh_block, config::Flatten{}, config::Dense{.units = 5}), type);
  expect_equals(first_config, dataset_of(c.inputs, 9, 7, 5), first, 3);
  expect_training_equals(first_config, dataset_of(c.inputs, 9, 7, 5), first, 3, 3);
}

INSTANTIATE_TEST_SUITE_P(
    All, ResidualBlock,
    ::testing::Values(ResidualCase{"identity", Shortcut::identity, 17, 17, 1, true, false},
                      ResidualCase{"identity_plain", Shortcut::identity, 32, 32, 1, false, false},
                      ResidualCase{"identity_scalar", Shortcut::identity, 17, 17, 1, false, true},
                      ResidualCase{"projection", Shortcut::projection, 17, 33, 2, true, false},
                      ResidualCase{"projection_plain", Shortcut::projection, 1, 16, 2, false, false},
                      ResidualCase{"projection_scalar", Shortcut::projection, 5, 32, 1, true, true},
                      ResidualCase{"padding", Shortcut::padding, 17, 33, 2, true, false},
                      ResidualCase{"padding_of_channels", Shortcut::padding, 3, 16, 1, true, false},
                      ResidualCase{"padding_scalar", Shortcut::padding, 16, 32, 2, false, true},
                      ResidualCase{"identity_layer_scale", Shortcut::identity, 17, 17, 1, true, false, true},
                      ResidualCase{"projection_layer_scale", Shortcut::projection, 5, 32, 2, true, false, true}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ResidualBlock, OfVectors) {
  config::Residual same_size, projected;
  same_size.body = {Block{dense_block(17, Activation::tanh)}, Block{config::Dense{.units = 17}}};
  projected.body = {Block{dense_block(20, Activation::tanh)}};
  Net body, wider, shortcut;
  body.dense(17, 17, false).normalization(17).activation(reference::Activation::tanh).dense(17, 17);
  wider.dense(17, 20, false).normalization(20).activation(reference::Activation::tanh);
  shortcut.dense(17, 20, false).normalization(20);
  Net net;
  net.flatten().dense(12, 17).residual(body, {}, true).residual(wider, shortcut, true).dense(20, 5);
  config::NetworkConfig network =
      network_of(config::Flatten{}, config::Dense{.units = 17}, same_size, projected, config::Dense{.units = 5});
  network.residual_scalar = 1.0;
  expect_equals(run_config(network, NormalizationType::batch), dataset_of(1, 4, 3, 5), net, 6);

  // The second block has a factor of its own, which comes before the network's factors of channels.
  Net scaled;
  scaled.flatten().dense(12, 17).residual(body, {}, false, 17).residual(wider, shortcut, true).dense(20, 5);
  network.residual_scalar = std::nullopt;
  network.layer_scale = 0.1;
  std::get<config::Residual>(network.layers[3].spec).scalar = 1.0;
  expect_equals(run_config(network, NormalizationType::batch), dataset_of(1, 4, 3, 5), scaled, 6);
}

// Those of the body and of the projection, but not where a layer says otherwise.
TEST(ResidualBlock, WithStandardizedWeights) {
  config::ConvBlock first = conv_tanh(6);
  first.weight_standardization = false;
  config::NetworkConfig network =
      network_of(first, residual_block(7, 9, 2), tanh_block, config::Flatten{}, config::Dense{.units = 5});
  network.weight_standardization = true;
  config::RunConfig run = run_config(network, NormalizationType::group);
  run.normalization.groups = 1;
  Net body, shortcut, net;
  const auto add_norm = [](Net& to, std::int64_t channels) {
    reference::NormalizationOptions options;
    options.method = reference::Method::group;
    options.groups = 1;
    to.normalization(channels, options);
  };
  body.conv(6, 7, {3, 3}, strided, true, true);
  add_norm(body, 7);
  body.activation(reference::Activation::tanh).conv(7, 9, {3, 3}, same, true, true);
  add_norm(body, 9);
  shortcut.conv(6, 9, {1, 1}, {{2, 2}, {0, 0}, 1}, true, true);
  add_norm(shortcut, 9);
  net.conv(3, 6, {3, 3}, same, true);
  add_norm(net, 6);
  net.activation(reference::Activation::tanh).residual(body, shortcut).activation(reference::Activation::tanh);
  net.flatten().dense(9 * 5 * 4, 5);
  expect_equals(run, dataset_of(3, 9, 7, 5), net, 4);
  expect_training_equals(run, dataset_of(3, 9, 7, 5), net, 4, 2);
}

// Nothing before the block and nothing in it has parameters: only the factor learns.
TEST(ResidualBlock, WithoutParametersButTheScalar) {
  config::Residual block;
  block.body = {Block{tanh_block}};
  block.scalar = 0.5;
  Net net;
  net.residual(Net().activation(reference::Activation::tanh), {}, true).flatten().dense(3 * 20, 5);
  const auto config = run_config(network_of(block, config::Flatten{}, config::Dense{.units = 5}));
  expect_equals(config, dataset_of(3, 4, 5, 5), net, 3);
  expect_training_equals(config, dataset_of(3, 4, 5, 5), net, 3, 4);
}

TEST(ResidualBlock, InAResidualBlock) {
  config::Residual inner = residual_block(16, 16), outer;
  outer.body = {Block{inner}, Block{tanh_block}, Block{config::Conv{.channels = 24}}};
  Net body;
  body.residual(residual_body(16, 16, 16, true), {}).activation(reference::Activation::tanh);
  body.conv(16, 24, {3, 3}, same);
  Net net;
  add_conv_tanh(net, 2, 16, true).residual(body, projection(16, 24, true, 1)).global_avg_pool().flatten().dense(24, 5);
  expect_equals(run_config(network_of(conv_tanh(16), outer, config::GlobalAvgPool{}, config::Dense{.units = 5}),
                           NormalizationType::batch),
                dataset_of(2, 5, 6, 5), net, 4);
}

// A ReLU behind a normalization may be merged with it, in a body as elsewhere.
TEST(ResidualBlock, WithMergedReluEqualsTheReference) {
  config::Residual block;
  block.body = {Block{conv_block(17, Activation::relu)}, Block{config::Conv{.channels = 17}},
                Block{config::Normalization{}}};
  Net body;
  body.conv(17, 17, {3, 3}, same, false).normalization(17).activation(reference::Activation::relu);
  body.conv(17, 17, {3, 3}, same, false).normalization(17);
  Net net;
  net.conv(2, 17, {3, 3}, same, false).normalization(17).activation(reference::Activation::relu);
  net.residual(body, {}).activation(reference::Activation::relu).global_avg_pool().flatten().dense(17, 5);
  expect_reference(
      run_config(network_of(conv_block(17, Activation::relu), block, config::ActivationBlock{Activation::relu},
                            config::GlobalAvgPool{}, config::Dense{.units = 5}),
                 NormalizationType::batch),
      dataset_of(2, 5, 4, 5), net, 3, reference::Mode::batch);
}

}  // namespace
}  // namespace bnlab::network_testing

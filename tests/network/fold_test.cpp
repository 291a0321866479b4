// Normalizations folded into the layers before them.
#include "network/fold.h"

#include "network/blocks_testing.h"
#include "util/errors.h"

namespace bnlab::network_testing {
namespace {

using network::check_fold;
using network::folded_config;
using network::folded_weights;

const data::DatasetInfo images = dataset_of(3, 9, 7, 5);

/// What the last layer gives in evaluation.
Array outputs(Network& network, const Batch& batch) {
  network.use_running_statistics();
  const auto program = network.build(Mode::observe_population, batch.images.dim(0), false, {"dst"});
  loss_of(*program, batch);
  const onednn::Observation& last = program->observations().back();
  return reference::from_floats(last.shape, {last.data(), static_cast<std::size_t>(reference::volume(last.shape))});
}

void set_random_state(Network& network, std::mt19937_64& generator) {
  NpzArrays weights = network.weights();
  for (auto& [name, array] : weights) {
    const bool is_variance = name.ends_with("variance"), is_gamma = name.ends_with("gamma");
    array = to_npy(reference::random_uniform(array.shape, generator,
                                             is_variance ? 0.1
                                             : is_gamma  ? -1
                                                         : -0.5,
                                             is_variance ? 3 : 0.5));
  }
  network.set_weights(weights);
}

config::RunConfig mixed(NormalizationType type) {
  config::Residual factor = residual_block(9, 9);
  factor.scalar = 0.5;
  config::ConvBlock plain = conv_tanh(4);
  plain.bias = true;
  config::Concat concat{.branches = {{Block{conv_tanh(5)}}, {Block{plain}}, {}}};
  config::DenseBlock dense = dense_block(11, Activation::tanh);
  dense.bias = false;
  config::RunConfig run =
      run_config(network_of(conv_tanh(6), residual_block(7, 9, 2), tanh_block, factor, concat,
                            config::Dropout{.rate = 0.5}, config::Flatten{}, dense, config::Dense{.units = 5}),
                 type);
  run.normalization.epsilon = 1e-2;
  return run;
}

TEST(Fold, GivesTheOutputsOfTheEvaluatedNetwork) {
  for (const NormalizationType type :
       {NormalizationType::batch, NormalizationType::ghost, NormalizationType::lp, NormalizationType::batch_renorm,
        NormalizationType::noisy_batch, NormalizationType::frozen})
    for (const bool is_variant : {false, true}) {
      SCOPED_TRACE(config::name_of(type) + (is_variant ? ", masked, standardized, without gamma" : ""));
      config::RunConfig run = mixed(type);
      if (is_variant) {
        run.normalization.mask.kind = config::LayerMask::Kind::every;
        run.normalization.mask.every = 2;
        run.network.weight_standardization = true;
        run.normalization.affine = false;
      }
      std::mt19937_64 generator(1);
      Network network(run, images, 4);
      set_random_state(network, generator);
      const Batch batch = random_batch(images, 3, generator);
      check_fold(run, network.assembly());
      Network folded(folded_config(run), images, 4);
      folded.set_weights(folded_weights(run, network));
      EXPECT_FALSE(folded.has_population_statistics());
      const Array expected = outputs(network, batch);
      expect_close(outputs(folded, batch), expected, "outputs");
      EXPECT_GT(reference::max_abs(expected), 0.01);
    }
}

void expect_refused(const config::RunConfig& run, const std::string& part) {
  try {
    check_fold(run, *network::assemble(run, images));
    ADD_FAILURE() << "not refused: " << part;
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Fold, NamesWhatCannotBeFolded) {
  expect_refused(mixed(NormalizationType::layer), "normalization.type: layer");
  expect_refused(mixed(NormalizationType::none), "normalization.type: none");
  config::RunConfig run = mixed(NormalizationType::batch);
  run.normalization.placement = config::Placement::after_activation;
  expect_refused(run, "normalization1 cannot be folded: it follows activation1");
  run = mixed(NormalizationType::batch);
  run.normalization.normalize_input = true;
  expect_refused(run, "input_normalization cannot be folded");
  run = mixed(NormalizationType::noisy_batch);
  run.normalization.noise.in_evaluation = true;
  expect_refused(run, "noise");
  // Its input goes to the shortcut, too.
  config::Residual preactivation;
  preactivation.body = {Block{config::Normalization{}}, Block{conv_tanh(6)}};
  const config::Conv conv{.channels = 6};
  run = run_config(network_of(conv, preactivation, config::Flatten{}, config::Dense{.units = 5}),
                   NormalizationType::batch);
  expect_refused(run, "normalization1 cannot be folded: no layer is directly before it");
  run = run_config(network_of(config::Recurrent{.units = 6}, config::Dense{.units = 5}), NormalizationType::batch);
  expect_refused(run, "normalization1 cannot be folded: it is part of recurrent1");
}

}  // namespace
}  // namespace bnlab::network_testing

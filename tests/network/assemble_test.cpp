// Masks, placement, the bias rule, names; and the errors of networks that don't fit.
#include "network/assemble.h"

#include <set>

#include "network/network_testing.h"
#include "util/errors.h"

namespace bnlab::network_testing {
namespace {

using config::Activation;
using config::LayerMask;
using config::NormalizationType;
using config::Placement;

const data::DatasetInfo dataset = dataset_of(1, 8, 8, 10);

config::NetworkConfig five_sites() {
  config::Repeat repeat{.count = 3, .layers = {config::Block{dense_block(7, Activation::relu)}}};
  return network_of(conv_block(4, Activation::relu), config::Flatten{}, repeat, config::Normalization{},
                    config::Dense{.units = 10});
}

config::RunConfig masked(const LayerMask& mask, NormalizationType type = NormalizationType::batch) {
  config::RunConfig config = run_config(five_sites(), type);
  config.normalization.mask = mask;
  return config;
}

std::set<std::string> parameters_of(const config::RunConfig& config) {
  Network network(config, dataset, 2);
  std::set<std::string> names;
  for (const auto& parameter : network.parameters().all()) names.insert(parameter->name);
  return names;
}

std::set<int> sites_with_parameters(const LayerMask& mask) {
  const std::set<std::string> names = parameters_of(masked(mask));
  std::set<int> sites;
  for (int site = 1; site <= 9; ++site)
    if (names.count("normalization" + std::to_string(site) + ".gamma")) sites.insert(site);
  return sites;
}

TEST(NormalizationMask, ChoosesTheSitesThatHaveParameters) {
  using Kind = LayerMask::Kind;
  EXPECT_EQ(sites_with_parameters({Kind::all, {}}), (std::set{1, 2, 3, 4, 5}));
  EXPECT_EQ(sites_with_parameters({Kind::first, {}}), (std::set{1}));
  EXPECT_EQ(sites_with_parameters({Kind::last, {}}), (std::set{5}));
  EXPECT_EQ(sites_with_parameters({.kind = Kind::list, .list = {2, 4}}), (std::set{2, 4}));
  EXPECT_EQ(sites_with_parameters({.kind = Kind::list, .list = {}}), (std::set<int>{}));
  EXPECT_EQ(sites_with_parameters({.kind = Kind::every, .list = {}, .every = 2}), (std::set{2, 4}));
  EXPECT_EQ(sites_with_parameters({.kind = Kind::every, .list = {}, .every = 1}), (std::set{1, 2, 3, 4, 5}));
  EXPECT_THROW(sites_with_parameters({.kind = Kind::every, .list = {}, .every = 6}), ConfigError);
}

TEST(NormalizationMask, ThatNamesASiteThatIsNotThereIsAnError) {
  for (const std::int64_t site : {0, 6, -1}) try {
      network::check(masked({.kind = LayerMask::Kind::list, .list = {1, site}}), dataset);
      ADD_FAILURE() << "site " << site;
    } catch (const ConfigError& error) {
      EXPECT_EQ(std::string(error.what()),
                "normalization.mask: the network has 5 normalization sites, got site " + std::to_string(site));
    }
}

// A masked network is the reference's without those sites.
TEST(NormalizationMask, LeavesTheOtherSitesAsTheyWouldBeWithout) {
  reference::Net net;
  net.flatten().dense(64, 17).activation(reference::Activation::sigmoid);
  net.dense(17, 19, false).normalization(19).activation(reference::Activation::sigmoid).dense(19, 10);
  config::RunConfig config = run_config(network_of(config::Flatten{}, dense_block(17, Activation::sigmoid),
                                                   dense_block(19, Activation::sigmoid), config::Dense{.units = 10}),
                                        NormalizationType::batch);
  config.normalization.mask = {LayerMask::Kind::last, {}};
  Network network(config, dataset, 5);
  std::mt19937_64 generator(61);
  reference::fill(net, generator);
  NpzArrays weights;
  for (const std::string& name : net.parameter_names()) {
    std::string ours = name;
    if (name.starts_with("normalization1.")) ours.replace(0, 14, "normalization2");
    weights[ours] = to_npy(net.value(name));
  }
  weights["normalization2.running_mean"] = to_npy(net.state("normalization1.running_mean"));
  weights["normalization2.running_variance"] = to_npy(net.state("normalization1.running_variance"));
  network.set_weights(weights);
  const Batch batch = random_batch(dataset, 5, generator);
  forward_backward(network.train(), batch);
  net.gradients(batch.images, batch.labels, reference::Mode::batch);
  expect_close(to_array(network.gradients().at("normalization2.gamma")), net.gradient("normalization1.gamma"), "gamma");
  expect_close(to_array(network.gradients().at("dense1.weights")), net.gradient("dense1.weights"), "weights");
  expect_close(to_array(network.gradients().at("dense1.bias")), net.gradient("dense1.bias"), "bias");
}

TEST(BiasRule, LeavesTheBiasOutWhereBatchNormalizationFollows) {
  const auto biases = [](config::RunConfig config) {
    std::set<std::string> names;
    for (const std::string& name : parameters_of(config))
      if (name.ends_with(".bias")) names.insert(name);
    return names;
  };
  const std::set<std::string> last{"dense4.bias"};
  const std::set<std::string> all{"conv1.bias", "dense1.bias", "dense2.bias", "dense3.bias", "dense4.bias"};
  EXPECT_EQ(biases(masked({})), last);
  EXPECT_EQ(biases(masked({}, NormalizationType::none)), all);
  EXPECT_EQ(biases(masked({}, NormalizationType::frozen)), last);  // as the network trained with batch statistics
  EXPECT_EQ(biases(masked({.kind = LayerMask::Kind::list, .list = {1, 3}})),
            (std::set<std::string>{"dense1.bias", "dense3.bias", "dense4.bias"}));
  config::RunConfig after = masked({});
  after.normalization.placement = Placement::after_activation;
  EXPECT_EQ(biases(after), all);

  config::ConvBlock conv = conv_block(4, Activation::relu);
  conv.bias = true;
  config::DenseBlock dense = dense_block(7, Activation::relu);
  dense.bias = true;
  const config::Dense without{.units = 10, .bias = false};
  EXPECT_EQ(biases(run_config(network_of(conv, config::Flatten{}, dense, without), NormalizationType::batch)),
            (std::set<std::string>{"conv1.bias", "dense1.bias"}));
  // Blocks of one layer each follow the same rule.
  EXPECT_EQ(biases(run_config(network_of(config::Conv{.channels = 4}, config::Normalization{}, config::Flatten{},
                                         config::Dense{.units = 7}, config::ActivationBlock{}, config::Normalization{},
                                         config::Dense{.units = 10}),
                              NormalizationType::batch)),
            (std::set<std::string>{"dense1.bias", "dense2.bias"}));
}

// A bias before a batch normalization has no effect, so no gradient.
TEST(BiasRule, ABiasThatIsAskedForHasNoGradientBeforeBatchNormalization) {
  config::DenseBlock dense = dense_block(17, Activation::sigmoid);
  dense.bias = true;
  Network network(
      run_config(network_of(config::Flatten{}, dense, config::Dense{.units = 10}), NormalizationType::batch), dataset,
      16);
  std::mt19937_64 generator(62);
  forward_backward(network.train(), random_batch(dataset, 16, generator));
  const NpzArrays gradients = network.gradients();
  EXPECT_LE(reference::max_abs(to_array(gradients.at("dense1.bias"))),
            1e-6 * reference::max_abs(to_array(gradients.at("dense1.weights"))));
}

TEST(InitialAffine, IsWhatTheConfigSays) {
  config::RunConfig config = masked({});
  config.normalization.initial_gamma = 0.1;
  config.normalization.initial_beta = -0.5;
  const NpzArrays weights = Network(config, dataset, 2).weights();
  EXPECT_EQ(to_array(weights.at("normalization2.gamma")).values, std::vector<double>(7, static_cast<double>(0.1f)));
  EXPECT_EQ(to_array(weights.at("normalization2.beta")).values, std::vector<double>(7, -0.5));
  EXPECT_EQ(to_array(weights.at("normalization2.running_mean")).values, std::vector<double>(7, 0.0));
  EXPECT_EQ(to_array(weights.at("normalization2.running_variance")).values, std::vector<double>(7, 1.0));
  EXPECT_EQ(to_array(weights.at("dense4.bias")).values, std::vector<double>(10, 0.0));
  config.normalization.affine = false;
  for (const std::string& name : parameters_of(config)) EXPECT_TRUE(name.find("gamma") == std::string::npos) << name;
}

// ---- networks that don't fit ---------------------------------------------------------------------------------------

template <class... Specs>
std::string error_of(const Specs&... specs) {
  try {
    network::check(run_config(network_of(specs...)), dataset);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

void expect_says(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "\"" << part << "\" in: " << text;
}

const config::Flatten flatten;
const config::Dense last{.units = 10};

TEST(NetworkThatDoesNotFit, NamesTheLayerAndBothShapes) {
  const config::Conv large{.channels = 4, .kernel = {9, 3}, .padding = {.same = false, .extent = {0, 1}}};
  expect_says(error_of(config::Conv{.channels = 4}, large, flatten, last),
              {"conv2", "window (9, 3)", "input (4, 8, 8)", "padding (0, 1)"});
  expect_says(error_of(config::Conv{.channels = 6}, config::Conv{.channels = 8, .groups = 4}, flatten, last),
              {"conv2", "4 groups", "input (6, 8, 8)", "8 output channels"});
  expect_says(error_of(config::Conv{.channels = 6}, config::Conv{.channels = 8, .groups = 3}, flatten, last),
              {"conv2", "3 groups", "(6, 8, 8)", "8"});
  expect_says(error_of(config::Conv{.channels = 4}, last), {"dense1", "needs a vector", "(4, 8, 8)", "flatten"});
  expect_says(error_of(flatten, config::Conv{.channels = 4}), {"conv1", "needs an image", "(64)"});
  expect_says(error_of(flatten, config::MaxPool{}), {"max_pool1", "needs an image", "(64)"});
  expect_says(error_of(flatten, config::AvgPool{}), {"avg_pool1", "needs an image", "(64)"});
  expect_says(error_of(flatten, config::GlobalAvgPool{}), {"global_avg_pool1", "needs an image", "(64)"});
  expect_says(error_of(flatten, config::Dense{.units = 7}), {"dense1", "(10)", "(7)", "class"});
  expect_says(error_of(config::Conv{.channels = 10}), {"conv1", "(10)", "(10, 8, 8)"});
  config::MaxPool pool;
  pool.kernel = {9, 2};
  expect_says(error_of(pool, flatten, last), {"max_pool1", "window (9, 2)", "input (1, 8, 8)"});
  config::AvgPool padded;
  padded.padding = {2, 0};
  expect_says(error_of(config::AvgPool{}, padded, flatten, last),
              {"avg_pool2", "padding (2, 0)", "smaller than the window (2, 2)"});
}

TEST(NetworkThatDoesNotFit, NeedsLayersAndSomethingToTrain) {
  expect_says(error_of(), {"(10)", "(1, 8, 8)"});
  try {
    network::check(run_config(network_of(flatten)), dataset_of(1, 2, 5, 10));
    FAIL();
  } catch (const ConfigError& error) {
    expect_says(error.what(), {"nothing to train"});
  }
}

// Building throws the same error as checking, before anything is made.
TEST(NetworkThatDoesNotFit, IsRefusedByTheNetworkToo) {
  EXPECT_THROW(Network(run_config(network_of(config::Conv{.channels = 4}, last)), dataset, 2), ConfigError);
}

TEST(LayerNames, CountByKindInNetworkOrder) {
  Network network(masked({.kind = LayerMask::Kind::list, .list = {1, 5}}), dataset, 2);
  std::vector<std::string> names;
  for (const auto& layer : network.layers()) names.push_back(layer->name());
  EXPECT_EQ(names,
            (std::vector<std::string>{"conv1", "normalization1", "activation1", "flatten1", "dense1", "activation2",
                                      "dense2", "activation3", "dense3", "activation4", "normalization5", "dense4"}));
}

}  // namespace
}  // namespace bnlab::network_testing

// What `bnlab describe` shows of each call, and which kernels of oneDNN the networks of the paper run on.
#include <filesystem>
#include <string_view>

#include "config/load.h"
#include "config/names.h"
#include "network/network_testing.h"
#include "onednn/compat.h"

namespace bnlab::network_testing {
namespace {

using config::NormalizationType;

config::RunConfig from_file(const std::string& network) {
  const std::filesystem::path folder = std::filesystem::path(BNLAB_SOURCE_DIR) / "configs/networks";
  return run_config(config::load_network(folder / (network + ".json")), NormalizationType::batch);
}

struct Case {
  std::string network;
  std::int64_t batch;
};

class EveryImplementation : public ::testing::TestWithParam<Case> {
 protected:
  Network network_{from_file(GetParam().network), dataset_of(1, 28, 28, 10), GetParam().batch};
};

TEST_P(EveryImplementation, AreNamedForEachCall) {
  double flop = 0;
  for (const Mode mode : {Mode::train, Mode::observe, Mode::evaluate_population, Mode::evaluate_batch}) {
    const auto executable = network_.build(mode, GetParam().batch);
    for (const auto& call : executable->program().calls()) {
      EXPECT_FALSE(call.layer.empty());
      EXPECT_FALSE(call.operation.empty());
      EXPECT_FALSE(call.implementation.empty()) << call.layer << " " << call.operation;
      flop += call.flop;
    }
  }
  EXPECT_GT(flop, 0.0);
}

TEST_P(EveryImplementation, OfNormalizationAreCompiledForTheProcessor) {
  const std::string isa = network::onednn_isa();
  if (isa.find("avx2") == std::string::npos && isa.find("avx512") == std::string::npos)
    GTEST_SKIP() << "no AVX2 here: " << isa;
  for (const Mode mode : {Mode::train, Mode::observe, Mode::evaluate_population, Mode::evaluate_batch}) {
    const auto executable = network_.build(mode, GetParam().batch);
    int found = 0;
    for (const auto& call : executable->program().calls()) {
      if (!call.layer.starts_with("normalization")) continue;
      if (call.operation == "forward" || call.operation == "backward") ++found;
      if (call.implementation == "bnlab" || call.operation == "reorder") continue;
      EXPECT_NE(call.implementation.find("jit"), std::string::npos) << call.layer << ": " << call.implementation;
      EXPECT_EQ(call.implementation.find("ref"), std::string::npos) << call.layer << ": " << call.implementation;
      EXPECT_EQ(call.implementation.find("any"), std::string::npos) << call.layer << ": " << call.implementation;
    }
    const int sites = static_cast<int>(network_.states().size());
    EXPECT_EQ(found, mode == Mode::train || mode == Mode::observe ? 2 * sites : sites);
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryImplementation,
                         ::testing::Values(Case{"mlp_3x100_sigmoid", 60}, Case{"vgg6", 16}, Case{"vgg6", 128}),
                         [](const auto& test) { return test.param.network + "_" + std::to_string(test.param.batch); });

bool has_avx512() { return network::onednn_isa().find("avx512") != std::string::npos; }

// What is faster than oneDNN's own choice (conv.cpp says by how much) is what runs.
TEST(Implementations, OfConvolutionsWithManyChannelsAreWinograds) {
  if (!has_avx512()) GTEST_SKIP() << "no AVX-512 here: " << network::onednn_isa();
  if (!onednn::compat::has_winograd) GTEST_SKIP() << "oneDNN " << onednn::compat::version() << " has none";
  Network network(from_file("vgg6"), dataset_of(1, 28, 28, 10), 128);
  for (const auto& call : network.train().program().calls()) {
    if (!call.layer.starts_with("conv") || call.layer == "conv1" || call.operation == "reorder") continue;
    EXPECT_NE(call.implementation.find("wino"), std::string::npos)
        << call.layer << " " << call.operation << ": " << call.implementation;
  }
}

TEST(Implementations, OfEightChannelsNeedNoOtherLayout) {
  if (!has_avx512()) GTEST_SKIP() << "no AVX-512 here: " << network::onednn_isa();
  Network network(from_file("resnet20"), dataset_of(1, 28, 28, 10), 128);
  int forward = 0;
  for (const auto& call : network.train().program().calls()) {
    if (call.layer == "conv8") break;  // the first with 16 channels
    EXPECT_NE(call.operation, "reorder") << call.layer;
    forward += call.operation == "forward";
  }
  EXPECT_EQ(forward, 7 + 7 + 3 + 3);  // convolutions, normalizations, sums, activations behind sums
}

// 2 * batch * weights for each of forward and backward_weights, and again for the gradient of an input that is wanted.
TEST(CallInfo, CountsTheArithmetic) {
  Network network(from_file("mlp_3x100_sigmoid"), dataset_of(1, 28, 28, 10), 60);
  double flop = 0;
  for (const auto& call : network.train().program().calls()) flop += call.flop;
  EXPECT_DOUBLE_EQ(flop, 2.0 * 60.0 * (2.0 * 78400.0 + 3.0 * (10000.0 + 10000.0 + 1000.0)));
}

}  // namespace
}  // namespace bnlab::network_testing

// Steps of several batches, against double precision.
#include "training/learner.h"

#include "network/network_testing.h"
#include "training/small_run.h"

namespace bnlab::training {
namespace {

using reference::Array;
using reference::Mode;
using reference::Net;

constexpr std::int64_t batch = 4, parts = 3;
constexpr double rate = 0.1;

config::RunConfig run_of(config::Reduction reduction) {
  config::RunConfig run =
      test::small_config(config::NormalizationType::batch,
                         {test::block(config::Flatten{}), test::dense_block(7, config::Activation::tanh)});
  run.training.batch_size = batch;
  run.training.accumulate = parts;
  run.loss.reduction = reduction;
  run.optimizer.learning_rate = rate;
  return run;
}

/// The losses of the batches, and the gradients of each parameter: sums over the batches of means over their images.
struct Sums {
  double loss = 0;
  std::map<std::string, Array> gradients;
};

Sums run_batches(Net& net, const data::Dataset& dataset, const data::Scaler& scaler, data::BatchOrder& order,
                 std::int64_t step) {
  Sums sums;
  for (std::int64_t part = 0; part < parts; ++part) {
    std::vector<float> floats(static_cast<std::size_t>(batch * 24));
    std::vector<std::int32_t> labels(static_cast<std::size_t>(batch));
    scaler.gather(dataset.train, order.batch((step - 1) * parts + part), floats.data(), labels.data());
    sums.loss += net.gradients(reference::from_floats({batch, 2, 4, 3}, floats), labels, Mode::train).loss;
    for (const std::string& name : net.parameter_names()) {
      Array& sum = sums.gradients.try_emplace(name, reference::zeros(net.value(name).shape)).first->second;
      for (std::int64_t i = 0; i < sum.size(); ++i) sum.values[i] += net.gradient(name).values[i];
    }
  }
  return sums;
}

TEST(Learner, AccumulatesTheGradientsOfBatches) {
  for (const config::Reduction reduction : {config::Reduction::mean, config::Reduction::sum}) {
    const config::RunConfig run = run_of(reduction);
    const data::Dataset dataset = test::small_dataset();
    const data::Scaler scaler(dataset, run.dataset.scaling);
    data::BatchOrder order(run.training.seed, dataset.train.size(), batch);
    Learner learner(run, dataset, network::assemble(run, dataset.info), 1);
    Net net;
    net.flatten().dense(24, 7, false).normalization(7).activation(reference::Activation::tanh).dense(7, 5);
    std::mt19937_64 generator(1);
    reference::fill(net, generator);
    network_testing::copy_weights(net, learner.network());
    const double share = reduction == config::Reduction::mean ? 1.0 / parts : batch;  // of the sums of means
    for (std::int64_t step = 1; step <= 4; ++step) {
      const Sums sums = run_batches(net, dataset, scaler, order, step);
      learner.run(step);
      EXPECT_NEAR(learner.loss(), share * sums.loss, 1e-5 * share * sums.loss) << step;
      EXPECT_EQ(learner.images(), parts * batch);
      for (const auto& [name, array] : learner.network().gradients()) {
        Array expected = sums.gradients.at(name);
        for (double& value : expected.values) value *= share;
        network_testing::expect_close(network_testing::to_array(array), expected, name, 2e-5);
      }
      learner.update(rate / share);
      for (const std::string& name : net.parameter_names())
        for (std::int64_t i = 0; i < net.value(name).size(); ++i)
          net.value(name).values[i] -= rate * sums.gradients.at(name).values[i];
    }
    network_testing::expect_same_weights(learner.network(), net, 1e-5);
  }
}

}  // namespace
}  // namespace bnlab::training

#include "training/checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "training/small_run.h"
#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::training {
namespace {

using config::NormalizationType;
using test::error_text;
using test::expect_contains;

/// A network and an optimizer after one step.
struct State {
  explicit State(const config::RunConfig& config, double momentum = 0.9)
      : run(config), dataset(test::small_dataset()), network(run, dataset.info, run.training.batch_size) {
    run.optimizer.momentum = momentum;
    optimizer = make_optimizer(run.optimizer, network.parameters(), 1);
  }
  void step() {
    test::run_first_batch(network, dataset, data::Scaler(dataset, config::Scaling::unit));
    optimizer->step(0.1);
    network.update_running_statistics();
  }

  config::RunConfig run;
  data::Dataset dataset;
  network::Network network;
  std::unique_ptr<Optimizer> optimizer;
};

Progress some_progress() {
  Progress progress;
  progress.step = 123456789012;
  progress.seconds = 1.25;
  progress.training_seconds = 0.75;
  progress.timed_steps = 77;
  progress.threads = 2;
  progress.dataset_sha256 = "0123456789abcdef";
  progress.initial_weights_sha256 = "f00d";
  progress.instruction_set = "sse41, then avx2";
  progress.onednn = "2.6.3";
  progress.last_loss = 0.1;
  progress.last_accuracy = 0.95;
  progress.evaluations = {
      {0, config::SplitName::train, config::Statistics::running, 2.5, 0.1},
      {5, config::SplitName::validation, config::Statistics::precise, std::numeric_limits<double>::quiet_NaN(), 0.2},
      {10, config::SplitName::test, config::Statistics::batch, std::numeric_limits<double>::infinity(), 0.3}};
  progress.csv_bytes = {{"train", 1000}, {"activation_distribution", 0}};
  return progress;
}

TEST(Checkpoint, RoundTrip) {
  const test::TemporaryFolder folder;
  for (const auto& run : {test::small_mlp(NormalizationType::batch), test::small_conv(NormalizationType::none)}) {
    State saved(run);
    saved.step();
    const Progress progress = some_progress();
    save_checkpoint(folder / "checkpoint.npz", saved.network, *saved.optimizer, progress);
    State loaded(run);
    const Progress found = load_checkpoint(folder / "checkpoint.npz", loaded.network, *loaded.optimizer);
    EXPECT_EQ(found.step, progress.step);
    EXPECT_EQ(found.seconds, progress.seconds);
    EXPECT_EQ(found.training_seconds, progress.training_seconds);
    EXPECT_EQ(found.timed_steps, progress.timed_steps);
    EXPECT_EQ(found.threads, progress.threads);
    EXPECT_EQ(found.dataset_sha256, progress.dataset_sha256);
    EXPECT_EQ(found.last_loss, progress.last_loss);
    EXPECT_EQ(found.last_accuracy, progress.last_accuracy);
    EXPECT_EQ(found.csv_bytes, progress.csv_bytes);
    EXPECT_EQ(found.initial_weights_sha256, progress.initial_weights_sha256);
    EXPECT_EQ(found.instruction_set, progress.instruction_set);
    EXPECT_EQ(found.onednn, progress.onednn);
    ASSERT_EQ(found.evaluations.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(found.evaluations[i].step, progress.evaluations[i].step);
      EXPECT_EQ(found.evaluations[i].split, progress.evaluations[i].split);
      EXPECT_EQ(found.evaluations[i].statistics, progress.evaluations[i].statistics);
      EXPECT_EQ(found.evaluations[i].accuracy, progress.evaluations[i].accuracy);
    }
    EXPECT_TRUE(std::isnan(found.evaluations[1].loss));
    EXPECT_TRUE(std::isinf(found.evaluations[2].loss));
    // The next step of both is the same, velocity and running statistics included.
    saved.step();
    loaded.step();
    for (const auto& [name, array] : saved.network.weights())
      EXPECT_EQ(array.values, loaded.network.weights().at(name).values) << name;
    for (const auto& [name, array] : saved.optimizer->state())
      EXPECT_EQ(array.values, loaded.optimizer->state().at(name).values) << name;
  }
}

TEST(Checkpoint, CutOffAnywhere) {
  const test::TemporaryFolder folder;
  State state(test::small_mlp(NormalizationType::batch));
  save_checkpoint(folder / "whole.npz", state.network, *state.optimizer, some_progress());
  const std::string whole = test::read_text(folder / "whole.npz");
  const auto path = folder / "cut.npz";
  State other(test::small_mlp(NormalizationType::batch));
  for (std::size_t length = 0; length < whole.size(); length += length < 24 || whole.size() - length < 24 ? 1 : 499) {
    test::write_text(path, std::string_view(whole).substr(0, length));
    expect_contains(error_text<DataError>([&] { load_checkpoint(path, other.network, *other.optimizer); }),
                    path.string());
  }
}

TEST(Checkpoint, FlippedBytesAreAnErrorOrHarmless) {
  const test::TemporaryFolder folder;
  State state(test::small_mlp(NormalizationType::batch));
  State other(test::small_mlp(NormalizationType::batch));
  const NpzArrays initial = other.network.weights();
  state.step();
  const NpzArrays saved = state.network.weights();
  save_checkpoint(folder / "whole.npz", state.network, *state.optimizer, some_progress());
  const std::string whole = test::read_text(folder / "whole.npz");
  const auto path = folder / "flipped.npz";
  std::size_t refused = 0, tried = 0;
  for (std::size_t i = 0; i < whole.size(); i += 211) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x5a);
    test::write_text(path, bytes);
    other.network.set_weights(initial);
    ++tried;
    try {
      load_checkpoint(path, other.network, *other.optimizer);
      // Only what nobody reads may be other: then the values are those that were saved.
      for (const auto& [name, array] : other.network.weights())
        ASSERT_EQ(array.values, saved.at(name).values) << name << ", byte " << i;
    } catch (const DataError& error) {
      ++refused;
      expect_contains(error.what(), path.string());
    }
  }
  EXPECT_GT(refused, tried / 2);
}

TEST(Checkpoint, OfAnotherNetwork) {
  const test::TemporaryFolder folder;
  const auto path = folder / "checkpoint.npz";
  State state(test::small_mlp(NormalizationType::batch));
  save_checkpoint(path, state.network, *state.optimizer, some_progress());
  for (const auto& run : {test::small_mlp(NormalizationType::none), test::small_conv(NormalizationType::batch)}) {
    State other(run);
    expect_contains(error_text<DataError>([&] { load_checkpoint(path, other.network, *other.optimizer); }),
                    path.string());
  }
}

TEST(Checkpoint, WithoutAVelocity) {
  const test::TemporaryFolder folder;
  const auto path = folder / "checkpoint.npz";
  State plain(test::small_mlp(NormalizationType::batch), 0.0);
  save_checkpoint(path, plain.network, *plain.optimizer, some_progress());
  State other(test::small_mlp(NormalizationType::batch), 0.9);
  expect_contains(error_text<DataError>([&] { load_checkpoint(path, other.network, *other.optimizer); }), "velocity");
}

TEST(Checkpoint, MissingAndForeignValues) {
  const test::TemporaryFolder folder;
  const auto path = folder / "checkpoint.npz";
  State state(test::small_mlp(NormalizationType::batch));
  save_checkpoint(path, state.network, *state.optimizer, some_progress());
  const NpzArrays whole = read_npz(path);
  State other(test::small_mlp(NormalizationType::batch));
  const auto expect_refused = [&](const NpzArrays& arrays, const std::string& part) {
    write_npz(path, arrays);
    expect_contains(error_text<DataError>([&] { load_checkpoint(path, other.network, *other.optimizer); }), part);
  };
  for (const auto& [name, array] : whole) {
    if (name.rfind("csv_bytes.", 0) == 0) continue;
    if (name == "progress.initial_weights_bytes") continue;  // checkpoints of earlier versions lack it
    NpzArrays arrays = whole;
    arrays.erase(name);
    expect_refused(arrays, path.string());
  }
  NpzArrays arrays = whole;
  arrays["progress.step"] = {{1}, std::vector<float>{5.0f}};
  expect_refused(arrays, "step");
  arrays = whole;
  arrays["progress.step"] = {{2}, std::vector<std::int64_t>{5, 6}};
  expect_refused(arrays, "step");
  arrays = whole;
  arrays["optimizer.step"] = {{1}, std::vector<std::int64_t>{-1}};
  expect_refused(arrays, "optimizer");
  arrays = whole;
  arrays["evaluations.split"] = {{3}, std::vector<std::int32_t>{0, 1, 9}};
  expect_refused(arrays, "evaluation");
  arrays = whole;
  arrays["evaluations.loss"] = {{1}, std::vector<double>{0.0}};
  expect_refused(arrays, "evaluations");
  arrays = whole;
  arrays["dense9.weights"] = {{1}, std::vector<float>{0.0f}};
  expect_refused(arrays, path.string());
}

TEST(Checkpoint, ValuesThatAreNotFinite) {
  const test::TemporaryFolder folder;
  const auto path = folder / "checkpoint.npz";
  State state(test::small_mlp(NormalizationType::batch), 0.9);
  EXPECT_EQ(problem_of_checkpoint(state.network, *state.optimizer), "");
  save_checkpoint(path, state.network, *state.optimizer, some_progress());
  const NpzArrays whole = read_npz(path);
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  State other(test::small_mlp(NormalizationType::batch), 0.9);
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, float>>{{"dense1.weights", nan},
                                                  {"normalization1.gamma", inf},
                                                  {"normalization2.running_mean", -inf},
                                                  {"normalization2.running_variance", -1},
                                                  {"optimizer.dense1.weights.velocity", inf},
                                                  {"optimizer.dense3.bias.velocity", nan}}) {
    NpzArrays arrays = whole;
    std::get<std::vector<float>>(arrays.at(name).values).back() = value;
    write_npz(path, arrays);
    const std::string text = error_text<DataError>([&] { load_checkpoint(path, other.network, *other.optimizer); });
    expect_contains(text, path.string());
    expect_contains(text, name + ": ");
    expect_contains(text, " at index ");
  }
  state.network.states()[1]->running_variance[2] = inf;
  EXPECT_EQ(problem_of_checkpoint(state.network, *state.optimizer), "normalization2.running_variance: inf at index 2");
}

TEST(Checkpoint, NoFile) {
  const test::TemporaryFolder folder;
  State state(test::small_mlp(NormalizationType::batch));
  expect_contains(error_text<DataError>([&] { load_checkpoint(folder / "none.npz", state.network, *state.optimizer); }),
                  "none.npz");
}

}  // namespace
}  // namespace bnlab::training

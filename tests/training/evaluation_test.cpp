// The evaluator against sums over single images.

#include "training/evaluation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "config/names.h"
#include "training/small_run.h"
#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::training {
namespace {

using config::NormalizationType;
using config::Statistics;
using onednn::Mode;

struct State {
  explicit State(config::RunConfig config)
      : run(std::move(config)),
        dataset(test::small_dataset()),
        scaler(dataset, config::Scaling::unit),
        network(run, dataset.info, run.training.batch_size) {
    dataset.validation = test::split_of(5, 24, 5, 9);
    // Running statistics that are neither the initial ones nor those of the batch.
    for (int i = 0; i < 2; ++i) {
      test::run_first_batch(network, dataset, scaler);
      network.update_running_statistics();
    }
  }

  /// Loss and accuracy from programs of the wanted batch sizes, one after another.
  EvaluationRow direct(const data::Split& split, Mode mode, std::int64_t batch) {
    double loss = 0;
    std::int64_t correct = 0;
    for (std::int64_t first = 0; first < split.size(); first += batch) {
      std::vector<std::uint32_t> indices;
      for (std::int64_t i = first; i < std::min(first + batch, split.size()); ++i)
        indices.push_back(static_cast<std::uint32_t>(i));
      const auto program = network.build(mode, static_cast<std::int64_t>(indices.size()));
      scaler.gather(split, indices, program->images(), program->labels());
      program->forward();
      loss += program->loss() * static_cast<double>(indices.size());
      correct += program->correct();
    }
    const auto size = static_cast<double>(split.size());
    return {0, {}, {}, loss / size, static_cast<double>(correct) / size};
  }

  config::RunConfig run;
  data::Dataset dataset;
  data::Scaler scaler;
  network::Network network;
};

void expect_near(const EvaluationRow& row, const EvaluationRow& expected) {
  EXPECT_NEAR(row.loss, expected.loss, 1e-6 * std::abs(expected.loss))
      << config::name_of(row.split) << " " << config::name_of(row.statistics);
  EXPECT_DOUBLE_EQ(row.accuracy, expected.accuracy)
      << config::name_of(row.split) << " " << config::name_of(row.statistics);
}

TEST(Evaluator, RunningStatisticsAreAsImageByImage) {
  for (auto run : {test::small_mlp(NormalizationType::batch), test::small_conv(NormalizationType::batch),
                   test::small_mlp(NormalizationType::none)}) {
    run.evaluation.train_split = true;  // 23, 5 and 11 images in batches of 4: the last ones are short
    State state(run);
    Evaluator evaluator(state.network, state.dataset, state.scaler, state.run);
    const auto rows = evaluator.evaluate(7);
    ASSERT_EQ(rows.size(), 3u);
    const std::vector<const data::Split*> splits{&state.dataset.train, &state.dataset.validation, &state.dataset.test};
    const std::vector<config::SplitName> names{config::SplitName::train, config::SplitName::validation,
                                               config::SplitName::test};
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(rows[i].step, 7);
      EXPECT_EQ(rows[i].split, names[i]);
      EXPECT_EQ(rows[i].statistics, Statistics::running);
      expect_near(rows[i], state.direct(*splits[i], Mode::evaluate_population, 1));
    }
  }
}

TEST(Evaluator, BatchStatisticsAreThoseOfTrainingBatches) {
  auto run = test::small_mlp(NormalizationType::batch);
  run.evaluation.statistics = {Statistics::batch};
  State state(run);
  Evaluator evaluator(state.network, state.dataset, state.scaler, state.run);
  const auto rows = evaluator.evaluate(0);
  ASSERT_EQ(rows.size(), 2u);  // validation and test
  EXPECT_EQ(rows[1].statistics, Statistics::batch);
  expect_near(rows[0], state.direct(state.dataset.validation, Mode::evaluate_batch, 6));
  expect_near(rows[1], state.direct(state.dataset.test, Mode::evaluate_batch, 6));
}

TEST(Evaluator, BatchStatisticsOfSeveralSizes) {
  auto run = test::small_mlp(NormalizationType::batch);
  run.evaluation.statistics = {Statistics::batch, Statistics::running};
  run.evaluation.batch_sizes = {3, 11, 100};  // the second is the whole test split, and the third no larger
  State state(run);
  state.dataset.validation = {};
  const auto rows = Evaluator(state.network, state.dataset, state.scaler, state.run).evaluate(5);
  ASSERT_EQ(rows.size(), 4u);
  const std::vector<std::int64_t> sizes{3, 11, 100, run.evaluation.batch_size};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(rows[i].step, 5);
    EXPECT_EQ(rows[i].batch_size, sizes[i]);
    EXPECT_EQ(rows[i].statistics, i < 3 ? Statistics::batch : Statistics::running);
    const Mode mode = i < 3 ? Mode::evaluate_batch : Mode::evaluate_population;
    expect_near(rows[i], state.direct(state.dataset.test, mode, std::min<std::int64_t>(sizes[i], 11)));
  }
  EXPECT_NE(rows[0].loss, rows[1].loss);
}

TEST(Evaluator, BatchSizesThatFitNoStatisticsAreRefused) {
  const auto error_of = [](config::RunConfig run) -> std::string {
    try {
      network::check(run, test::small_dataset().info);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  auto run = test::small_mlp(NormalizationType::batch);
  run.evaluation.statistics = {Statistics::batch};
  run.evaluation.batch_sizes = {4, 1};
  EXPECT_TRUE(error_of(run).starts_with("evaluation.batch_sizes: with 1 images normalization1 normalizes over 1 value"))
      << error_of(run);
  run.normalization.type = NormalizationType::layer;
  EXPECT_EQ(error_of(run), "");
  run.training.composition = config::BatchComposition::by_class;
  EXPECT_EQ(error_of(run), "evaluation.batch_sizes: must be multiples of training.classes_per_batch, 2, got 1");
}

TEST(Evaluator, KindsOfStatisticsDiffer) {
  auto run = test::small_mlp(NormalizationType::batch);
  run.evaluation.statistics = {Statistics::running, Statistics::precise, Statistics::batch};
  run.normalization.precise_batches = 3;
  State state(run);
  state.dataset.validation = {};
  Evaluator evaluator(state.network, state.dataset, state.scaler, state.run);
  const auto rows = evaluator.evaluate(0);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].statistics, Statistics::precise);
  EXPECT_NE(rows[0].loss, rows[1].loss);
  EXPECT_NE(rows[1].loss, rows[2].loss);
  EXPECT_NE(rows[0].loss, rows[2].loss);
  // Precise statistics of one kind of batch stay: a second evaluation gives the same numbers.
  const auto again = evaluator.evaluate(0);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(again[i].loss, rows[i].loss) << config::name_of(rows[i].statistics);
}

TEST(Evaluator, PopulationIsWhatNormalizationSays) {
  for (const bool precise : {false, true}) {
    auto run = test::small_mlp(NormalizationType::batch);
    run.normalization.population = precise ? config::Population::precise : config::Population::running_average;
    run.evaluation.statistics = {Statistics::population, Statistics::running, Statistics::precise};
    State state(run);
    state.dataset.validation = {};
    const auto rows = Evaluator(state.network, state.dataset, state.scaler, state.run).evaluate(0);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].statistics, precise ? Statistics::precise : Statistics::running);
    EXPECT_EQ(rows[1].statistics, precise ? Statistics::running : Statistics::precise);
  }
}

TEST(Evaluator, ChangesNoWeightStatisticOrGradient) {
  auto run = test::small_conv(NormalizationType::batch);
  run.evaluation.statistics = {Statistics::running, Statistics::precise, Statistics::batch};
  State state(run);
  Evaluator evaluator(state.network, state.dataset, state.scaler, state.run);
  const NpzArrays weights = state.network.weights();
  const NpzArrays gradients = state.network.gradients();
  const std::vector<float> batch_mean = state.network.states()[0]->batch_mean;
  evaluator.evaluate(0);
  for (const auto& [name, array] : state.network.weights()) EXPECT_EQ(array.values, weights.at(name).values) << name;
  for (const auto& [name, array] : state.network.gradients())
    EXPECT_EQ(array.values, gradients.at(name).values) << name;
  EXPECT_EQ(state.network.states()[0]->batch_mean, batch_mean);
}

// A ReLU would turn the NaN that comes of these into 0, and the loss into that of guessing.
TEST(Evaluator, StateThatIsNotFiniteGivesNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  using normalization::NormalizationState;
  struct Case {
    std::vector<float> NormalizationState::*values;
    float value;
    std::string problem;
  };
  for (const Case& one : {Case{&NormalizationState::running_mean, nan, "normalization1.running_mean: nan at index 2"},
                          Case{&NormalizationState::running_mean, -inf, "normalization1.running_mean: -inf at index 2"},
                          Case{&NormalizationState::running_variance, inf, "normalization1.running_variance: inf"},
                          Case{&NormalizationState::running_variance, -1, "normalization1.running_variance: -1"}}) {
    auto run = test::small_mlp(NormalizationType::batch, config::Activation::relu);
    run.evaluation.statistics = {Statistics::running, Statistics::precise, Statistics::batch};
    State state(run);
    Evaluator evaluator(state.network, state.dataset, state.scaler, state.run);
    evaluator.evaluate(1);
    EXPECT_EQ(evaluator.problem(), "");
    ((*state.network.states()[0]).*one.values)[2] = one.value;
    const auto rows = evaluator.evaluate(2);
    EXPECT_TRUE(evaluator.problem().starts_with(one.problem)) << evaluator.problem();
    for (const EvaluationRow& row : rows) {
      EXPECT_EQ(row.step, 2);
      EXPECT_EQ(std::isnan(row.loss), row.statistics == Statistics::running) << config::name_of(row.statistics);
      EXPECT_EQ(std::isnan(row.accuracy), row.statistics == Statistics::running) << config::name_of(row.statistics);
    }
  }
}

TEST(Evaluator, ParametersThatAreNotFiniteGiveNan) {
  for (const auto& [name, index] : std::vector<std::pair<std::string, std::string>>{
           {"dense1.weights", "(0, 5)"}, {"normalization2.gamma", "1"}, {"dense3.bias", "1"}}) {
    auto run = test::small_mlp(NormalizationType::batch, config::Activation::relu);
    run.evaluation.statistics = {Statistics::running, Statistics::batch};
    State state(run);
    for (const auto& parameter : state.network.parameters().all()) {
      if (parameter->name != name) continue;
      std::vector<float> values = parameter->row_major_value();
      values[name == "dense1.weights" ? 5 : 1] = std::numeric_limits<float>::quiet_NaN();
      parameter->set_row_major_value(values);
    }
    Evaluator evaluator(state.network, state.dataset, state.scaler, state.run);
    for (const EvaluationRow& row : evaluator.evaluate(1)) EXPECT_TRUE(std::isnan(row.loss)) << name;
    EXPECT_EQ(evaluator.problem(), name + ": nan at index " + index);
    EXPECT_EQ(state.network.problem_of_state(), evaluator.problem());
  }
}

// 11 test images in batches of 5 leave one over, which has no variance by itself.
TEST(Evaluator, AnImageThatIsLeftOverJoinsTheBatchBefore) {
  auto run = test::small_mlp(NormalizationType::batch);
  run.evaluation.statistics = {Statistics::batch};
  run.training.batch_size = 5;
  State state(run);
  state.dataset.validation = {};
  const auto rows = Evaluator(state.network, state.dataset, state.scaler, state.run).evaluate(0);
  double loss = 0;
  std::int64_t correct = 0;
  for (const auto& [first, count] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{{0, 5}, {5, 6}}) {
    std::vector<std::uint32_t> indices(count);
    std::iota(indices.begin(), indices.end(), first);
    const auto program = state.network.build(Mode::evaluate_batch, count);
    state.scaler.gather(state.dataset.test, indices, program->images(), program->labels());
    program->forward();
    loss += program->loss() * count;
    correct += program->correct();
  }
  expect_near(rows[0], {0, {}, {}, loss / 11, static_cast<double>(correct) / 11});

  // Images of several pixels have a variance: there the last batch stays as it is.
  auto conv = test::small_conv(NormalizationType::batch);
  conv.evaluation.statistics = {Statistics::batch};
  conv.training.batch_size = 5;
  State images(conv);
  images.dataset.validation = {};
  const auto of_images = Evaluator(images.network, images.dataset, images.scaler, images.run).evaluate(0);
  expect_near(of_images[0], images.direct(images.dataset.test, Mode::evaluate_batch, 5));
}

TEST(Evaluator, RefusesBatchStatisticsOfOneImage) {
  auto run = test::small_mlp(NormalizationType::batch);
  run.evaluation.statistics = {Statistics::batch};
  State state(run);
  state.dataset.validation = test::split_of(1, 24, 5, 9);
  const std::string text =
      test::error_text<ConfigError>([&] { Evaluator(state.network, state.dataset, state.scaler, state.run); });
  test::expect_contains(text, "evaluation.statistics: batch: a batch of the validation split has 1 images");
  state.run.evaluation.statistics = {Statistics::running};
  EXPECT_NO_THROW(Evaluator(state.network, state.dataset, state.scaler, state.run));
}

TEST(Evaluator, BatchLargerThanTheSplit) {
  auto run = test::small_mlp(NormalizationType::batch);
  run.evaluation.batch_size = 500;
  State state(run);
  const auto rows = Evaluator(state.network, state.dataset, state.scaler, state.run).evaluate(0);
  expect_near(rows[1], state.direct(state.dataset.test, Mode::evaluate_population, 1));
}

}  // namespace
}  // namespace bnlab::training

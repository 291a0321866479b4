#include "training/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>

#include "config/names.h"
#include "network/precise_statistics.h"
#include "util/errors.h"

namespace bnlab::training {
namespace {

using config::SplitName;
using config::Statistics;
using onednn::Mode;

Mode mode_of(Statistics statistics) {
  return statistics == Statistics::batch ? Mode::evaluate_batch : Mode::evaluate_population;
}

}  // namespace

double accuracy(std::int64_t correct, std::int64_t examples, const data::DatasetInfo& dataset) {
  if (dataset.has_targets) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(correct) / static_cast<double>(examples);
}

std::vector<Statistics> evaluated_statistics(const config::RunConfig& config) {
  const bool precise = config.normalization.population == config::Population::precise;
  std::vector<Statistics> all;
  for (Statistics wanted : config.evaluation.statistics) {
    if (wanted == Statistics::population) wanted = precise ? Statistics::precise : Statistics::running;
    if (std::find(all.begin(), all.end(), wanted) == all.end()) all.push_back(wanted);
  }
  return all;
}

Evaluator::Evaluator(network::Network& network, const data::Dataset& dataset, const data::Scaler& scaler,
                     const config::RunConfig& config)
    : network_(network),
      dataset_(dataset),
      scaler_(scaler),
      config_(config),
      statistics_(evaluated_statistics(config)) {
  std::int64_t largest = 0;
  for (const auto& [name, split] : splits()) {
    largest = std::max(largest, split->size());
    for (const Statistics statistics : statistics_)
      for (const Way& way : ways_of(statistics)) {
        const Batches batches = batches_of(way, *split);
        if (statistics == Statistics::batch) check_batch_statistics(name, batches);
        for (const std::int64_t count : {batches.size, batches.last}) executable(mode_of(statistics), count);
      }
  }
  const bool measures = std::find(statistics_.begin(), statistics_.end(), Statistics::precise) != statistics_.end();
  if (measures && network.has_population_statistics()) executable(Mode::evaluate_batch, config.training.batch_size);
  indices_.resize(static_cast<std::size_t>(largest));
  std::iota(indices_.begin(), indices_.end(), 0u);
  const config::TrainingConfig& training = config.training;
  if (training.composition == config::BatchComposition::by_class)
    for (const auto& [name, split] : splits())
      for (const Way& way : ways_of(Statistics::batch))
        by_class_[{name, way.batch_size}] =
            data::order_by_class(split->labels, way.batch_size, training.classes_per_batch);
}

std::vector<std::pair<SplitName, const data::Split*>> Evaluator::splits() const {
  std::vector<std::pair<SplitName, const data::Split*>> splits;
  if (config_.evaluation.train_split) splits.emplace_back(SplitName::train, &dataset_.train);
  if (dataset_.validation.size() > 0) splits.emplace_back(SplitName::validation, &dataset_.validation);
  splits.emplace_back(SplitName::test, &dataset_.test);
  return splits;
}

std::vector<Evaluator::Way> Evaluator::ways_of(Statistics statistics) const {
  if (statistics != Statistics::batch) return {{statistics, config_.evaluation.batch_size}};
  if (config_.evaluation.batch_sizes.empty()) return {{statistics, config_.training.batch_size}};
  std::vector<Way> ways;
  for (const std::int64_t size : config_.evaluation.batch_sizes) ways.push_back({statistics, size});
  return ways;
}

Evaluator::Batches Evaluator::batches_of(const Way& way, const data::Split& split) const {
  const bool of_batch = way.statistics == Statistics::batch;
  const std::int64_t size = std::min(way.batch_size, split.size());
  const std::int64_t rest = split.size() % size;
  if (rest == 0) return {size, size};
  const bool joins = of_batch && network_.has_set_of_one_value(rest) && !network_.has_set_of_one_value(size + rest);
  return {size, joins ? size + rest : rest};
}

void Evaluator::check_batch_statistics(SplitName split, const Batches& batches) const {
  for (const std::int64_t count : {batches.size, batches.last})
    if (network_.has_set_of_one_value(count))
      throw ConfigError(fmt::format(
          "evaluation.statistics: batch: a batch of the {} split has {} images, and of them a normalization "
          "would normalize over 1 value, which has no variance",
          config::name_of(split), count));
}

network::Executable& Evaluator::executable(Mode mode, std::int64_t batch_size) {
  auto& place = executables_[{mode, batch_size}];
  if (!place) place = network_.build(mode, batch_size);
  return *place;
}

std::vector<EvaluationRow> Evaluator::evaluate(std::int64_t step) {
  for (auto& [key, program] : executables_) program->set_step(step, config_.training.steps);
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  std::vector<EvaluationRow> rows;
  problem_.clear();
  for (const Statistics statistics : statistics_) {
    if (statistics == Statistics::running) network_.use_running_statistics();
    if (statistics == Statistics::precise && network_.has_population_statistics())
      network::measure_precise_statistics(network_, executable(Mode::evaluate_batch, config_.training.batch_size),
                                          dataset_, scaler_, config_);
    const std::string problem = network_.problem_of_evaluation(statistics);
    if (problem_.empty()) problem_ = problem;
    for (const auto& [name, split] : splits())
      for (const Way& way : ways_of(statistics)) {
        rows.push_back(problem.empty() ? evaluate(*split, name, way)
                                       : EvaluationRow{step, name, statistics, none, none});
        rows.back().step = step;
        if (!config_.evaluation.batch_sizes.empty()) rows.back().batch_size = way.batch_size;
      }
  }
  return rows;
}

// The statistics of a batch depend on what is in it: there evaluation composes batches as training does.
const std::vector<std::uint32_t>& Evaluator::order_of(SplitName split, const Way& way) const {
  const auto found = by_class_.find({split, way.batch_size});
  return way.statistics == Statistics::batch && found != by_class_.end() ? found->second : indices_;
}

EvaluationRow Evaluator::evaluate(const data::Split& split, SplitName name, const Way& way) {
  const Batches batches = batches_of(way, split);
  const bool is_mean = config_.loss.reduction == config::Reduction::mean;
  double loss = 0;
  std::int64_t correct = 0;
  for (std::int64_t first = 0, count = 0; first < split.size(); first += count) {
    count = split.size() - first <= batches.last ? split.size() - first : batches.size;
    network::Executable& program = executable(mode_of(way.statistics), count);
    const auto indices = std::span<const std::uint32_t>(order_of(name, way))
                             .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    scaler_.gather(split, indices, program.images(), program.labels(), program.targets());
    program.forward();
    loss += is_mean ? program.loss() * static_cast<double>(count) : program.loss();
    correct += program.correct();
  }
  return {0, name, way.statistics, is_mean ? loss / static_cast<double>(split.size()) : loss,
          accuracy(correct, split.size(), dataset_.info)};
}

}  // namespace bnlab::training

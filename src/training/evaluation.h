#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/csv_columns.h"
#include "config/run_config.h"
#include "data/batch_order.h"
#include "data/dataset.h"
#include "data/scaler.h"
#include "network/network.h"

namespace bnlab::training {

/// One row of eval.csv.
struct EvaluationRow {
  std::int64_t step = 0;
  config::SplitName split = config::SplitName::test;
  config::Statistics statistics = config::Statistics::running;  // population is resolved
  double loss = 0;                                              // mean or sum over the split, as loss.reduction says
  double accuracy = 0;                                          // fraction; nan where the dataset has targets
  std::int64_t batch_size = 0;  // in a batch, the last one aside; 0 where evaluation.batch_sizes are not given
};

/// The fraction of examples that are classified as they should be; nan where the dataset has targets.
double accuracy(std::int64_t correct, std::int64_t examples, const data::DatasetInfo& dataset);

/// The statistics that a run evaluates with, each once: `population` is what normalization.population says.
std::vector<config::Statistics> evaluated_statistics(const config::RunConfig& config);

/// Evaluates a network on whole splits. Changes no parameter and no running statistic. Population statistics: any batch
/// size gives the same result up to rounding. Batch statistics: batches of training.batch_size, or one evaluation with
/// each of evaluation.batch_sizes, in file order, the last one short; where that would leave a normalization one value,
/// the last two are one.
class Evaluator {
 public:
  /// Builds the programs it needs. All arguments outlive the evaluator. Throws ConfigError where batch statistics of a
  /// split would be over one value.
  Evaluator(network::Network& network, const data::Dataset& dataset, const data::Scaler& scaler,
            const config::RunConfig& config);

  /// One row for each split, statistics and batch size that the config asks for. Loss and accuracy are nan where the
  /// parameters or the population statistics are not finite: a ReLU could turn what comes of them into 0.
  std::vector<EvaluationRow> evaluate(std::int64_t step);
  /// What was not finite at the last evaluation, as Network::problem_of_evaluation says it; "" where all was.
  const std::string& problem() const { return problem_; }

 private:
  /// One way to evaluate a split.
  struct Way {
    config::Statistics statistics;
    std::int64_t batch_size;
  };
  const std::vector<std::uint32_t>& order_of(config::SplitName split, const Way& way) const;
  EvaluationRow evaluate(const data::Split& split, config::SplitName name, const Way& way);
  std::vector<Way> ways_of(config::Statistics statistics) const;
  network::Executable& executable(onednn::Mode mode, std::int64_t batch_size);
  std::vector<std::pair<config::SplitName, const data::Split*>> splits() const;
  struct Batches {
    std::int64_t size = 0;
    std::int64_t last = 0;
  };
  Batches batches_of(const Way& way, const data::Split& split) const;
  void check_batch_statistics(config::SplitName split, const Batches& batches) const;

  network::Network& network_;
  const data::Dataset& dataset_;
  const data::Scaler& scaler_;
  const config::RunConfig& config_;
  std::vector<config::Statistics> statistics_;  // population resolved, no doubles
  std::map<std::pair<onednn::Mode, std::int64_t>, std::unique_ptr<network::Executable>> executables_;
  std::string problem_;
  std::vector<std::uint32_t> indices_;
  // Of each split and batch size, where training has batches by class.
  std::map<std::pair<config::SplitName, std::int64_t>, std::vector<std::uint32_t>> by_class_;
};

}  // namespace bnlab::training

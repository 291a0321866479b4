#include "probes/hessian.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "config/names.h"
#include "data/batch_order.h"
#include "network/assemble.h"
#include "probes/hessian_product.h"
#include "probes/lanczos.h"
#include "util/errors.h"
#include "util/random.h"

namespace bnlab::probes {
namespace {

using config::CurvatureStatistics;
using config::NormalizationType;

// Of two gradients, relative to the parameters. With 1e-3 the eigenvalue of M3 with constant statistics was 2 % too
// small, and with 1e-5 rounding was the larger part.
constexpr double kDistance = 1e-4;

config::RunConfig with_frozen_statistics(config::RunConfig run) {
  run.normalization.type = NormalizationType::frozen;
  return run;
}

/// The network with constant statistics in place of those of the batch, for a context like that of its probe.
class FrozenTwin {
 public:
  FrozenTwin(const ProbeContext& context, std::int64_t images)
      : run_(with_frozen_statistics(context.run)),
        network_(run_, context.dataset.info, run_.training.batch_size),
        context_{network_, context.dataset, context.scaler, run_, {}},
        loss_(context_, images, GradientOf::trainable_parameters) {}

  /// Takes over the parameters, and the statistics of the last batch that `network` trained on.
  void take(const network::Network& network) {
    for (std::size_t i = 0; i < network.parameters().all().size(); ++i)
      network_.parameters().all()[i]->set_row_major_value(network.parameters().all()[i]->row_major_value());
    for (std::size_t i = 0; i < network.states().size(); ++i) {
      std::ranges::copy(network.states()[i]->batch_mean, network_.states()[i]->running_mean.begin());
      std::ranges::copy(network.states()[i]->batch_variance, network_.states()[i]->running_variance.begin());
    }
    loss_.keep_parameters();
  }

  const ProbeContext& context() const { return context_; }
  TrainingLoss& loss() { return loss_; }

 private:
  config::RunConfig run_;
  network::Network network_;
  ProbeContext context_;
  TrainingLoss loss_;
};

class Hessian : public Probe {
 public:
  Hessian(const config::ProbeConfig& config, const ProbeContext& context)
      : config_(config),
        context_(context),
        images_(config.examples > 0 ? config.examples : context.run.training.batch_size),
        order_(context.run.training.seed, context.dataset.train.size(), images_, RandomPurpose::probe),
        loss_(context, images_, GradientOf::trainable_parameters),
        csv_(context.open_csv("hessian", {"step", "statistics", "eigenvalue", "residual", "iterations", "weight_norm",
                                          "eigenvalue_normalized", "eigenvalue_rate"})),
        learning_rate_(context.run.optimizer.learning_rate) {
    const auto wanted = [&](CurvatureStatistics one) { return std::ranges::count(config.statistics, one) > 0; };
    if (wanted(CurvatureStatistics::frozen) && context.run.normalization.type == NormalizationType::batch)
      frozen_ = std::make_unique<FrozenTwin>(context, images_);
  }

  void gradients_ready(std::int64_t /*step*/, double learning_rate) override { learning_rate_ = learning_rate; }

  void step_done(std::int64_t step) override {
    const NetworkGuard guard(context_.network);
    loss_.load(step, order_.batch(0));
    loss_.keep_parameters();
    for (const CurvatureStatistics statistics : config_.statistics)
      write(step, statistics, statistics == CurvatureStatistics::frozen && frozen_ ? with_frozen(step) : measure());
  }

 private:
  Eigenvalue measure() { return measure(context_, loss_); }

  Eigenvalue with_frozen(std::int64_t step) {
    loss_.evaluate(loss_.kept());  // leaves the statistics of the batch
    frozen_->take(context_.network);
    frozen_->loss().load(step, order_.batch(0));
    return measure(frozen_->context(), frozen_->loss());
  }

  Eigenvalue measure(const ProbeContext& context, TrainingLoss& loss) const {
    HessianProduct product(context, loss, kDistance * config_.scale);
    const auto refined = [&](const std::vector<float>& v, std::vector<float>& result) { product.refined(v, result); };
    return largest_eigenvalue(std::ref(product), refined, product.random_vector(), config_.iterations,
                              config_.tolerance);
  }

  /// Of the weights whose scale the normalization behind them takes away.
  double squared_norm_of_weights() const {
    const config::NormalizationRow& row = row_of(context_.run.normalization.type);
    if (row.over.empty() && row.value != NormalizationType::frozen) return 0;
    double sum = 0;
    for (const layers::Segment& segment : context_.network.parameters().segments()) {
      const bool counts = segment.parameter->kind == layers::ParameterKind::weights;
      if (counts && context_.network.is_normalized(*segment.parameter))
        sum += squared_norm({loss_.kept().data() + segment.offset, segment.length});
    }
    return sum;
  }

  void write(std::int64_t step, CurvatureStatistics statistics, const Eigenvalue& found) {
    const double square = squared_norm_of_weights();
    csv_.add(step).add(config::name_of(statistics)).add(found.value).add(found.residual).add(found.iterations);
    csv_.add(std::sqrt(square));
    csv_.add(square > 0 ? found.value * square : std::numeric_limits<double>::quiet_NaN());
    csv_.add(found.value * learning_rate_ / 2).end_row();
  }

  config::ProbeConfig config_;
  ProbeContext context_;
  std::int64_t images_;
  data::BatchOrder order_;
  TrainingLoss loss_;
  std::unique_ptr<FrozenTwin> frozen_;  // where it is another network
  CsvWriter& csv_;
  double learning_rate_;  // of the last measured step; before it that of the config
};

}  // namespace

std::unique_ptr<Probe> make_hessian(const config::ProbeConfig& config, const ProbeContext& context) {
  return std::make_unique<Hessian>(config, context);
}

void check_hessian(const config::ProbeConfig& config, const std::string& path, const config::RunConfig& run) {
  if (run.training.precision != config::Precision::f32)
    throw ConfigError(fmt::format(
        "{}.type: hessian needs training.precision f32, in which gradients of near parameters differ, got {}", path,
        config::name_of(run.training.precision)));
  const config::NormalizationRow& row = row_of(run.normalization.type);
  const bool freezes = std::ranges::count(config.statistics, CurvatureStatistics::frozen) > 0;
  if (freezes && row.has_batch_moments && row.value != NormalizationType::batch)
    throw ConfigError(fmt::format(
        "{}.statistics: frozen needs normalization.type batch, or one without statistics of a batch, got {}", path,
        row.name));
  if (config.examples == 0) return;
  try {
    const auto assembly = network::assemble(run, data::dataset_info(run.dataset));
    normalization::check_batch(assembly->states, run.normalization, config.examples);
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{}.examples: {}", path, error.what()));
  }
}

}  // namespace bnlab::probes

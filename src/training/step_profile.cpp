#include "training/step_profile.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "data/dataset.h"
#include "data/scaler.h"
#include "data/training_batches.h"
#include "network/network.h"
#include "network/threads.h"
#include "training/optimizer.h"
#include "training/schedule.h"
#include "util/peak_flops.h"

namespace bnlab::training {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t warm_up_steps = 10;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// A training step in its parts.
class Step {
 public:
  Step(const config::RunConfig& config, const data::Dataset& dataset, int threads)
      : config_(config),
        scaler_(dataset, config.dataset.scaling),
        network_(config, dataset.info, config.training.batch_size),
        optimizer_(make_optimizer(config.optimizer, network_.parameters(), threads, config.training.seed)),
        batches_(dataset, scaler_, config) {}

  network::Executable& program() { return network_.train(); }
  void load(std::int64_t step) {
    batches_.load(step - 1, program().images(), program().labels(), program().targets());
    program().set_step(step, config_.training.steps);
  }
  void update(std::int64_t step) { optimizer_->step(learning_rate(config_.optimizer, step, config_.training.steps)); }
  void update_running_statistics() { network_.update_running_statistics(); }

 private:
  const config::RunConfig& config_;
  data::Scaler scaler_;
  network::Network network_;
  std::unique_ptr<Optimizer> optimizer_;
  data::TrainingBatches batches_;
};

}  // namespace

double StepProfile::in_calls() const {
  double sum = 0;
  for (const Call& call : calls) sum += call.seconds;
  return sum;
}

StepProfile profile_steps(config::RunConfig config, int threads, std::int64_t steps) {
  network::set_threads(threads);
  network::check_precision(config.training);
  network::check(config, data::dataset_info(config.dataset));
  const data::Dataset dataset = data::load(config.dataset);
  data::resolve_batches(config.training, dataset);
  config.training.steps = warm_up_steps + 2 * steps;

  StepProfile profile;
  const bool is_f32 = config.training.precision == config::Precision::f32;
  profile.peak_flops = is_f32 ? peak_f32_flops(threads) : peak_bf16_flops(threads);

  Step one(config, dataset, threads);
  const std::size_t calls = one.program().program().calls().size();
  std::vector<std::vector<double>> of_calls(calls);
  for (auto& times : of_calls) times.reserve(static_cast<std::size_t>(steps));
  std::vector<double> of_step, of_batch, of_update, of_statistics;
  std::vector<double> times(calls);
  for (std::int64_t step = 1; step <= config.training.steps; ++step) {
    const bool in_parts = step > warm_up_steps && step % 2 == 0;
    const Clock::time_point start = Clock::now();
    if (!in_parts) {
      one.load(step);
      one.program().forward();
      one.program().backward();
      one.update(step);
      one.update_running_statistics();
      if (step > warm_up_steps) of_step.push_back(seconds_since(start));
      continue;
    }
    one.load(step);
    of_batch.push_back(seconds_since(start));
    one.program().run_timed(times);
    for (std::size_t i = 0; i < calls; ++i) of_calls[i].push_back(times[i]);
    const Clock::time_point updating = Clock::now();
    one.update(step);
    of_update.push_back(seconds_since(updating));
    const Clock::time_point averaging = Clock::now();
    one.update_running_statistics();
    of_statistics.push_back(seconds_since(averaging));
  }
  for (std::size_t i = 0; i < calls; ++i)
    profile.calls.push_back({one.program().program().calls()[i], median(of_calls[i])});
  profile.batch = median(of_batch);
  profile.update = median(of_update);
  profile.running_statistics = median(of_statistics);
  profile.step = median(of_step);
  return profile;
}

}  // namespace bnlab::training

#include "training/step_profile.h"

#include <algorithm>
#include <chrono>

#include "data/dataset.h"
#include "data/training_batches.h"
#include "network/network.h"
#include "network/threads.h"
#include "training/learner.h"
#include "training/schedule.h"
#include "util/median.h"
#include "util/peak_flops.h"

namespace bnlab::training {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t warm_up_steps = 10;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Seconds for the input of a step. `times`: those of each call; with training.accumulate sums over the batches.
double run_step(Learner& learner, std::int64_t step, std::vector<double>& times) {
  std::vector<double> of_part(times.size());
  std::ranges::fill(times, 0.0);
  double input = 0;
  for (std::int64_t part = 0; part < learner.parts(); ++part) {
    const Clock::time_point start = Clock::now();
    learner.load(step, part);
    input += seconds_since(start);
    learner.program().run_timed(of_part);
    learner.take(part);
    for (std::size_t i = 0; i < times.size(); ++i) times[i] += of_part[i];
  }
  return input;
}

}  // namespace

double StepProfile::in_calls() const {
  double sum = 0;
  for (const Call& call : calls) sum += call.seconds;
  return sum;
}

StepProfile profile_steps(config::RunConfig config, int threads, std::int64_t steps) {
  network::set_threads(threads);
  network::check_precision(config.training);
  auto assembly = network::assemble_checked(config, data::dataset_info(config.dataset));
  const data::Dataset dataset = data::load(config.dataset);
  data::resolve_batches(config.training, dataset);
  config.training.steps = warm_up_steps + steps;

  StepProfile profile;
  const bool is_f32 = config.training.precision == config::Precision::f32;
  profile.peak_flops = is_f32 ? peak_f32_flops(threads) : peak_bf16_flops(threads);

  Learner learner(config, dataset, std::move(assembly), threads);
  const std::size_t calls = learner.program().program().calls().size();
  std::vector<std::vector<double>> of_calls(calls);
  for (auto& times : of_calls) times.reserve(static_cast<std::size_t>(steps));
  std::vector<double> of_step, of_batch, of_update;
  std::vector<double> times(calls);
  for (std::int64_t step = 1; step <= config.training.steps; ++step) {
    const double rate = learning_rate(config.optimizer, step, config.training.steps);
    const Clock::time_point start = Clock::now();
    const double batch = run_step(learner, step, times);
    const Clock::time_point updating = Clock::now();
    learner.update(rate);
    if (step <= warm_up_steps) continue;
    of_update.push_back(seconds_since(updating));
    of_step.push_back(seconds_since(start));
    of_batch.push_back(batch);
    for (std::size_t i = 0; i < calls; ++i) of_calls[i].push_back(times[i]);
  }
  for (std::size_t i = 0; i < calls; ++i)
    profile.calls.push_back({learner.program().program().calls()[i], median(of_calls[i])});
  profile.batch = median(of_batch);
  profile.update = median(of_update);
  profile.step = median(of_step);
  return profile;
}

}  // namespace bnlab::training

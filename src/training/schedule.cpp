#include "training/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace bnlab::training {
namespace {

using config::ScheduleConfig;
using config::ScheduleType;

/// From `from` at x = 0 to `to` at x = 1 along half a cosine.
double half_cosine(double from, double to, double x) {
  return to + (from - to) * (1.0 + std::cos(std::numbers::pi * x)) / 2.0;
}

double one_cycle(const ScheduleConfig& c, double t, double steps) {
  const double top = c.peak * steps - 1.0;
  if (t < top) return half_cosine(c.initial_fraction, 1.0, t / top);
  return half_cosine(1.0, c.final_fraction, (t - top) / (steps - 1.0 - top));
}

/// The rate over the config's, `t` steps after warm-up, which leaves `steps`.
double fraction(const ScheduleConfig& c, double t, double steps) {
  const auto every = static_cast<double>(c.every);
  switch (c.type) {
    case ScheduleType::constant:
      break;
    case ScheduleType::step:
      return std::pow(c.factor, std::floor(t / every));
    case ScheduleType::exponential:
      return std::pow(c.factor, t / every);
    case ScheduleType::cosine:
      return half_cosine(1.0, c.final_fraction, t / steps);
    case ScheduleType::one_cycle:
      return one_cycle(c, t, steps);
    case ScheduleType::doubling:
      return std::exp2(t / every);
  }
  return 1.0;
}

}  // namespace

double learning_rate(const config::OptimizerConfig& config, std::int64_t step, std::int64_t steps) {
  const ScheduleConfig& schedule = config.schedule;
  const std::int64_t warmup = schedule.type == ScheduleType::one_cycle ? 0 : schedule.warmup_steps;
  const auto done = static_cast<double>(step - 1);
  const auto before = static_cast<double>(warmup);
  if (step <= warmup)
    return config.learning_rate * (schedule.warmup_start + (1.0 - schedule.warmup_start) * done / before);
  const double rate = config.learning_rate * fraction(schedule, done - before, static_cast<double>(steps) - before);
  return std::min(rate, static_cast<double>(std::numeric_limits<float>::max()));
}

}  // namespace bnlab::training

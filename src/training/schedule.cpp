#include "training/schedule.h"

#include <cmath>

namespace bnlab::training {

double learning_rate(const config::OptimizerConfig& config, std::int64_t step) {
  switch (config.schedule.type) {
    case config::ScheduleType::step:
      return config.learning_rate *
             std::pow(config.schedule.factor, static_cast<double>((step - 1) / config.schedule.every));
    case config::ScheduleType::constant:
      break;
  }
  return config.learning_rate;
}

}  // namespace bnlab::training

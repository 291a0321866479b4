#pragma once
#include <cstdint>

#include "config/run_config.h"

namespace bnlab::training {

/// The learning rate of `step` (from 1): constant, or learning_rate * factor^floor((step - 1) / every).
double learning_rate(const config::OptimizerConfig& config, std::int64_t step);

}  // namespace bnlab::training

#include "network/batch_sizes.h"

#include <fmt/format.h>

#include "util/errors.h"

namespace bnlab::network {

void check_batch_sizes(const config::RunConfig& config, const normalization::NormalizationStates& states) {
  const config::TrainingConfig& training = config.training;
  for (const std::int64_t size : config.evaluation.batch_sizes) {
    if (training.composition == config::BatchComposition::by_class && size % training.classes_per_batch != 0)
      throw ConfigError(
          fmt::format("evaluation.batch_sizes: must be multiples of training.classes_per_batch, {}, got {}",
                      training.classes_per_batch, size));
    if (!config::row_of(config.normalization.type).has_batch_moments) continue;
    if (const auto* place = normalization::state_of_one_value(states, config.normalization, size))
      throw ConfigError(
          fmt::format("evaluation.batch_sizes: with {} images {} normalizes over 1 value, which has no "
                      "variance",
                      size, place->name));
  }
}

}  // namespace bnlab::network

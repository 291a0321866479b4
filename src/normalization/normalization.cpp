#include "normalization/normalization.h"

#include <stdexcept>

#include "normalization/batch.h"

namespace bnlab::normalization {

using config::NormalizationType;

double unbiased_factor(std::int64_t m) { return m > 1 ? static_cast<double>(m) / static_cast<double>(m - 1) : 1.0; }

bool absorbs_bias(NormalizationType type) {
  return type == NormalizationType::batch || type == NormalizationType::frozen;
}

bool can_fuse_relu(NormalizationType type) {
  return type == NormalizationType::batch || type == NormalizationType::frozen;
}

std::unique_ptr<layers::Layer> make_normalization(const NormalizationContext& context) {
  switch (context.config.type) {
    case NormalizationType::batch:
      return make_batch(context, BatchStatistics::of_batch);
    case NormalizationType::frozen:
      return make_batch(context, BatchStatistics::frozen);
    default:
      break;
  }
  throw std::logic_error("a normalization of type none has no layer");
}

}  // namespace bnlab::normalization

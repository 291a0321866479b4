#include "data/batch_order.h"

#include <fmt/format.h>

#include <limits>
#include <numeric>
#include <stdexcept>

#include "util/random.h"

namespace bnlab::data {

BatchOrder::BatchOrder(std::uint64_t seed, std::int64_t examples, std::int64_t batch_size, RandomPurpose purpose)
    : seed_(seed), purpose_(purpose), batch_size_(batch_size) {
  if (batch_size < 1 || batch_size > examples || examples > std::numeric_limits<std::uint32_t>::max())
    throw std::invalid_argument(fmt::format("BatchOrder: batches of {} from {} examples", batch_size, examples));
  steps_per_epoch_ = examples / batch_size;
  permutation_.resize(static_cast<std::size_t>(examples));
}

std::span<const std::uint32_t> BatchOrder::batch(std::int64_t step) {
  if (step < 0) throw std::invalid_argument(fmt::format("BatchOrder: step {}", step));
  const std::int64_t epoch = step / steps_per_epoch_;
  if (epoch != epoch_) {
    // From the sorted order, not from the last epoch's, so that an epoch can be had without those before it.
    std::iota(permutation_.begin(), permutation_.end(), 0u);
    RandomStream(seed_, purpose_, static_cast<std::uint32_t>(epoch)).shuffle(permutation_);
    epoch_ = epoch;
  }
  const std::int64_t first = step % steps_per_epoch_ * batch_size_;
  return std::span<const std::uint32_t>(permutation_)
      .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(batch_size_));
}

}  // namespace bnlab::data

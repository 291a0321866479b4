#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "util/random.h"

namespace bnlab::data {

/// The order in which training examples are visited: a fresh permutation each epoch, from (seed, epoch) alone; what
/// does not fill a batch at the end of an epoch is left out of that epoch.
class BatchOrder {
 public:
  /// Requires 1 <= batch_size <= examples. `purpose` gives other consumers than training an order of their own.
  BatchOrder(std::uint64_t seed, std::int64_t examples, std::int64_t batch_size,
             RandomPurpose purpose = RandomPurpose::batch_order);
  /// Indices of the batch of `step` (from 0); valid until the next call. Any step may be asked for; in order is fast.
  std::span<const std::uint32_t> batch(std::int64_t step);
  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }

 private:
  std::uint64_t seed_;
  RandomPurpose purpose_;
  std::int64_t batch_size_;
  std::int64_t steps_per_epoch_;
  std::int64_t epoch_ = -1;
  std::vector<std::uint32_t> permutation_;
};

}  // namespace bnlab::data

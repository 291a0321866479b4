#pragma once
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "config/run_config.h"
#include "data/augmentation.h"
#include "data/batch_order.h"
#include "data/dataset.h"
#include "data/scaler.h"

namespace bnlab::data {

/// Fills in and checks what of `training` depends on the data: with full_batch, batch_size becomes the number of
/// training examples. Throws ConfigError where batch size or composition don't fit the dataset.
void resolve_batches(config::TrainingConfig& training, const Dataset& dataset);

/// The batches that training sees: composed, augmented, scaled. A batch is a function of the config and its number.
class TrainingBatches {
 public:
  /// Requires a `run.training` that resolve_batches() has been at. `dataset` and `scaler` outlive the batches.
  TrainingBatches(const Dataset& dataset, const Scaler& scaler, const config::RunConfig& run);

  /// Writes batch `number`, from 0, as Scaler::gather does. Allocates nothing. Any batch may be asked for; in order is
  /// fast.
  void load(std::int64_t number, float* dst, std::int32_t* labels, float* targets = nullptr);
  /// The indices of its examples in the training split; valid until the next call of any function.
  std::span<const std::uint32_t> indices(std::int64_t number);
  /// Batches that make up an epoch: examples / batch size, rounded down.
  std::int64_t batches_per_epoch() const { return batches_per_epoch_; }

 private:
  /// `images`: all of the split; `changed`: room for one.
  template <class T>
  void load_augmented(std::int64_t number, std::span<const std::uint32_t> indices, const Values<T>& images,
                      std::vector<T>& changed, float* dst, std::int32_t* labels);

  const Dataset& dataset_;
  const Scaler& scaler_;
  std::uint64_t seed_;
  std::int64_t batches_per_epoch_;
  std::variant<BatchOrder, FileOrder, ClassOrder> order_;
  Augmentation augmentation_;
  std::vector<std::uint8_t> changed_;  // (C, H, W), one augmented image
  std::vector<float> changed_floats_;  // the same where images are floats
};

}  // namespace bnlab::data

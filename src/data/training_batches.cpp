#include "data/training_batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "util/errors.h"
#include "util/random.h"

namespace bnlab::data {
namespace {

using config::BatchComposition;

std::variant<BatchOrder, FileOrder, ClassOrder> make_order(const Split& train, const config::TrainingConfig& training) {
  switch (training.composition) {
    case BatchComposition::in_order:
    case BatchComposition::full_batch:
      return FileOrder(train.size(), training.batch_size);
    case BatchComposition::by_class:
      return ClassOrder(training.seed, train.labels, training.batch_size, training.classes_per_batch);
    case BatchComposition::shuffled:
      break;
  }
  return BatchOrder(training.seed, train.size(), training.batch_size);
}

void check_classes(const config::TrainingConfig& training, const Dataset& dataset) {
  if (dataset.info.has_targets)
    throw ConfigError(fmt::format("training.composition: by_class needs classes; the examples of {} have targets",
                                  dataset.info.name));
  std::vector<std::int64_t> counts(static_cast<std::size_t>(dataset.info.classes));
  for (const Label label : dataset.train.labels) ++counts[label];
  const auto present = static_cast<std::int64_t>(counts.size()) - std::count(counts.begin(), counts.end(), 0);
  if (training.classes_per_batch > present)
    throw ConfigError(
        fmt::format("training.classes_per_batch: must be at most {}, the number of classes of the training images, "
                    "got {}",
                    present, training.classes_per_batch));
  const std::int64_t share = training.batch_size / training.classes_per_batch;
  for (std::size_t label = 0; label < counts.size(); ++label)
    if (counts[label] > 0 && counts[label] < share)
      throw ConfigError(
          fmt::format("training.batch_size: must be at most {} with {} classes a batch, because class {} has {} "
                      "training images, got {}",
                      counts[label] * training.classes_per_batch, training.classes_per_batch, label, counts[label],
                      training.batch_size));
}

}  // namespace

void resolve_batches(config::TrainingConfig& training, const Dataset& dataset) {
  const std::int64_t examples = dataset.train.size();
  if (training.composition == BatchComposition::full_batch) training.batch_size = examples;
  if (training.batch_size > examples)
    throw ConfigError(fmt::format("training.batch_size: must be at most {}, the number of training images, got {}",
                                  examples, training.batch_size));
  if (const std::int64_t most = examples / training.batch_size; config::micro_batches(training) > most)
    throw ConfigError(
        fmt::format("training.accumulate: must be at most {} with {} training images and batches of {}, got {}", most,
                    examples, training.batch_size, config::micro_batches(training)));
  if (training.composition == BatchComposition::by_class) check_classes(training, dataset);
}

TrainingBatches::TrainingBatches(const Dataset& dataset, const Scaler& scaler, const config::RunConfig& run)
    : dataset_(dataset),
      scaler_(scaler),
      seed_(run.training.seed),
      batches_per_epoch_(dataset.train.size() / run.training.batch_size),
      order_(make_order(dataset.train, run.training)),
      augmentation_(run.dataset.augmentation, dataset.info),
      changed_(augmentation_.is_on() ? static_cast<std::size_t>(dataset.image_size()) : 0),
      changed_floats_(changed_.size()) {}

std::span<const std::uint32_t> TrainingBatches::indices(std::int64_t number) {
  return std::visit([&](auto& order) { return order.batch(number); }, order_);
}

void TrainingBatches::load(std::int64_t number, float* dst, std::int32_t* labels, float* targets) {
  const std::span<const std::uint32_t> batch = indices(number);
  if (augmentation_.is_on() && !dataset_.train.values.empty())
    load_augmented(number, batch, dataset_.train.values, changed_floats_, dst, labels);
  else if (augmentation_.is_on())
    load_augmented(number, batch, dataset_.train.images, changed_, dst, labels);
  else
    scaler_.gather(dataset_.train, batch, dst, labels, targets);
}

// The draws depend on the number of the batch and the place in the batch, so that a run can continue at any step.
template <class T>
void TrainingBatches::load_augmented(std::int64_t number, std::span<const std::uint32_t> batch, const Values<T>& images,
                                     std::vector<T>& changed, float* dst, std::int32_t* labels) {
  RandomStream random(seed_, RandomPurpose::augmentation, static_cast<std::uint32_t>(number));
  const std::int64_t image = dataset_.image_size();
  for (std::size_t n = 0; n < batch.size(); ++n) {
    labels[n] = dataset_.train.labels[batch[n]];
    augmentation_.apply(images.data() + batch[n] * image, random, changed.data());
    scaler_.scale(changed.data(), dst + static_cast<std::int64_t>(n) * image);
  }
}

}  // namespace bnlab::data

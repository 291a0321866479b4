#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.h"
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

/// The examples as they stand in the file, each epoch the same; what does not fill a batch at the end is left out.
class FileOrder {
 public:
  /// Requires 1 <= batch_size <= examples.
  FileOrder(std::int64_t examples, std::int64_t batch_size);
  /// As BatchOrder::batch.
  std::span<const std::uint32_t> batch(std::int64_t step) const;

 private:
  std::int64_t batch_size_;
  std::vector<std::uint32_t> indices_;  // 0, 1, ...
};

/// Batches of a few classes (Ioffe 2017, 4.3): each takes `classes_per_batch` classes at random, without replacement
/// and among those that have examples, from (seed, step) alone, and equally many examples of each, one class after
/// another. The examples of a class are visited in a random order, a new one each time it is used up; what does not
/// fill a batch's share at the end of an order is left out of it.
class ClassOrder {
 public:
  /// `labels` are those of the training examples. Requires that classes_per_batch is at least 1, divides batch_size and
  /// is not above the number of classes that have examples, and that each such class has batch_size / classes_per_batch
  /// of them.
  ClassOrder(std::uint64_t seed, std::span<const Label> labels, std::int64_t batch_size,
             std::int64_t classes_per_batch);
  /// As BatchOrder::batch; another step than the last or the next one draws the classes of the steps before it anew
  /// (100,000 steps: some 10 ms).
  std::span<const std::uint32_t> batch(std::int64_t step);

 private:
  struct Class {
    std::uint32_t label = 0;
    std::vector<std::uint32_t> examples = {};  // in file order
    std::vector<std::uint32_t> order = {};     // of pass `pass`
    std::int64_t pass = -1;
    std::int64_t visits = 0;  // by batches before step_
  };

  void draw_classes(std::int64_t step);
  std::span<const std::uint32_t> next_examples(Class& one);

  std::uint64_t seed_;
  std::size_t share_;  // examples of a class in a batch
  std::vector<Class> classes_;
  std::vector<std::uint32_t> drawn_;  // the first classes_per_batch_ are those of a batch
  std::size_t classes_per_batch_;
  std::int64_t step_ = 0;
  std::vector<std::uint32_t> batch_;
};

/// An order of all examples, each once, in which each `batch_size` in a row have `classes_per_batch` classes as long as
/// the examples allow: the classes in turn, `classes_per_batch` at a time, their examples in file order; what is left
/// of classes without enough comes last.
std::vector<std::uint32_t> order_by_class(std::span<const Label> labels, std::int64_t batch_size,
                                          std::int64_t classes_per_batch);

}  // namespace bnlab::data

#pragma once
// Labels that are any whole numbers, as classes from 0 on.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace bnlab::data {

/// The classes of a dataset whose labels are its own: the distinct labels of both splits, in ascending order.
class Classes {
 public:
  /// Throws DataError, whose text begins with `where`, for more than most_classes of them, or a single one.
  Classes(std::span<const std::int64_t> train, std::span<const std::int64_t> test, const std::string& where);

  std::int64_t count() const { return static_cast<std::int64_t>(labels_.size()); }
  /// The place of each label in the order; all must be among those of the constructor.
  Values<Label> places_of(std::span<const std::int64_t> labels) const;

 private:
  std::vector<std::int64_t> labels_;
};

/// The labels of a dataset as its files have them.
struct OwnLabels {
  std::vector<std::int64_t> train, test;
};

/// Gives the dataset's splits these labels, as places among their classes, and its info the number of classes. Throws
/// as Classes does.
void set_labels(Dataset& dataset, const OwnLabels& labels, const std::string& where);

}  // namespace bnlab::data

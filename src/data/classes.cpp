#include "data/classes.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/errors.h"

namespace bnlab::data {

Classes::Classes(std::span<const std::int64_t> train, std::span<const std::int64_t> test, const std::string& where)
    : labels_(train.begin(), train.end()) {
  labels_.insert(labels_.end(), test.begin(), test.end());
  std::sort(labels_.begin(), labels_.end());
  labels_.erase(std::unique(labels_.begin(), labels_.end()), labels_.end());
  if (count() > most_classes)
    throw DataError(fmt::format("{}: expected at most {} different labels, found {}", where, most_classes, count()));
  if (count() < 2) throw DataError(fmt::format("{}: expected at least 2 different labels, found {}", where, count()));
}

Values<Label> Classes::places_of(std::span<const std::int64_t> labels) const {
  std::vector<Label> places;
  places.reserve(labels.size());
  for (const std::int64_t label : labels)
    places.push_back(static_cast<Label>(std::lower_bound(labels_.begin(), labels_.end(), label) - labels_.begin()));
  return places;
}

void set_labels(Dataset& dataset, const OwnLabels& labels, const std::string& where) {
  const Classes classes(labels.train, labels.test, where);
  dataset.info.classes = classes.count();
  dataset.train.labels = classes.places_of(labels.train);
  dataset.test.labels = classes.places_of(labels.test);
}

}  // namespace bnlab::data

#include "data/batch_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "util/random.h"

namespace bnlab::data {
namespace {

void check_step(std::int64_t step) {
  if (step < 0) throw std::invalid_argument(fmt::format("batch of step {}", step));
}

void check_sizes(std::int64_t examples, std::int64_t batch_size) {
  if (batch_size < 1 || batch_size > examples || examples > std::numeric_limits<std::uint32_t>::max())
    throw std::invalid_argument(fmt::format("batches of {} from {} examples", batch_size, examples));
}

/// Batch `step` of an order that is the same each epoch.
std::span<const std::uint32_t> piece_of(const std::vector<std::uint32_t>& order, std::int64_t batch_size,
                                        std::int64_t step) {
  const std::int64_t pieces = static_cast<std::int64_t>(order.size()) / batch_size;
  return std::span(order).subspan(static_cast<std::size_t>(step % pieces * batch_size),
                                  static_cast<std::size_t>(batch_size));
}

}  // namespace

BatchOrder::BatchOrder(std::uint64_t seed, std::int64_t examples, std::int64_t batch_size, RandomPurpose purpose)
    : seed_(seed), purpose_(purpose), batch_size_(batch_size) {
  check_sizes(examples, batch_size);
  steps_per_epoch_ = examples / batch_size;
  permutation_.resize(static_cast<std::size_t>(examples));
}

std::span<const std::uint32_t> BatchOrder::batch(std::int64_t step) {
  check_step(step);
  const std::int64_t epoch = step / steps_per_epoch_;
  if (epoch != epoch_) {
    // From the sorted order, not from the last epoch's, so that an epoch can be had without those before it.
    std::iota(permutation_.begin(), permutation_.end(), 0u);
    RandomStream(seed_, purpose_, static_cast<std::uint32_t>(epoch)).shuffle(permutation_);
    epoch_ = epoch;
  }
  return piece_of(permutation_, batch_size_, step);
}

FileOrder::FileOrder(std::int64_t examples, std::int64_t batch_size) : batch_size_(batch_size) {
  check_sizes(examples, batch_size);
  indices_.resize(static_cast<std::size_t>(examples));
  std::iota(indices_.begin(), indices_.end(), 0u);
}

std::span<const std::uint32_t> FileOrder::batch(std::int64_t step) const {
  check_step(step);
  return piece_of(indices_, batch_size_, step);
}

ClassOrder::ClassOrder(std::uint64_t seed, std::span<const Label> labels, std::int64_t batch_size,
                       std::int64_t classes_per_batch)
    : seed_(seed), classes_per_batch_(static_cast<std::size_t>(classes_per_batch)) {
  check_sizes(static_cast<std::int64_t>(labels.size()), batch_size);
  std::vector<Class> all(256);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    all[labels[i]].label = labels[i];
    all[labels[i]].examples.push_back(static_cast<std::uint32_t>(i));
  }
  for (Class& one : all)
    if (!one.examples.empty()) classes_.push_back(std::move(one));
  if (classes_per_batch < 1 || classes_per_batch_ > classes_.size() || batch_size % classes_per_batch != 0)
    throw std::invalid_argument(
        fmt::format("batches of {} with {} classes of {}", batch_size, classes_per_batch, classes_.size()));
  share_ = static_cast<std::size_t>(batch_size / classes_per_batch);
  for (const Class& one : classes_)
    if (one.examples.size() < share_)
      throw std::invalid_argument(
          fmt::format("{} of the {} examples of class {}", share_, one.examples.size(), one.label));
  for (Class& one : classes_) one.order.resize(one.examples.size());
  drawn_.resize(classes_.size());
  batch_.resize(static_cast<std::size_t>(batch_size));
}

std::span<const std::uint32_t> ClassOrder::batch(std::int64_t step) {
  check_step(step);
  if (step < step_) {
    for (Class& one : classes_) one.visits = 0;
    step_ = 0;
  }
  for (; step_ < step; ++step_) {
    draw_classes(step_);
    for (std::size_t i = 0; i < classes_per_batch_; ++i) ++classes_[drawn_[i]].visits;
  }
  draw_classes(step);
  auto to = batch_.begin();
  for (std::size_t i = 0; i < classes_per_batch_; ++i)
    to = std::ranges::copy(next_examples(classes_[drawn_[i]]), to).out;
  return batch_;
}

void ClassOrder::draw_classes(std::int64_t step) {
  std::iota(drawn_.begin(), drawn_.end(), 0u);
  RandomStream random(seed_, RandomPurpose::batch_classes, static_cast<std::uint32_t>(step));
  for (std::size_t i = 0; i < classes_per_batch_; ++i)
    std::swap(drawn_[i], drawn_[i + random.below(drawn_.size() - i)]);
}

std::span<const std::uint32_t> ClassOrder::next_examples(Class& one) {
  const auto shares = static_cast<std::int64_t>(one.order.size() / share_);
  const std::int64_t pass = one.visits / shares;
  if (pass != one.pass) {
    std::ranges::copy(one.examples, one.order.begin());
    RandomStream(seed_, RandomPurpose::class_order, static_cast<std::uint32_t>(pass * 256 + one.label))
        .shuffle(one.order);
    one.pass = pass;
  }
  return piece_of(one.order, static_cast<std::int64_t>(share_), one.visits);
}

std::vector<std::uint32_t> order_by_class(std::span<const Label> labels, std::int64_t batch_size,
                                          std::int64_t classes_per_batch) {
  std::map<Label, std::deque<std::uint32_t>> examples;
  for (std::size_t i = 0; i < labels.size(); ++i) examples[labels[i]].push_back(static_cast<std::uint32_t>(i));
  const auto share = static_cast<std::size_t>(batch_size / classes_per_batch);
  std::vector<std::uint32_t> order;
  std::deque<Label> turn;
  for (const auto& [label, list] : examples) turn.push_back(label);
  while (true) {
    std::erase_if(turn, [&](Label label) { return examples[label].size() < share; });
    if (turn.size() < static_cast<std::size_t>(classes_per_batch)) break;
    for (std::int64_t c = 0; c < classes_per_batch; ++c) {
      auto& list = examples[turn.front()];
      order.insert(order.end(), list.begin(), list.begin() + static_cast<std::ptrdiff_t>(share));
      list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(share));
      turn.push_back(turn.front());
      turn.pop_front();
    }
  }
  for (const auto& [label, list] : examples) order.insert(order.end(), list.begin(), list.end());
  return order;
}

}  // namespace bnlab::data

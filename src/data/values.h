#pragma once
#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "util/memory.h"

namespace bnlab::data {

/// Numbers that nobody changes any more: of a vector, or of memory that something else owns. Copies and parts share
/// them and keep their owner alive.
template <class T>
class Values {
 public:
  using value_type = T;
  using const_iterator = const T*;
  using iterator = const_iterator;

  Values() = default;
  Values(std::vector<T> values) {
    const auto owner = std::make_shared<const std::vector<T>>(std::move(values));
    values_ = *owner;
    owner_ = owner;
  }
  Values(std::initializer_list<T> values) : Values(std::vector<T>(values)) {}
  /// `owner` frees the memory behind `values`.
  Values(std::span<const T> values, std::shared_ptr<const void> owner) : values_(values), owner_(std::move(owner)) {}

  /// The first `count` of the values from `first` on. Requires that there are as many.
  Values part(std::size_t first, std::size_t count) const { return {values_.subspan(first, count), owner_}; }
  const std::shared_ptr<const void>& owner() const { return owner_; }

  operator std::span<const T>() const { return values_; }
  const T* data() const { return values_.data(); }
  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size(); }
  const T& front() const { return values_.front(); }
  const T& back() const { return values_.back(); }
  const T& operator[](std::size_t i) const { return values_[i]; }
  friend bool operator==(const Values& a, const Values& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::span<const T> values_;
  std::shared_ptr<const void> owner_;
};

/// Memory for `count` values, to be filled once: zeros that take no memory before they are touched. Large blocks lie in
/// huge pages, because batches are gathered from all over them.
template <class T>
class Filling {
 public:
  explicit Filling(std::size_t count)
      : memory_(zeroed_memory(std::max(count * sizeof(T), std::size_t{1}), Backing::when_touched)), count_(count) {}

  std::span<T> span() { return {static_cast<T*>(memory_.get()), count_}; }
  const std::shared_ptr<void>& owner() const { return memory_; }
  /// All values from the one at `first` on; nobody writes to them any more.
  Values<T> values(std::size_t first = 0) { return {std::span<const T>(span()).subspan(first), memory_}; }

 private:
  std::shared_ptr<void> memory_;
  std::size_t count_;
};

}  // namespace bnlab::data

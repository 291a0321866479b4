#pragma once
// What probes that look inside the network share: a program of their own on images of their own.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/batch_order.h"
#include "probes/probe.h"

namespace bnlab::probes {

/// A program with Pass::observe, on training images that are drawn once, from a stream of their own, in batches of
/// training.batch_size. It normalizes as training does and changes no running statistics.
class Observer {
 public:
  Observer(const ProbeContext& context, onednn::Watch watch, bool diff_input = false);

  /// Loads batch `batch` of the order and sets the step (0 counts as 1) that dropout and noise draw from.
  void load(std::int64_t step, std::int64_t batch = 0);
  void forward() { executable_->forward(); }
  /// Overwrites the gradients of the network's parameters: only when the step is done.
  void backward() { executable_->backward(); }
  double loss() const { return executable_->loss(); }

  /// In network order, a layer behind its parts; those of the backward pass in the opposite order, after the others.
  const std::vector<onednn::Observation>& observations() const { return executable_->observations(); }
  /// Throws std::logic_error where there is none.
  const onednn::Observation& at(const std::string& layer, const std::string& tensor) const;
  /// All of one tensor, in network order.
  std::vector<const onednn::Observation*> all(const std::string& tensor) const;
  network::Executable& executable() { return *executable_; }

 private:
  ProbeContext context_;
  std::unique_ptr<network::Executable> executable_;
  data::BatchOrder order_;
};

/// The number of values.
std::size_t size_of(const onednn::Observation& observation);
/// (N, C, H, W): the values of channel c of one image lie together, `plane` of them.
struct Channels {
  explicit Channels(const onednn::Observation& observation);
  /// Where channel c of image n begins.
  const float* of(std::int64_t n, std::int64_t c) const { return data + (n * channels + c) * plane; }
  std::int64_t values() const { return images * plane; }  // of a channel

  const float* data;
  std::int64_t images;
  std::int64_t channels;
  std::int64_t plane;  // H * W
};

/// Of channel c, over all images and positions, in double precision; the variance is biased.
struct ChannelStatistics {
  double mean = 0;
  double variance = 0;
};
ChannelStatistics statistics_of(const Channels& values, std::int64_t c);

/// L2 norm, and the square of it, in double precision.
double squared_norm(const float* values, std::size_t count);
double norm(const std::vector<float>& values);
/// norm(factor * a - b) / norm(b); NaN where b is zero and a is not.
double relative_error(const float* a, const float* b, std::size_t count, double factor = 1);

/// Puts the values of all parameters back when it goes out of scope.
class ParametersGuard {
 public:
  explicit ParametersGuard(network::Network& network);
  ~ParametersGuard() { restore(); }
  ParametersGuard(const ParametersGuard&) = delete;
  ParametersGuard& operator=(const ParametersGuard&) = delete;
  void restore();

 private:
  layers::Parameters& parameters_;
  std::vector<float> values_;
};

/// The type of a layer, such as "dense" or "batch". Throws std::logic_error for an unknown name.
std::string type_of(const network::Network& network, const std::string& layer);

}  // namespace bnlab::probes

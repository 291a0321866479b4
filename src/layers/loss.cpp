#include "layers/loss.h"

#include <algorithm>
#include <cmath>

#include "util/errors.h"

namespace bnlab::layers {
namespace {

/// Computes a loss row by row; each kind of loss defines the loss and the gradient of one row.
class LossKernel : public onednn::Kernel {
 public:
  /// `terms`: by how many values the sum of the rows' losses is divided.
  LossKernel(dnnl::memory output, dnnl::memory diff, const Dims& shape, double terms, LossBuffers& buffers)
      : outputs_(static_cast<std::size_t>(shape[1])),
        buffers_(buffers),
        terms_(terms),
        output_(std::move(output)),
        diff_(std::move(diff)),
        rows_(static_cast<std::size_t>(shape[0])) {}

  void run() override {
    const auto* output = static_cast<const float*>(output_.get_data_handle());
    auto* diff = diff_ ? static_cast<float*>(diff_.get_data_handle()) : nullptr;
    double sum = 0;
    std::int64_t correct = 0;
    for (std::size_t n = 0; n < rows_; ++n) {
      const float* row = output + n * outputs_;
      const std::size_t largest = static_cast<std::size_t>(std::max_element(row, row + outputs_) - row);
      correct += buffers_.targets.empty() && largest == static_cast<std::size_t>(buffers_.labels[n]);
      sum += row_loss(n, row, row[largest], diff ? diff + n * outputs_ : nullptr);
    }
    buffers_.loss = sum / terms_;
    buffers_.correct = correct;
  }

 protected:
  /// The loss of row n, and where `diff` is not null its gradient, divided by the terms.
  virtual double row_loss(std::size_t n, const float* row, float largest, float* diff) const = 0;

  std::size_t outputs_;
  LossBuffers& buffers_;
  double terms_;

 private:
  dnnl::memory output_;
  dnnl::memory diff_;
  std::size_t rows_;
};

class CrossEntropyKernel : public LossKernel {
 public:
  CrossEntropyKernel(dnnl::memory logits, dnnl::memory diff, const Dims& shape, double terms, double smoothing,
                     LossBuffers& buffers)
      : LossKernel(std::move(logits), std::move(diff), shape, terms, buffers), smoothing_(smoothing) {}

 private:
  // log(sum_k exp(row_k - largest)) + largest - sum_k q_k row_k; the gradient is softmax - q.
  double row_loss(std::size_t n, const float* row, float largest, float* diff) const override {
    const auto label = static_cast<std::size_t>(buffers_.labels[n]);
    double total = 0;
    for (std::size_t k = 0; k < outputs_; ++k) {
      const float e = std::exp(row[k] - largest);
      if (diff) diff[k] = e;
      total += static_cast<double>(e);
    }
    if (diff) {
      const auto factor = static_cast<float>(1.0 / (total * terms_));
      const auto spread = static_cast<float>(smoothing_ / (static_cast<double>(outputs_) * terms_));
      for (std::size_t k = 0; k < outputs_; ++k) diff[k] = diff[k] * factor - spread;
      diff[label] -= static_cast<float>((1.0 - smoothing_) / terms_);
    }
    const auto below = [&](std::size_t k) { return static_cast<double>(largest) - static_cast<double>(row[k]); };
    if (smoothing_ == 0) return std::log(total) + below(label);
    double sum = 0;
    for (std::size_t k = 0; k < outputs_; ++k) sum += below(k);
    return std::log(total) + (1.0 - smoothing_) * below(label) + smoothing_ / static_cast<double>(outputs_) * sum;
  }

  double smoothing_;
};

class SquaredErrorKernel : public LossKernel {
 public:
  using LossKernel::LossKernel;

 private:
  double row_loss(std::size_t n, const float* row, float, float* diff) const override {
    const float* targets = buffers_.targets.empty() ? nullptr : buffers_.targets.data() + n * outputs_;
    const auto label = static_cast<std::size_t>(buffers_.labels[n]);
    double sum = 0;
    for (std::size_t k = 0; k < outputs_; ++k) {
      const float target = targets ? targets[k] : k == label ? 1.0f : 0.0f;
      const double error = static_cast<double>(row[k]) - static_cast<double>(target);
      if (diff) diff[k] = static_cast<float>(2.0 * error / terms_);
      sum += error * error;
    }
    return sum;
  }
};

}  // namespace

Forward build_loss(Builder& builder, const Tensor& output, const config::LossConfig& config, bool has_targets,
                   LossBuffers& buffers) {
  const bool is_squared = config.type == config::LossType::squared_error;
  if (has_targets && !is_squared)
    throw ConfigError("loss.type: must be squared_error for a dataset with targets, which has no classes");
  const Dims& shape = output.shape;
  buffers.labels.assign(static_cast<std::size_t>(shape[0]), 0);
  buffers.targets.assign(has_targets ? static_cast<std::size_t>(shape[0] * shape[1]) : 0, 0.0f);
  const bool is_mean = config.reduction == config::Reduction::mean;
  const auto terms = static_cast<double>(is_mean ? shape[0] * (is_squared ? shape[1] : 1) : 1);

  const dnnl::memory input = builder.row_major(output);
  const dnnl::memory diff = builder.has_backward() ? builder.allocate(onednn::row_major_desc(shape)) : dnnl::memory();
  std::unique_ptr<onednn::Kernel> kernel;
  if (is_squared)
    kernel = std::make_unique<SquaredErrorKernel>(input, diff, shape, terms, buffers);
  else
    kernel = std::make_unique<CrossEntropyKernel>(input, diff, shape, terms, config.label_smoothing, buffers);
  builder.add("forward", std::move(kernel), diff ? std::vector{input, diff} : std::vector{input});
  if (!builder.has_backward()) return {};
  return {{}, [=](Builder&, const Tensor&) { return Tensor{diff, shape, true}; }};
}

}  // namespace bnlab::layers

#include "layers/loss.h"

#include <algorithm>
#include <cmath>

namespace bnlab::layers {
namespace {

class CrossEntropyKernel : public onednn::Kernel {
 public:
  CrossEntropyKernel(dnnl::memory logits, dnnl::memory diff, Dims shape, LossBuffers& buffers)
      : logits_(std::move(logits)),
        diff_(std::move(diff)),
        rows_(static_cast<std::size_t>(shape[0])),
        classes_(static_cast<std::size_t>(shape[1])),
        buffers_(buffers) {}

  void run() override {
    const auto* logits = static_cast<const float*>(logits_.get_data_handle());
    auto* diff = diff_ ? static_cast<float*>(diff_.get_data_handle()) : nullptr;
    double sum = 0;
    std::int64_t correct = 0;
    for (std::size_t n = 0; n < rows_; ++n) {
      const float* row = logits + n * classes_;
      const auto label = static_cast<std::size_t>(buffers_.labels[n]);
      const std::size_t largest = static_cast<std::size_t>(std::max_element(row, row + classes_) - row);
      correct += largest == label;
      sum += row_loss(row, row[largest], label, diff ? diff + n * classes_ : nullptr);
    }
    buffers_.mean_loss = sum / static_cast<double>(rows_);
    buffers_.correct = correct;
  }

 private:
  // log(sum_k exp(row_k - largest)) + largest - row_label; the gradient of the mean is (softmax - one_hot) / N.
  double row_loss(const float* row, float largest, std::size_t label, float* diff) const {
    double total = 0;
    for (std::size_t k = 0; k < classes_; ++k) {
      const float e = std::exp(row[k] - largest);
      if (diff) diff[k] = e;
      total += static_cast<double>(e);
    }
    if (diff) {
      const auto factor = static_cast<float>(1.0 / (total * static_cast<double>(rows_)));
      for (std::size_t k = 0; k < classes_; ++k) diff[k] *= factor;
      diff[label] -= 1.0f / static_cast<float>(rows_);
    }
    return std::log(total) + (static_cast<double>(largest) - static_cast<double>(row[label]));
  }

  dnnl::memory logits_;
  dnnl::memory diff_;
  std::size_t rows_;
  std::size_t classes_;
  LossBuffers& buffers_;
};

}  // namespace

Forward build_cross_entropy(Builder& builder, const Tensor& logits, LossBuffers& buffers) {
  buffers.labels.assign(static_cast<std::size_t>(logits.shape[0]), 0);
  const dnnl::memory input = builder.plain(logits);
  const dnnl::memory diff =
      builder.has_backward() ? builder.allocate(onednn::plain_desc(logits.shape)) : dnnl::memory();
  auto kernel = std::make_unique<CrossEntropyKernel>(input, diff, logits.shape, buffers);
  builder.add("forward", std::move(kernel), diff ? std::vector{input, diff} : std::vector{input});
  if (!builder.has_backward()) return {};
  return {{}, [=](Builder&, const Tensor&) { return Tensor{diff, logits.shape, true}; }};
}

Forward build_loss(Builder& builder, const Tensor& output, const config::LossConfig&, LossBuffers& buffers) {
  return build_cross_entropy(builder, output, buffers);
}

}  // namespace bnlab::layers

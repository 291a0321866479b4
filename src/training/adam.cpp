#include "training/adam.h"

#include <cmath>

#include "util/target_clones.h"

namespace bnlab::training {
namespace {

struct Averages {
  float beta1, rest1;  // rest = 1 - beta, rounded once
  float beta2, rest2;
  float epsilon;
};

/// What depends on the step: learning_rate / (1 - beta1^t) and sqrt(1 - beta2^t).
struct Correction {
  float rate, root;
};

BNLAB_TARGET_CLONES
void descend(float* __restrict w, const float* __restrict g, float* __restrict mean, float* __restrict square,
             std::size_t length, float decay, Averages a, Correction c) {
  for (std::size_t i = 0; i < length; ++i) {
    const float gradient = g[i] + decay * w[i];
    const float m = a.beta1 * mean[i] + a.rest1 * gradient;
    const float v = a.beta2 * square[i] + a.rest2 * (gradient * gradient);
    mean[i] = m;
    square[i] = v;
    w[i] -= c.rate * (m / (std::sqrt(v) / c.root + a.epsilon));
  }
}

class Adam : public UpdateRule {
 public:
  explicit Adam(const config::OptimizerConfig& config)
      : beta1_(config.beta1),
        beta2_(config.beta2),
        averages_{static_cast<float>(beta1_), static_cast<float>(1.0 - beta1_), static_cast<float>(beta2_),
                  static_cast<float>(1.0 - beta2_), static_cast<float>(config.epsilon)} {}

  std::vector<std::string> arrays() const override { return {"average_gradient", "average_square"}; }

  void begin_step(double learning_rate, std::int64_t step) override {
    const auto t = static_cast<double>(step);
    correction_ = {to_float(learning_rate / (1.0 - std::pow(beta1_, t))),
                   to_float(std::sqrt(1.0 - std::pow(beta2_, t)))};
  }

  void update(float* w, const float* g, std::span<float* const> arrays, std::size_t length, float decay,
              float rate_factor) const override {
    descend(w, g, arrays[0], arrays[1], length, decay, averages_, {correction_.rate * rate_factor, correction_.root});
  }

 private:
  double beta1_, beta2_;
  Averages averages_;
  Correction correction_{};
};

}  // namespace

std::unique_ptr<UpdateRule> make_adam(const config::OptimizerConfig& config) { return std::make_unique<Adam>(config); }

}  // namespace bnlab::training

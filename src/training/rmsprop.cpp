#include "training/rmsprop.h"

#include <cmath>

#include "util/target_clones.h"

namespace bnlab::training {
namespace {

struct Constants {
  float smoothing, rest;  // rest = 1 - smoothing, rounded once
  float epsilon, momentum;
};

BNLAB_TARGET_CLONES
void descend(float* __restrict w, const float* __restrict g, float* __restrict square, std::size_t length, float decay,
             Constants c, float rate) {
  for (std::size_t i = 0; i < length; ++i) {
    const float gradient = g[i] + decay * w[i];
    const float s = c.smoothing * square[i] + c.rest * (gradient * gradient);
    square[i] = s;
    w[i] -= rate * (gradient / (std::sqrt(s) + c.epsilon));
  }
}

BNLAB_TARGET_CLONES
void descend_with_momentum(float* __restrict w, const float* __restrict g, float* __restrict square,
                           float* __restrict v, std::size_t length, float decay, Constants c, float rate) {
  for (std::size_t i = 0; i < length; ++i) {
    const float gradient = g[i] + decay * w[i];
    const float s = c.smoothing * square[i] + c.rest * (gradient * gradient);
    const float velocity = c.momentum * v[i] + gradient / (std::sqrt(s) + c.epsilon);
    square[i] = s;
    v[i] = velocity;
    w[i] -= rate * velocity;
  }
}

class RmsProp : public UpdateRule {
 public:
  explicit RmsProp(const config::OptimizerConfig& config)
      : constants_{static_cast<float>(config.smoothing), static_cast<float>(1.0 - config.smoothing),
                   static_cast<float>(config.epsilon), static_cast<float>(config.momentum)} {}

  std::vector<std::string> arrays() const override {
    std::vector<std::string> names{"average_square"};
    if (constants_.momentum != 0.0f) names.emplace_back("velocity");
    return names;
  }

  void begin_step(double learning_rate, std::int64_t) override { rate_ = to_float(learning_rate); }

  void update(float* w, const float* g, std::span<float* const> arrays, std::size_t length, float decay,
              float rate_factor) const override {
    const float rate = rate_ * rate_factor;
    if (arrays.size() == 1)
      descend(w, g, arrays[0], length, decay, constants_, rate);
    else
      descend_with_momentum(w, g, arrays[0], arrays[1], length, decay, constants_, rate);
  }

 private:
  Constants constants_;
  float rate_ = 0;
};

}  // namespace

std::unique_ptr<UpdateRule> make_rmsprop(const config::OptimizerConfig& config) {
  return std::make_unique<RmsProp>(config);
}

}  // namespace bnlab::training

#include "training/sgd.h"

#include "util/target_clones.h"

namespace bnlab::training {
namespace {

BNLAB_TARGET_CLONES
void descend(float* __restrict w, const float* __restrict g, std::size_t length, float decay, float rate) {
  for (std::size_t i = 0; i < length; ++i) w[i] -= rate * (g[i] + decay * w[i]);
}

/// The direction of the step is gradient_share * g + velocity_share * v.
struct Momentum {
  float momentum, gradient_share, velocity_share;
};

BNLAB_TARGET_CLONES
void descend_with_momentum(float* __restrict w, const float* __restrict g, float* __restrict v, std::size_t length,
                           float decay, float rate, Momentum m) {
  for (std::size_t i = 0; i < length; ++i) {
    const float gradient = g[i] + decay * w[i];
    const float velocity = m.momentum * v[i] + gradient;
    v[i] = velocity;
    w[i] -= rate * (m.gradient_share * gradient + m.velocity_share * velocity);
  }
}

class Sgd : public UpdateRule {
 public:
  explicit Sgd(const config::OptimizerConfig& config) {
    const auto momentum = static_cast<float>(config.momentum);
    momentum_ = config.nesterov ? Momentum{momentum, 1.0f, momentum} : Momentum{momentum, 0.0f, 1.0f};
  }

  std::vector<std::string> arrays() const override {
    return momentum_.momentum == 0.0f ? std::vector<std::string>{} : std::vector<std::string>{"velocity"};
  }

  void begin_step(double learning_rate, std::int64_t) override { rate_ = to_float(learning_rate); }

  void update(float* w, const float* g, std::span<float* const> arrays, std::size_t length, float decay,
              float rate_factor) const override {
    const float rate = rate_ * rate_factor;
    if (arrays.empty())
      descend(w, g, length, decay, rate);
    else
      descend_with_momentum(w, g, arrays[0], length, decay, rate, momentum_);
  }

 private:
  Momentum momentum_;
  float rate_ = 0;
};

}  // namespace

std::unique_ptr<UpdateRule> make_sgd(const config::OptimizerConfig& config) { return std::make_unique<Sgd>(config); }

}  // namespace bnlab::training

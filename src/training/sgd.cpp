#include "training/sgd.h"

#include "util/target_clones.h"

namespace bnlab::training {
namespace {

BNLAB_TARGET_CLONES
void descend(float* __restrict w, const float* __restrict g, std::size_t length, float decay, float rate,
             float* __restrict gradient_squares, float* __restrict weight_squares) {
  for (std::size_t i = 0; i < length; i += lanes)
    for (std::size_t j = 0; j < lanes; ++j) {
      gradient_squares[j] += g[i + j] * g[i + j];
      weight_squares[j] += w[i + j] * w[i + j];
      w[i + j] -= rate * (g[i + j] + decay * w[i + j]);
    }
}

/// The direction of the step is gradient_share * g + velocity_share * v.
struct Momentum {
  float momentum, gradient_share, velocity_share;
};

BNLAB_TARGET_CLONES
void descend_with_momentum(float* __restrict w, const float* __restrict g, float* __restrict v, std::size_t length,
                           float decay, float rate, Momentum m, float* __restrict gradient_squares,
                           float* __restrict weight_squares) {
  for (std::size_t i = 0; i < length; i += lanes)
    for (std::size_t j = 0; j < lanes; ++j) {
      gradient_squares[j] += g[i + j] * g[i + j];
      weight_squares[j] += w[i + j] * w[i + j];
      const float gradient = g[i + j] + decay * w[i + j];
      const float velocity = m.momentum * v[i + j] + gradient;
      v[i + j] = velocity;
      w[i + j] -= rate * (m.gradient_share * gradient + m.velocity_share * velocity);
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
              Squares& squares) const override {
    if (arrays.empty())
      descend(w, g, length, decay, rate_, squares.gradient, squares.weights);
    else
      descend_with_momentum(w, g, arrays[0], length, decay, rate_, momentum_, squares.gradient, squares.weights);
  }

 private:
  Momentum momentum_;
  float rate_ = 0;
};

}  // namespace

std::unique_ptr<UpdateRule> make_sgd(const config::OptimizerConfig& config) { return std::make_unique<Sgd>(config); }

}  // namespace bnlab::training

#include "training/sgd.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "util/errors.h"
#include "util/target_clones.h"

namespace bnlab::training {
namespace {

using layers::ParameterKind;
using layers::Segment;

constexpr std::size_t lanes = 16;
constexpr std::size_t chunk_floats = 4096;

struct Sums {
  double gradient = 0;
  double weights = 0;
};

/// A piece of one parameter: short enough that sums in f32 stay exact to a few ulp, and the unit that threads share.
struct Chunk {
  std::size_t offset;
  std::size_t length;  // a multiple of `lanes`
  float weight_decay;
  bool is_weights;
};

double total(const float (&values)[lanes]) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  return sum;
}

BNLAB_TARGET_CLONES
void update_chunk(float* __restrict w, const float* __restrict g, float* __restrict v, std::size_t length, float rate,
                  float momentum, float decay, float* __restrict gradient_squares, float* __restrict weight_squares) {
  for (std::size_t i = 0; i < length; i += lanes)
    for (std::size_t j = 0; j < lanes; ++j) {
      const float gradient = g[i + j];
      const float weight = w[i + j];
      gradient_squares[j] += gradient * gradient;
      weight_squares[j] += weight * weight;
      const float velocity = momentum * v[i + j] + (gradient + decay * weight);
      v[i + j] = velocity;
      w[i + j] = weight - rate * velocity;
    }
}

BNLAB_TARGET_CLONES
void update_chunk_without_momentum(float* __restrict w, const float* __restrict g, std::size_t length, float rate,
                                   float decay, float* __restrict gradient_squares, float* __restrict weight_squares) {
  for (std::size_t i = 0; i < length; i += lanes)
    for (std::size_t j = 0; j < lanes; ++j) {
      const float gradient = g[i + j];
      const float weight = w[i + j];
      gradient_squares[j] += gradient * gradient;
      weight_squares[j] += weight * weight;
      w[i + j] = weight - rate * (gradient + decay * weight);
    }
}

class Sgd : public Optimizer {
 public:
  Sgd(const config::OptimizerConfig& config, layers::Parameters& parameters, int threads)
      : parameters_(parameters), momentum_(static_cast<float>(config.momentum)), threads_(threads) {
    for (const Segment& segment : parameters.segments()) {
      const ParameterKind kind = segment.parameter->kind;
      const bool is_weights = kind == ParameterKind::weights;
      const bool decays = is_weights || config.decay_normalization_and_biases;
      for (std::size_t begin = 0; begin < segment.length; begin += chunk_floats)
        chunks_.push_back({segment.offset + begin, std::min(chunk_floats, segment.length - begin),
                           decays ? static_cast<float>(config.weight_decay) : 0.0f, is_weights});
    }
    sums_.resize(chunks_.size());
    if (momentum_ != 0.0f) velocity_.assign(parameters.values().size(), 0.0f);
  }

  StepNorms step(double learning_rate) override {
    const auto rate = static_cast<float>(learning_rate);
    const auto count = static_cast<std::ptrdiff_t>(chunks_.size());
#pragma omp parallel for schedule(static) num_threads(threads_) if (threads_ > 1 && count > 16)
    for (std::ptrdiff_t i = 0; i < count; ++i)
      sums_[static_cast<std::size_t>(i)] = update(chunks_[static_cast<std::size_t>(i)], rate);
    Sums sums;
    for (const Sums& part : sums_) {  // always in the same order, so the sum does not depend on the threads
      sums.gradient += part.gradient;
      sums.weights += part.weights;
    }
    return {std::sqrt(sums.gradient), std::sqrt(sums.weights)};
  }

  NpzArrays state() const override {
    NpzArrays arrays;
    if (velocity_.empty()) return arrays;
    for (const Segment& segment : parameters_.segments())
      arrays[segment.parameter->name + ".velocity"] = {segment.parameter->shape,
                                                       segment.parameter->plain(velocity_.data() + segment.offset)};
    return arrays;
  }

  void set_state(const NpzArrays& arrays) override {
    if (velocity_.empty()) return;
    for (const Segment& segment : parameters_.segments()) {
      const std::string name = segment.parameter->name + ".velocity";
      const auto found = arrays.find(name);
      const auto* values = found == arrays.end() ? nullptr : std::get_if<std::vector<float>>(&found->second.values);
      if (!values || found->second.shape != segment.parameter->shape)
        throw DataError("checkpoint: the array \"" + name + "\" is missing or of another shape");
      segment.parameter->set_plain(velocity_.data() + segment.offset, *values);
    }
  }

 private:
  Sums update(const Chunk& chunk, float rate) {
    float* w = parameters_.values().data() + chunk.offset;
    const float* g = parameters_.diffs().data() + chunk.offset;
    float gradient_squares[lanes] = {};
    float weight_squares[lanes] = {};
    if (velocity_.empty())
      update_chunk_without_momentum(w, g, chunk.length, rate, chunk.weight_decay, gradient_squares, weight_squares);
    else
      update_chunk(w, g, velocity_.data() + chunk.offset, chunk.length, rate, momentum_, chunk.weight_decay,
                   gradient_squares, weight_squares);
    Sums sums{total(gradient_squares), chunk.is_weights ? total(weight_squares) : 0.0};
    if (!std::isfinite(sums.gradient)) sums.gradient = squares_in_double(g, chunk.length);
    return sums;
  }

  // A finite gradient beyond 1e19 has squares that f32 can't hold.
  static double squares_in_double(const float* values, std::size_t length) {
    double sum = 0;
    for (std::size_t i = 0; i < length; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    return sum;
  }

  layers::Parameters& parameters_;
  float momentum_;
  int threads_;
  std::vector<Chunk> chunks_;
  std::vector<Sums> sums_;
  std::vector<float> velocity_;  // as the parameters' block; empty without momentum
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(const config::OptimizerConfig& config, layers::Parameters& parameters,
                                    int threads) {
  return std::make_unique<Sgd>(config, parameters, threads);
}

}  // namespace bnlab::training

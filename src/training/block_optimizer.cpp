#include "training/block_optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "network/parameter_overrides.h"
#include "network/trainable.h"
#include "training/sum_of_squares.h"
#include "util/errors.h"
#include "util/npz_values.h"
#include "util/target_clones.h"

namespace bnlab::training {
namespace {

using layers::ParameterKind;
using layers::Segment;

constexpr std::size_t chunk_floats = 4096;
const char* const step_name = "step";  // no parameter has a name without a dot

/// Sums of squares.
struct Sums {
  double gradient = 0;
  double trainable = 0;  // of the gradients of values that may change
  double weights = 0;
};

enum class Changes { none, some, all };

/// A piece of one parameter: short enough that sums in f32 stay exact to a few ulp, and the unit that threads share.
struct Chunk {
  std::size_t offset;
  std::size_t length;  // a multiple of `lanes`
  bool is_weights;
  float rate_factor;   // of the step's learning rate
  float decay_factor;  // of the weight decay; 0: none
  Changes changes = Changes::all;
  std::size_t mask = 0;  // Changes::some: where its mask begins
};

BNLAB_TARGET_CLONES
void scale(const float* __restrict values, std::size_t length, float factor, float* __restrict scaled) {
  for (std::size_t i = 0; i < length; ++i) scaled[i] = factor * values[i];
}

BNLAB_TARGET_CLONES
void shrink(float* values, std::size_t length, float share) {
  for (std::size_t i = 0; i < length; ++i) values[i] -= share * values[i];
}

/// Puts back `others` wherever the mask is 0.
BNLAB_TARGET_CLONES
void keep_where(const float* __restrict mask, const float* __restrict others, std::size_t length,
                float* __restrict values) {
  for (std::size_t i = 0; i < length; ++i) values[i] = mask[i] != 0.0f ? values[i] : others[i];
}

class BlockOptimizer : public Optimizer {
 public:
  BlockOptimizer(std::unique_ptr<UpdateRule> rule, const config::OptimizerConfig& config,
                 layers::Parameters& parameters, int threads, std::uint64_t seed)
      : rule_(std::move(rule)), parameters_(parameters), threads_(threads), clip_norm_(config.clip_norm) {
    if (config.decay.value_or(config::row_of(config.type).decay) == config::Decay::coupled)
      coupled_decay_ = to_float(config.weight_decay);
    else
      decoupled_decay_ = config.weight_decay;
    make_chunks(config);
    // Padding stays zero by itself, but for zeros that an epsilon of zero lets be divided by zero.
    if (config.trainable.select != config::Trainable::all || config.epsilon == 0.0)
      choose(network::trainable_mask(config.trainable, parameters, seed));
    sums_.resize(chunks_.size());
    for (std::string& name : rule_->arrays())
      arrays_.push_back({std::move(name), std::vector<float>(parameters.values().size())});
  }

  StepNorms step(double learning_rate) override {
    ++step_;
    rule_->begin_step(learning_rate, step_);
    shrinkage_ = to_float(learning_rate * decoupled_decay_);
    const bool clips = clip_norm_ > 0.0;
    if (clips) {
      for_each_chunk([this](std::size_t i) { sums_[i] = measure(chunks_[i]); });
      clipping_ = static_cast<float>(std::min(1.0, clip_norm_ / (std::sqrt(total().trainable) + 1e-6)));
    }
    // A chunk is measured right before its update, which then finds it in the cache.
    for_each_chunk([this, clips](std::size_t i) {
      if (!clips) sums_[i] = measure(chunks_[i]);
      update(chunks_[i]);
    });
    const Sums sums = total();
    return {std::sqrt(sums.gradient), std::sqrt(sums.weights)};
  }

  NpzArrays state() const override {
    NpzArrays state;
    state[step_name] = {{1}, std::vector{step_}};
    for (const Array& array : arrays_)
      for (const Segment& segment : parameters_.segments())
        state[segment.parameter->name + "." + array.name] = {
            segment.parameter->shape, segment.parameter->row_major(array.values.data() + segment.offset)};
    return state;
  }

  void set_state(const NpzArrays& state) override {
    step_ = array_of<std::int64_t>(state, step_name, {1})[0];
    if (step_ < 0) throw DataError(fmt::format("the optimizer's step must not be negative, got {}", step_));
    for (Array& array : arrays_)
      for (const Segment& segment : parameters_.segments())
        segment.parameter->set_row_major(
            array.values.data() + segment.offset,
            array_of<float>(state, segment.parameter->name + "." + array.name, segment.parameter->shape));
  }

 private:
  struct Array {
    std::string name;
    std::vector<float> values;  // as the parameters' block
  };

  void make_chunks(const config::OptimizerConfig& config) {
    for (const Segment& segment : parameters_.segments()) {
      const bool is_weights = segment.parameter->kind == ParameterKind::weights;
      const config::OptimizerOverride factors = network::override_of(config, segment.parameter->name);
      const double decay =
          factors.weight_decay_factor.value_or(is_weights || config.decay_normalization_and_biases ? 1.0 : 0.0);
      for (std::size_t begin = 0; begin < segment.length; begin += chunk_floats)
        chunks_.push_back({segment.offset + begin, std::min(chunk_floats, segment.length - begin), is_weights,
                           static_cast<float>(factors.learning_rate_factor), static_cast<float>(decay)});
    }
  }

  // Only chunks that change in part, at padding among others, keep their mask.
  void choose(const std::vector<float>& mask) {
    for (Chunk& chunk : chunks_) {
      const auto begin = mask.begin() + static_cast<std::ptrdiff_t>(chunk.offset);
      const auto end = begin + static_cast<std::ptrdiff_t>(chunk.length);
      const auto chosen = static_cast<std::size_t>(std::count(begin, end, 1.0f));
      chunk.changes = chosen == 0 ? Changes::none : chosen == chunk.length ? Changes::all : Changes::some;
      if (chunk.changes != Changes::some) continue;
      chunk.mask = masks_.size();
      masks_.insert(masks_.end(), begin, end);
    }
  }

  template <class Work>
  void for_each_chunk(const Work& work) {
    const auto count = static_cast<std::ptrdiff_t>(chunks_.size());
#pragma omp parallel for schedule(static) num_threads(threads_) if (threads_ > 1 && count > 16)
    for (std::ptrdiff_t i = 0; i < count; ++i) work(static_cast<std::size_t>(i));
  }

  /// The chunks' sums, added always in the same order, so that they do not depend on the threads.
  Sums total() const {
    Sums all;
    for (const Sums& sums : sums_) {
      all.gradient += sums.gradient;
      all.trainable += sums.trainable;
      all.weights += sums.weights;
    }
    return all;
  }

  float* values_of(const Chunk& chunk) const { return parameters_.values().data() + chunk.offset; }
  const float* diffs_of(const Chunk& chunk) const { return parameters_.diffs().data() + chunk.offset; }

  Sums measure(const Chunk& chunk) const {
    const float* g = diffs_of(chunk);
    const auto [of_gradient, of_values] = sums_of_squares(g, values_of(chunk), chunk.length);
    Sums sums{.gradient = of_gradient, .weights = chunk.is_weights ? of_values : 0.0};
    if (chunk.changes == Changes::all) sums.trainable = sums.gradient;
    if (chunk.changes == Changes::some) {
      const float zeros[chunk_floats] = {};
      float trainable[chunk_floats];
      std::copy_n(g, chunk.length, trainable);
      keep_where(masks_.data() + chunk.mask, zeros, chunk.length, trainable);
      sums.trainable = sums_of_squares(trainable, trainable, chunk.length).first;
    }
    return sums;
  }

  void update(const Chunk& chunk) {
    if (chunk.changes == Changes::none) return;
    if (chunk.changes == Changes::all) return update_all(chunk);
    float before[chunk_floats];
    std::copy_n(values_of(chunk), chunk.length, before);
    update_all(chunk);
    keep_where(masks_.data() + chunk.mask, before, chunk.length, values_of(chunk));
  }

  void update_all(const Chunk& chunk) {
    float* w = values_of(chunk);
    const float* g = diffs_of(chunk);
    float clipped[chunk_floats];
    if (clipping_ != 1.0f) {
      scale(g, chunk.length, clipping_, clipped);
      g = clipped;
    }
    const float shrinkage = shrinkage_ * chunk.rate_factor * chunk.decay_factor;
    if (shrinkage != 0.0f) shrink(w, chunk.length, shrinkage);
    float* arrays[most_arrays] = {};
    for (std::size_t k = 0; k < arrays_.size(); ++k) arrays[k] = arrays_[k].values.data() + chunk.offset;
    rule_->update(w, g, {arrays, arrays_.size()}, chunk.length, coupled_decay_ * chunk.decay_factor, chunk.rate_factor);
  }

  template <class T>
  static const std::vector<T>& array_of(const NpzArrays& state, const std::string& name,
                                        const std::vector<std::int64_t>& shape) {
    const std::vector<T>* values = find_values<T>(state, name, shape);
    if (!values) throw DataError("checkpoint: the array \"" + name + "\" is missing or of another shape");
    return *values;
  }

  std::unique_ptr<UpdateRule> rule_;
  layers::Parameters& parameters_;
  int threads_;
  double clip_norm_;
  float coupled_decay_ = 0;
  double decoupled_decay_ = 0;
  float clipping_ = 1;   // factor of this step's gradient
  float shrinkage_ = 0;  // share of the weights that decoupled decay takes in this step
  std::vector<Chunk> chunks_;
  std::vector<Sums> sums_;    // of each chunk
  std::vector<float> masks_;  // of the chunks that change in part, one after another
  std::vector<Array> arrays_;
  std::int64_t step_ = 0;  // done so far
};

}  // namespace

std::unique_ptr<Optimizer> make_block_optimizer(std::unique_ptr<UpdateRule> rule, const config::OptimizerConfig& config,
                                                layers::Parameters& parameters, int threads, std::uint64_t seed) {
  return std::make_unique<BlockOptimizer>(std::move(rule), config, parameters, threads, seed);
}

}  // namespace bnlab::training

#include "network/trainable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "util/errors.h"
#include "util/random.h"

namespace bnlab::network {
namespace {

using layers::Parameter;
using layers::ParameterKind;

bool is_normalization(const Parameter& parameter) {
  return parameter.kind == ParameterKind::gamma || parameter.kind == ParameterKind::beta;
}

bool is_weight_or_bias(const Parameter& parameter) {
  return parameter.kind == ParameterKind::weights || parameter.kind == ParameterKind::bias;
}

template <class Predicate>
std::int64_t count_where(const layers::Parameters& parameters, const Predicate& fits) {
  std::int64_t count = 0;
  for (const auto& parameter : parameters.all())
    if (fits(*parameter)) count += parameter->count();
  return count;
}

constexpr const char* how_to_get_gamma =
    "the network has no gamma or beta; choose a normalization.type that has them, with normalization.affine true and a "
    "normalization.mask that is not empty";

/// How many weights and biases to choose.
std::int64_t number_to_choose(const config::TrainableConfig& config, const layers::Parameters& parameters) {
  const std::int64_t candidates = count_where(parameters, is_weight_or_bias);
  if (config.share) {
    const auto count = static_cast<std::int64_t>(std::llround(*config.share * static_cast<double>(candidates)));
    if (count > 0) return count;
    throw ConfigError(
        fmt::format("optimizer.trainable.share: chooses none of the {} weights and biases, got {}; nothing to train",
                    candidates, *config.share));
  }
  const std::int64_t count = count_where(parameters, is_normalization);
  if (count == 0) throw ConfigError(fmt::format("optimizer.trainable.share: must be given where {}", how_to_get_gamma));
  if (count > candidates)
    throw ConfigError(
        fmt::format("optimizer.trainable.share: must be given: there are more gammas and betas, {}, than weights and "
                    "biases, {}",
                    count, candidates));
  return count;
}

std::vector<std::uint64_t> draws_of(const Parameter& parameter, std::uint64_t seed) {
  RandomStream random(seed, RandomPurpose::trainable, RandomStream::substream_of(parameter.name));
  std::vector<std::uint64_t> draws(static_cast<std::size_t>(parameter.count()));
  for (std::uint64_t& draw : draws) {
    const std::uint64_t high = random.next_u32();
    draw = high << 32 | random.next_u32();
  }
  return draws;
}

/// 1 in C order of the parameter for the values that are chosen. Every weight and bias draws a number; the smallest are
/// chosen, and among equals those that come first.
class RandomChoice {
 public:
  RandomChoice(std::int64_t count, const layers::Parameters& parameters, std::uint64_t seed) : seed_(seed) {
    std::vector<std::uint64_t> all;
    for (const auto& parameter : parameters.all())
      if (is_weight_or_bias(*parameter)) {
        const std::vector<std::uint64_t> drawn = draws_of(*parameter, seed);
        all.insert(all.end(), drawn.begin(), drawn.end());
      }
    const auto last = all.begin() + (count - 1);
    std::nth_element(all.begin(), last, all.end());
    largest_ = *last;
    equals_ = count - std::count_if(all.begin(), last, [this](std::uint64_t draw) { return draw < largest_; });
  }

  /// Call in network order, once for each parameter.
  std::vector<float> next(const Parameter& parameter) {
    std::vector<float> mask;
    for (const std::uint64_t draw : draws_of(parameter, seed_))
      mask.push_back(draw < largest_ || (draw == largest_ && equals_-- > 0) ? 1.0f : 0.0f);
    return mask;
  }

 private:
  std::uint64_t seed_;
  std::uint64_t largest_ = 0;  // that is chosen
  std::int64_t equals_ = 0;    // how many of those that drew it
};

/// Every weight draws its number; of each output channel the smallest are chosen.
std::vector<float> choose_per_channel(const Parameter& parameter, std::int64_t count,
                                      const std::vector<std::uint64_t>& draws) {
  const std::int64_t length = parameter.count() / parameter.shape[0];
  if (count > length)
    throw ConfigError(fmt::format("optimizer.trainable.per_channel: must be at most {}: {} has {} a channel, got {}",
                                  length, parameter.name, length, count));
  std::vector<float> mask(draws.size(), 0.0f);
  std::vector<std::int64_t> order(static_cast<std::size_t>(length));
  for (std::int64_t channel = 0; channel < parameter.shape[0]; ++channel) {
    std::iota(order.begin(), order.end(), channel * length);
    const auto draw_of = [&](std::int64_t i) { return draws[static_cast<std::size_t>(i)]; };
    std::ranges::stable_sort(order, {}, draw_of);
    for (std::int64_t k = 0; k < count; ++k) mask[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])] = 1.0f;
  }
  return mask;
}

/// The weights that declare the output's channels: the last ones. Null where no others are there.
const Parameter* weights_of_output(const layers::Parameters& parameters) {
  const Parameter* last = nullptr;
  int count = 0;
  for (const auto& parameter : parameters.all())
    if (parameter->kind == ParameterKind::weights) last = parameter.get(), ++count;
  return count > 1 ? last : nullptr;
}

/// The mask of one parameter for select random.
class RandomMasks {
 public:
  RandomMasks(const config::TrainableConfig& config, const layers::Parameters& parameters, std::uint64_t seed)
      : per_channel_(config.per_channel), seed_(seed), output_(weights_of_output(parameters)) {
    if (!per_channel_) choice_.emplace(number_to_choose(config, parameters), parameters, seed);
    if (per_channel_ && !output_)
      throw ConfigError(
          "optimizer.trainable.per_channel: nothing to train: the network has no layer before its last one");
  }

  /// Call in network order, once for each weights or bias.
  std::vector<float> next(const Parameter& parameter) {
    if (!per_channel_) return choice_->next(parameter);
    if (parameter.kind != ParameterKind::weights || &parameter == output_)
      return std::vector<float>(static_cast<std::size_t>(parameter.count()), 0.0f);
    return choose_per_channel(parameter, *per_channel_, draws_of(parameter, seed_));
  }

 private:
  std::optional<std::int64_t> per_channel_;
  std::uint64_t seed_;
  const Parameter* output_;
  std::optional<RandomChoice> choice_;
};

}  // namespace

std::vector<float> trainable_mask(const config::TrainableConfig& config, const layers::Parameters& parameters,
                                  std::uint64_t seed) {
  using config::Trainable;
  if (config.select == Trainable::normalization && count_where(parameters, is_normalization) == 0)
    throw ConfigError(fmt::format("optimizer.trainable.select: nothing to train: {}", how_to_get_gamma));
  std::optional<RandomMasks> random;
  if (config.select == Trainable::random) random.emplace(config, parameters, seed);

  std::vector<float> mask;
  for (const layers::Segment& segment : parameters.segments()) {
    mask.resize(segment.offset + segment.length, 0.0f);
    const Parameter& parameter = *segment.parameter;
    std::vector<float> values(static_cast<std::size_t>(parameter.count()), 1.0f);
    if (config.select == Trainable::normalization && !is_normalization(parameter)) continue;
    if (config.select == Trainable::random) {
      if (!is_weight_or_bias(parameter)) continue;
      values = random->next(parameter);
    }
    parameter.set_row_major(mask.data() + segment.offset, values);
  }
  return mask;
}

}  // namespace bnlab::network

#include "network/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <variant>

#include "config/names.h"
#include "network/finite.h"
#include "network/fold.h"
#include "network/initialization.h"
#include "util/errors.h"
#include "util/npz_values.h"

namespace bnlab::network {
namespace {

using layers::Dims;
using layers::Forward;
using onednn::Builder;
using onednn::Mode;
using onednn::Tensor;

onednn::DataType type_of(config::Precision precision) {
  return precision == config::Precision::bf16 ? onednn::DataType::bf16 : onednn::DataType::f32;
}

/// What the values of an array are, in the words of errors.
const char* kind_of_values(const NpyArray& array) {
  constexpr std::array kinds{"32-bit floats", "64-bit floats", "32-bit integers", "64-bit integers",
                             "unsigned 64-bit integers"};
  static_assert(kinds.size() == std::variant_size_v<decltype(array.values)>);
  return kinds[array.values.index()];
}

NpyArray array_of(Dims shape, std::vector<float> values) { return {std::move(shape), std::move(values)}; }

const std::vector<float>& floats(const NpzArrays& arrays, const std::string& name, const Dims& shape,
                                 Allowed allowed = Allowed::finite) {
  if (!arrays.contains(name)) throw DataError("weights: the array \"" + name + "\" is missing");
  const auto* values = find_values<float>(arrays, name, shape);
  if (!values)
    throw DataError(fmt::format("weights: the array \"{}\" must hold 32-bit floats of shape ({}), got {} of shape ({})",
                                name, fmt::join(shape, ", "), kind_of_values(arrays.at(name)),
                                fmt::join(arrays.at(name).shape, ", ")));
  if (const std::string problem = problem_of(name, shape, *values, allowed); !problem.empty())
    throw DataError(fmt::format("weights: {}; all values must be finite, and variances not negative", problem));
  return *values;
}

/// The first problem of the states' means and variances, which are called "running" or "precise".
std::string problem_of_statistics(const normalization::NormalizationStates& states, const std::string& kind,
                                  std::vector<float> normalization::NormalizationState::*means,
                                  std::vector<float> normalization::NormalizationState::*variances) {
  for (const auto& state : states) {
    const Dims channels{state->channels};
    const std::string start = state->name + "." + kind;
    if (!state->has_statistics()) continue;
    if (std::string problem = problem_of(start + "_mean", channels, (*state).*means); !problem.empty()) return problem;
    if (std::string problem =
            problem_of(start + "_variance", channels, (*state).*variances, Allowed::finite_and_not_negative);
        !problem.empty())
      return problem;
  }
  return "";
}

/// Gives all states that share running statistics the mean of their `values`. They are neighbours in the list.
void average_shared(const normalization::NormalizationStates& states,
                    std::vector<float> normalization::NormalizationState::*values) {
  for (std::size_t first = 0, end = 0; first < states.size(); first = end) {
    for (end = first + 1; end < states.size() && states[end]->shared_with == states[first].get();) ++end;
    if (end - first == 1) continue;
    for (std::size_t c = 0; c < (*states[first].*values).size(); ++c) {
      double sum = 0;
      for (std::size_t i = first; i < end; ++i) sum += static_cast<double>((*states[i].*values)[c]);
      const auto mean = static_cast<float>(sum / static_cast<double>(end - first));
      for (std::size_t i = first; i < end; ++i) (*states[i].*values)[c] = mean;
    }
  }
}

}  // namespace

Network::Network(const config::RunConfig& config, const data::DatasetInfo& dataset, std::int64_t batch_size,
                 bool diff_input, std::size_t optimizer_arrays)
    : Network(config, dataset, assemble(config, dataset), batch_size, diff_input, optimizer_arrays) {}

Network::Network(const config::RunConfig& config, const data::DatasetInfo& dataset, std::unique_ptr<Assembly> assembly,
                 std::int64_t batch_size, bool diff_input, std::size_t optimizer_arrays)
    : assembly_(std::move(assembly)),
      precision_(config.training.precision),
      normalization_(config.normalization),
      input_shape_(image_shape(dataset)),
      loss_(config.loss),
      has_targets_(dataset.has_targets),
      seed_(config.training.seed) {
  check_precision(config.training);
  // The training program decides the layout of the parameters; only then can they get their memory.
  train_ = build(Mode::train, batch_size, diff_input, {}, optimizer_arrays);
  parameters().allocate();
  for (std::size_t i = 0; i < parameters().all().size(); ++i) {
    const layers::Declaration& declaration = parameters().declarations()[i];
    parameters().all()[i]->set_row_major_value(
        initial_value(declaration, config.initialization, config.training.seed, assembly_->places[i].role));
  }
  for (const auto& state : states())
    precise_.push_back(
        {std::vector<double>(state->running_mean.size()), std::vector<double>(state->running_mean.size())});
}

std::unique_ptr<Executable> Network::build(Mode mode, std::int64_t batch_size, bool diff_input,
                                           const onednn::Watch& watch) {
  return build(mode, batch_size, diff_input, watch, 0);
}

std::unique_ptr<Executable> Network::build(Mode mode, std::int64_t batch_size, bool diff_input,
                                           const onednn::Watch& watch, std::size_t optimizer_arrays) {
  if (mode != Mode::evaluate_population && mode != Mode::observe_population)
    normalization::check_batch(states(), normalization_, batch_size);
  std::unique_ptr<Executable> executable(new Executable(assembly_->engine, batch_size));
  executable->state_->seed = seed_;
  Builder builder(assembly_->engine, mode, executable->state_.get(), type_of(precision_));
  builder.watch(watch);
  try {
    add_calls(builder, *executable, diff_input);
  } catch (const dnnl::error& error) {
    if (precision_ == config::Precision::f32) throw;
    throw ConfigError(fmt::format("training.precision: oneDNN {} has no bf16 implementation of {} for {}: {}",
                                  onednn_version(), builder.layer(), onednn_isa(), error.what()));
  }
  executable->observations_ = builder.observations();
  std::vector<MemoryUse> others;
  if (!train_) {
    others.push_back({"the parameters and their gradients", 2 * parameters().bytes()});
    if (optimizer_arrays > 0) others.push_back({"the optimizer's state", optimizer_arrays * parameters().bytes()});
  }
  executable->program_ = builder.finish(std::move(others));
  return executable;
}

void Network::add_calls(Builder& builder, Executable& executable, bool diff_input) {
  Dims shape = input_shape_;
  shape[0] = executable.batch_size();
  executable.input_ = builder.allocate_kept(onednn::row_major_desc(shape));

  const Forward output = assembly_->layers.build(builder, {executable.input_, shape, diff_input});
  builder.enter("loss");
  const Forward loss = build_loss(builder, output.dst, loss_, has_targets_, *executable.loss_);
  builder.begin_backward();

  Tensor diff;
  if (loss.backward && output.backward) diff = output.backward(builder, loss.backward(builder, {}));
  if (diff_input && builder.has_backward()) {
    executable.diff_input_ = builder.row_major(diff);
    builder.keep(executable.diff_input_);
  }
}

void Network::update_running_statistics() {
  const double decay = normalization_.running_average_decay;
  for (const auto& state : states()) {
    if (state->frozen) continue;
    const auto keep = static_cast<float>(decay);
    const auto take = static_cast<float>(1.0 - decay);
    for (std::size_t c = 0; c < state->running_mean.size(); ++c) {
      const double variance = normalization::variance_for_population(
          *state, normalization::Measured::in_training, c, train_->batch_size(), normalization_.running_variance);
      state->running_mean[c] = keep * state->running_mean[c] + take * state->batch_mean[c];
      state->running_variance[c] = keep * state->running_variance[c] + take * static_cast<float>(variance);
    }
  }
  average_shared(states(), &normalization::NormalizationState::running_mean);
  average_shared(states(), &normalization::NormalizationState::running_variance);
}

void Network::use_running_statistics() {
  for (const auto& state : states()) {
    std::ranges::copy(state->running_mean, state->population_mean.begin());  // programs hold the addresses
    std::ranges::copy(state->running_variance, state->population_variance.begin());
  }
}

void Network::reset_precise_statistics() {
  precise_batches_ = 0;
  precise_images_ = 0;
  for (PreciseSums& sums : precise_) {
    std::fill(sums.mean.begin(), sums.mean.end(), 0.0);
    std::fill(sums.variance.begin(), sums.variance.end(), 0.0);
  }
}

void Network::accumulate_precise_statistics(std::int64_t batch_size) {
  ++precise_batches_;
  precise_images_ += batch_size;
  for (std::size_t i = 0; i < states().size(); ++i) {
    const auto& state = *states()[i];
    for (std::size_t c = 0; c < state.evaluated_mean.size(); ++c) {
      if (is_pooled()) {
        pool(precise_[i], c, static_cast<double>(state.evaluated_mean[c]),
             static_cast<double>(state.evaluated_variance[c]),
             static_cast<double>(batch_size) / static_cast<double>(precise_images_));
        continue;
      }
      precise_[i].mean[c] += static_cast<double>(state.evaluated_mean[c]);
      precise_[i].variance[c] += normalization::variance_for_population(state, normalization::Measured::in_evaluation,
                                                                        c, batch_size, normalization_.running_variance);
    }
  }
}

bool Network::is_pooled() const { return normalization_.precise_variance == config::PreciseVariance::pooled; }

// Chan et al. 1979: no difference of large numbers, as E[x^2] - E[x]^2 is where the mean is large.
void Network::pool(PreciseSums& sums, std::size_t c, double mean, double variance, double share) {
  const double distance = mean - sums.mean[c];
  sums.mean[c] += share * distance;
  sums.variance[c] += share * (variance - sums.variance[c]) + share * (1 - share) * distance * distance;
}

void Network::use_precise_statistics() {
  if (precise_batches_ == 0) throw std::logic_error("precise statistics of no batch");
  const auto batches = is_pooled() ? 1.0 : static_cast<double>(precise_batches_);
  for (std::size_t i = 0; i < states().size(); ++i) {
    auto& state = *states()[i];
    if (state.frozen) {
      std::ranges::copy(state.running_mean, state.population_mean.begin());
      std::ranges::copy(state.running_variance, state.population_variance.begin());
      continue;
    }
    const bool is_unbiased = is_pooled() && normalization_.running_variance == config::RunningVariance::unbiased;
    const double factor = is_unbiased ? normalization::unbiased_factor(precise_images_ * state.values_per_image) : 1.0;
    for (std::size_t c = 0; c < state.population_mean.size(); ++c) {
      state.population_mean[c] = static_cast<float>(precise_[i].mean[c] / batches);
      state.population_variance[c] = static_cast<float>(factor * precise_[i].variance[c] / batches);
    }
  }
  average_shared(states(), &normalization::NormalizationState::population_mean);
  average_shared(states(), &normalization::NormalizationState::population_variance);
}

bool Network::has_population_statistics() const {
  return std::ranges::any_of(states(), [](const auto& state) { return state->has_statistics(); });
}

std::int64_t Network::parameter_count() const {
  std::int64_t count = 0;
  for (const auto& parameter : parameters().all()) count += parameter->count();
  return count;
}

bool Network::is_normalized(const layers::Parameter& parameter) const {
  const auto all = parameters().all();
  const auto found = std::ranges::find(all, &parameter, [](const auto& one) { return one.get(); });
  return assembly_->places.at(static_cast<std::size_t>(found - all.begin())).is_normalized;
}

NpzArrays Network::weights() const {
  NpzArrays arrays;
  for (const auto& parameter : parameters().all())
    arrays[parameter->name] = array_of(parameter->shape, parameter->row_major_value());
  for (const auto& state : states()) {
    if (state->shared_with || !state->has_statistics()) continue;
    arrays[state->name + ".running_mean"] = array_of({state->channels}, state->running_mean);
    arrays[state->name + ".running_variance"] = array_of({state->channels}, state->running_variance);
  }
  return arrays;
}

NpzArrays Network::gradients() const {
  NpzArrays arrays;
  for (const auto& parameter : parameters().all())
    arrays[parameter->name] = array_of(parameter->shape, parameter->row_major_diff());
  return arrays;
}

namespace {

/// Throws DataError where the network would apply again what is in folded weights.
void refuse_folded(const Assembly& assembly) {
  const auto is_standardized = [](const ParameterPlace& place) { return place.is_standardized; };
  const bool has_normalization = !assembly.normalizations.empty();
  if (!has_normalization && std::ranges::none_of(assembly.places, is_standardized)) return;
  throw DataError(fmt::format(
      "weights: folded by bnlab fold: normalization and weight standardization are in them already, but this network "
      "has {}; set normalization.type to none and weight_standardization to false",
      has_normalization ? assembly.normalizations.front().name : "standardized weights"));
}

}  // namespace

void Network::set_weights(const NpzArrays& arrays) {
  const bool is_folded = arrays.contains(folded_array);
  if (is_folded) refuse_folded(assembly());
  std::size_t expected = parameters().all().size() + (is_folded ? 1 : 0);
  for (const auto& parameter : parameters().all())
    parameter->set_row_major_value(floats(arrays, parameter->name, parameter->shape));
  for (const auto& state : states()) {
    if (!state->has_statistics()) continue;
    if (state->shared_with) {
      std::ranges::copy(state->shared_with->running_mean, state->running_mean.begin());
      std::ranges::copy(state->shared_with->running_variance, state->running_variance.begin());
      continue;
    }
    expected += 2;
    const Dims channels{state->channels};
    std::ranges::copy(floats(arrays, state->name + ".running_mean", channels), state->running_mean.begin());
    std::ranges::copy(floats(arrays, state->name + ".running_variance", channels, Allowed::finite_and_not_negative),
                      state->running_variance.begin());
  }
  if (arrays.size() != expected)
    throw DataError(fmt::format("weights: the network has {} arrays, got {}", expected, arrays.size()));
}

std::string Network::problem_of_parameters() const {
  for (const auto& parameter : parameters().all()) {
    const std::span laid_out(static_cast<const float*>(parameter->value.get_data_handle()),
                             parameter->value.get_desc().get_size() / sizeof(float));
    if (std::ranges::all_of(laid_out, [](float value) { return std::isfinite(value); })) continue;
    if (std::string problem = problem_of(parameter->name, parameter->shape, parameter->row_major_value());
        !problem.empty())
      return problem;
  }
  return "";
}

std::string Network::problem_of_state() const {
  using State = normalization::NormalizationState;
  const std::string problem = problem_of_parameters();
  return problem.empty() ? problem_of_statistics(states(), "running", &State::running_mean, &State::running_variance)
                         : problem;
}

std::string Network::problem_of_evaluation(config::Statistics statistics) const {
  using State = normalization::NormalizationState;
  const std::string problem = problem_of_parameters();
  if (!problem.empty() || statistics == config::Statistics::batch) return problem;
  return problem_of_statistics(states(), config::name_of(statistics), &State::population_mean,
                               &State::population_variance);
}

std::string onednn_version() { return onednn::compat::version(); }

std::string onednn_isa() { return onednn::compat::cpu_isa(); }

void check_precision(const config::TrainingConfig& training) {
  if (training.precision != config::Precision::bf16 || training.allow_slow_bf16) return;
  if (onednn::compat::has_fast_bf16()) return;
  throw ConfigError(
      fmt::format("training.precision: bf16 is slower than f32 on this processor, for which oneDNN has no bf16 "
                  "instructions ({}); set training.allow_slow_bf16 to train in bf16 all the same",
                  onednn_isa()));
}

std::vector<LayerShape> check(const config::RunConfig& config, const data::DatasetInfo& dataset) {
  return assemble_checked(config, dataset)->shapes();
}

}  // namespace bnlab::network

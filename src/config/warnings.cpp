#include "config/warnings.h"

#include <fmt/format.h>

#include <type_traits>
#include <utility>

#include "config/names.h"

namespace bnlab::config {
namespace {

/// Calls visit(spec) for each block of a network; one that is repeated counts once.
template <class Visit>
void for_each_block(const std::vector<Block>& layers, const Visit& visit) {
  for (const Block& block : layers) {
    std::visit(visit, block.spec);
    for (const std::vector<Block>* list : inner_layers(block)) for_each_block(*list, visit);
  }
}

/// What of a network the settings of other sections ask for.
struct Contents {
  bool dropout_blocks_without_rate = false;
  bool dropout_of_rate_0 = false;
  bool drops = false;
  bool residual = false;
  bool recurrent = false;
  bool convolution = false;

  explicit Contents(const NetworkConfig& network) {
    const auto look = [&](const auto& spec) {
      using Spec = std::decay_t<decltype(spec)>;
      if constexpr (std::is_same_v<Spec, Dropout>) {
        dropout_blocks_without_rate = dropout_blocks_without_rate || !spec.rate;
        dropout_of_rate_0 = dropout_of_rate_0 || spec.rate == 0.0;
        drops = drops || spec.rate.value_or(network.dropout) > 0;
      }
      residual = residual || std::is_same_v<Spec, Residual>;
      recurrent = recurrent || std::is_same_v<Spec, Recurrent>;
      convolution = convolution || std::is_base_of_v<Conv, Spec>;
    };
    for_each_block(network.layers, look);
  }
};

class Warnings {
 public:
  explicit Warnings(const RunConfig& config)
      : config_(config), contents_(config.network), steps_(config.training.steps) {}

  std::vector<std::string> all() {
    check_network();
    check_normalization();
    check_initialization();
    check_optimizer();
    check_schedule();
    check_intervals();
    return std::move(found_);
  }

 private:
  template <class... Arguments>
  void add_if(bool holds, fmt::format_string<Arguments...> text, const Arguments&... arguments) {
    if (holds) found_.push_back(fmt::vformat(text, fmt::make_format_args(arguments...)));
  }

  void check_network() {
    const double dropout = config_.network.dropout;
    add_if(dropout > 0 && !contents_.dropout_blocks_without_rate,
           "network.dropout: {} has no effect: no dropout block takes it", dropout);
    add_if(contents_.dropout_of_rate_0, "network.layers: a dropout block of rate 0 drops nothing");
    for (const auto& [name, factor] : {std::pair{"residual_scalar", config_.network.residual_scalar},
                                       std::pair{"layer_scale", config_.network.layer_scale}})
      add_if(factor && !contents_.residual, "network.{}: {} has no effect without residual blocks", name,
             factor.value_or(0));
    add_if(config_.record.dropout_masks && !contents_.drops,
           "record.dropout_masks: there are none: no dropout block drops anything");
    if (!config_.network.weight_standardization.value_or(false)) return;
    add_if(!contents_.convolution, "network.weight_standardization: has no effect without convolutions");
    add_if(contents_.convolution && config_.normalization.type == NormalizationType::none,
           "network.weight_standardization: without normalization each convolution multiplies the size of its input "
           "by the root of the number of its weights for each output channel");
  }

  void check_normalization() {
    const NormalizationConfig& c = config_.normalization;
    check_virtual_batches();
    if (c.type == NormalizationType::none) return;
    const bool has_gamma = c.affine;
    add_if(!has_gamma && c.initial_gamma != 1, "normalization.initial_gamma: {} has no effect with affine false",
           c.initial_gamma);
    add_if(!has_gamma && c.gamma_distribution, "normalization.gamma_distribution: has no effect with affine false");
    add_if(!has_gamma && c.initial_beta != 0, "normalization.initial_beta: {} has no effect with affine false",
           c.initial_beta);
    add_if(c.zero_gamma_residual && !(has_gamma && contents_.residual),
           "normalization.zero_gamma_residual: has no effect without {}",
           has_gamma ? "residual blocks" : "normalization.affine");
    add_if(c.recurrent_statistics == RecurrentStatistics::shared && !contents_.recurrent,
           "normalization.recurrent_statistics: shared has no effect without recurrent layers");
    const NoiseConfig& noise = c.noise;
    add_if(holds(row_of(c.type).fields, "noise") && noise.mean == 0 && noise.std == 1 && noise.mean_jitter == 0 &&
               noise.std_jitter == 0,
           "normalization.noise: its constants add no noise");
    if (c.type == NormalizationType::batch_renorm) check_correction();
  }

  void check_virtual_batches() {
    const NormalizationConfig& c = config_.normalization;
    const std::int64_t batch = config_.training.batch_size;
    const NormalizationRow& row = row_of(c.type);
    const std::int64_t size = virtual_batch_size(c).value_or(0);
    // Where the type has a size of its own, virtual batches are all that it adds.
    add_if(size >= batch, "normalization.virtual_batch_size: {} images are the whole batch of {}: {}", size, batch,
           row.virtual_batch_size ? name_of(c.type) + " is the same as batch" : "it has no effect");
  }

  void check_correction() {
    const NormalizationConfig& c = config_.normalization;
    check_ramp("r_max", c.r_max);
    check_ramp("d_max", c.d_max);
    const auto is_one = [](const RampConfig& ramp, double value) {
      return ramp.initial == value && ramp.final == value;
    };
    add_if(is_one(c.r_max, 1) && is_one(c.d_max, 0),
           "normalization: r_max 1 and d_max 0 correct nothing: batch_renorm is the same as batch");
  }

  void check_ramp(const char* name, const RampConfig& ramp) {
    if (ramp.initial == ramp.final) return;
    const double last = ramp.unit == RampUnit::fraction ? 1.0 : static_cast<double>(steps_);
    add_if(ramp.begin >= last, "normalization.{}.begin: at {} of {} the run is over: {} stays at {}", name, ramp.begin,
           last, name, ramp.initial);
    add_if(ramp.begin < last && ramp.end > last,
           "normalization.{}.end: at {} of {} the run is over: {} never reaches {}", name, ramp.end, last, name,
           ramp.final);
  }

  void check_initialization() {
    const InitializationConfig& c = config_.initialization;
    const WeightInitialization& start = c;
    add_if(!c.from.empty() && (start != WeightInitialization{} || !c.overrides.empty()),
           "initialization.from: all weights come from {}: the other fields of initialization have no effect", c.from);
  }

  void check_optimizer() {
    const OptimizerConfig& c = config_.optimizer;
    const bool decays = c.weight_decay > 0;
    add_if(!decays && c.decay.has_value(), "optimizer.decay: has no effect with weight_decay 0");
    add_if(!decays && c.decay_normalization_and_biases,
           "optimizer.decay_normalization_and_biases: has no effect with weight_decay 0");
    add_if(decays && c.trainable.select == Trainable::normalization && !c.decay_normalization_and_biases,
           "optimizer.weight_decay: {} has no effect: gamma and beta alone are trained, and they do not decay",
           c.weight_decay);
  }

  void check_schedule() {
    const ScheduleConfig& c = config_.optimizer.schedule;
    if (c.type == ScheduleType::one_cycle) return check_one_cycle();
    add_if(c.warmup_steps >= steps_,
           "optimizer.schedule.warmup_steps: {} steps of warm-up in a run of {}: the rate never reaches its value",
           c.warmup_steps, steps_);
    add_if(c.warmup_steps > 0 && c.warmup_start == 1,
           "optimizer.schedule.warmup_start: from 1 on, the {} steps of warm-up have no effect", c.warmup_steps);
    add_if(c.warmup_steps == 0 && c.warmup_start != 0,
           "optimizer.schedule.warmup_start: {} has no effect with warmup_steps 0", c.warmup_start);
    if (c.warmup_steps < steps_) check_change(c, steps_ - c.warmup_steps);
  }

  void check_one_cycle() {
    const ScheduleConfig& c = config_.optimizer.schedule;
    add_if(c.peak * static_cast<double>(steps_) <= 1,
           "optimizer.schedule.peak: {} of {} steps: the rate never rises, and never reaches its value", c.peak,
           steps_);
  }

  /// Whether the rate changes within the steps after warm-up.
  void check_change(const ScheduleConfig& c, std::int64_t steps) {
    switch (c.type) {
      case ScheduleType::constant:
      case ScheduleType::one_cycle:
      case ScheduleType::doubling:
        return;
      case ScheduleType::step:
        add_if(c.every >= steps, "optimizer.schedule.every: {} steps, of {}: the rate never changes", c.every, steps);
        [[fallthrough]];
      case ScheduleType::exponential:
        add_if(c.factor == 1, "optimizer.schedule.factor: with 1 the rate never changes");
        return;
      case ScheduleType::cosine:
        add_if(c.final_fraction == 1, "optimizer.schedule.final_fraction: with 1 the rate never changes");
        return;
    }
  }

  void check_intervals() {
    const TrainingConfig& c = config_.training;
    add_if(c.eval_every > steps_,
           "training.eval_every: {} steps, in a run of {}: it is evaluated before the first step and at the end alone",
           c.eval_every, steps_);
    add_if(c.checkpoint_every > steps_,
           "training.checkpoint_every: {} steps, in a run of {}: the only checkpoint is that of the end",
           c.checkpoint_every, steps_);
    for (std::size_t i = 0; i < config_.probes.size(); ++i)
      add_if(config_.probes[i].every > steps_,
             "probes.{}.every: {} steps, in a run of {}: {} measures at steps 0 and 1 alone", i,
             config_.probes[i].every, steps_, name_of(config_.probes[i].type));
  }

  const RunConfig& config_;
  Contents contents_;
  std::int64_t steps_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> warnings(const RunConfig& config) { return Warnings(config).all(); }

}  // namespace bnlab::config

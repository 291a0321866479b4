#include "probes/input_gradient.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "config/names.h"
#include "probes/observer.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

/// Sums over images.
struct Sums {
  double gradient_l1 = 0;
  double gradient_l2 = 0;
  double loss = 0;
  double correct = 0;
};

class InputGradient : public Probe {
 public:
  InputGradient(const config::ProbeConfig& config, const ProbeContext& context)
      : config_(config),
        context_(context),
        split_(context.dataset.split(config.split)),
        batch_(std::min(context.run.evaluation.batch_size, split_.size())),
        indices_(static_cast<std::size_t>(config.examples > 0 ? config.examples : batch_)),
        csv_(context.open_csv("input_gradient", {"step", "epsilon", "gradient_l1", "gradient_l2", "loss", "accuracy",
                                                 "attacked_loss", "attacked_accuracy", "accuracy_lost"})) {
    std::iota(indices_.begin(), indices_.end(), 0u);
    batch_ = std::min(batch_, images());
    for (const std::int64_t size : {batch_, images() % batch_})
      if (size > 0) programs_[size] = context.network.build(onednn::Mode::observe_population, size, true);
    for (std::int64_t c = 0; c < context.dataset.info.channels; ++c) ranges_.push_back(context.scaler.range_of(c));
  }

  void step_done(std::int64_t step) override {
    context_.network.use_running_statistics();
    Sums clean;
    std::vector<Sums> attacked(config_.epsilons.size());
    for (std::int64_t first = 0; first < images(); first += batch_) {
      const std::int64_t count = std::min(batch_, images() - first);
      network::Executable& program = *programs_.at(count);
      context_.scaler.gather(
          split_, std::span(indices_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
          program.images(), program.labels(), program.targets());
      program.forward();
      program.backward();
      add_results(program, clean);
      add_gradients(program, clean);
      images_.assign(program.images(), program.images() + program.image_values());
      gradient_.assign(program.diff_images(), program.diff_images() + program.image_values());
      for (std::size_t i = 0; i < attacked.size(); ++i) {
        move_images(program, config_.epsilons[i]);
        program.forward();
        add_results(program, attacked[i]);
      }
    }
    for (std::size_t i = 0; i < attacked.size(); ++i) write(step, config_.epsilons[i], clean, attacked[i]);
  }

 private:
  std::int64_t images() const { return static_cast<std::int64_t>(indices_.size()); }
  bool is_mean() const { return context_.run.loss.reduction == config::Reduction::mean; }
  const data::Scaler::Range& range_of(std::size_t value) const {
    const auto& info = context_.dataset.info;
    return ranges_[value / static_cast<std::size_t>(info.height * info.width) % ranges_.size()];
  }

  void add_results(const network::Executable& program, Sums& sums) const {
    sums.loss += program.loss() * (is_mean() ? static_cast<double>(program.batch_size()) : 1.0);
    sums.correct += static_cast<double>(program.correct());
  }

  /// The program's loss is a mean over its images; those of each image are asked for.
  void add_gradients(const network::Executable& program, Sums& sums) const {
    const auto size = static_cast<std::size_t>(context_.dataset.image_size());
    const double factor = is_mean() ? static_cast<double>(program.batch_size()) : 1.0;
    for (std::int64_t n = 0; n < program.batch_size(); ++n) {
      const float* const gradient = program.diff_images() + static_cast<std::size_t>(n) * size;
      double l1 = 0, squares = 0;
      for (std::size_t i = 0; i < size; ++i) {
        const double value = factor * static_cast<double>(gradient[i]) * static_cast<double>(range_of(i).span);
        l1 += std::abs(value);
        squares += value * value;
      }
      sums.gradient_l1 += l1;
      sums.gradient_l2 += std::sqrt(squares);
    }
  }

  void move_images(network::Executable& program, double epsilon) const {
    const auto size = static_cast<std::size_t>(context_.dataset.image_size());
    for (std::size_t i = 0; i < images_.size(); ++i) {
      const data::Scaler::Range& range = range_of(i % size);
      const float sign = gradient_[i] > 0.0f ? 1.0f : gradient_[i] < 0.0f ? -1.0f : 0.0f;
      program.images()[i] =
          std::clamp(images_[i] + sign * static_cast<float>(epsilon) * range.span, range.low, range.high);
    }
  }

  void write(std::int64_t step, double epsilon, const Sums& clean, const Sums& attacked) {
    const auto count = static_cast<double>(images());
    const double none = std::numeric_limits<double>::quiet_NaN();
    const double factor = is_mean() ? 1.0 / count : 1.0;
    const auto accuracy = [&](const Sums& sums) {
      return context_.dataset.info.has_targets ? none : sums.correct / count;
    };
    csv_.add(step).add(epsilon).add(clean.gradient_l1 / count).add(clean.gradient_l2 / count);
    csv_.add(clean.loss * factor).add(accuracy(clean)).add(attacked.loss * factor).add(accuracy(attacked));
    csv_.add(accuracy(clean) - accuracy(attacked)).end_row();
  }

  config::ProbeConfig config_;
  ProbeContext context_;
  const data::Split& split_;
  std::int64_t batch_;
  std::vector<std::uint32_t> indices_;
  std::map<std::int64_t, std::unique_ptr<network::Executable>> programs_;  // by batch size
  std::vector<data::Scaler::Range> ranges_;                                // of each channel
  std::vector<float> images_;                                              // of a batch, before they move
  std::vector<float> gradient_;                                            // of the same
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_input_gradient(const config::ProbeConfig& config, const ProbeContext& context) {
  return std::make_unique<InputGradient>(config, context);
}

void check_input_gradient(const config::ProbeConfig& config, const std::string& path, const config::RunConfig& run) {
  if (config::holds(row_of(run.normalization.type).fields, "noise") && run.normalization.noise.in_evaluation)
    throw ConfigError(fmt::format(
        "{}.type: input_gradient needs normalization.noise.in_evaluation false, as the gradient of noise is random",
        path));
  if (config.split == config::SplitName::validation && run.dataset.validation == 0)
    throw ConfigError(fmt::format("{}.split: there are no validation images; set dataset.validation", path));
}

}  // namespace bnlab::probes

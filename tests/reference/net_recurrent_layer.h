#pragma once
// The recurrent layer of a `Net`.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "reference/net_simple_layers.h"

namespace bnlab::reference {

/// One set of running statistics for each time step, or one for all, which takes in their average.
enum class StepStatistics { none, per_step, shared };

/// h_t = f(normalization(W_x x_t + W_h h_{t-1} + bias)), x_t row t of all channels of an image; gives the last h. The
/// bias is there where there is no normalization, which is always with gamma and beta.
struct RecurrentLayer : WeightedLayer {
  Activation function;
  StepStatistics statistics;
  NormalizationOptions options;
  LayerBase site{"normalization"};      // parameters gamma and beta, states step1.running_mean ... or running_mean ...
  std::vector<Correction> corrections;  // of each step; as NormalizationLayer's
  std::size_t trained = 0;

  RecurrentLayer(std::int64_t inputs, std::int64_t units, std::int64_t steps, Activation activation,
                 StepStatistics step_statistics, const NormalizationOptions& normalization)
      : WeightedLayer("recurrent", {units, inputs}, step_statistics == StepStatistics::none),
        function(activation),
        statistics(step_statistics),
        options(normalization) {
    parameters.front().name = "input_weights";
    parameters.push_back({"hidden_weights", zeros({units, units})});
    if (statistics == StepStatistics::none) return;
    site.parameters.push_back({"gamma", full({units}, options.initial_gamma), false});
    site.parameters.push_back({"beta", full({units}, options.initial_beta), false});
    corrections.assign(static_cast<std::size_t>(steps), {full({units}, 1.0), zeros({units})});
    if (!has_statistics(options.method)) return;
    for (std::int64_t t = 0; t < (statistics == StepStatistics::shared ? 1 : steps); ++t) {
      site.states.push_back({prefix(t) + "running_mean", zeros({units})});
      site.states.push_back({prefix(t) + "running_variance", full({units}, 1.0)});
    }
  }

  std::string prefix(std::int64_t t) const {
    return statistics == StepStatistics::shared ? "" : "step" + std::to_string(t + 1) + ".";
  }
  Array& running_mean(std::int64_t t) { return site.state(prefix(t) + "running_mean"); }
  Array& running_variance(std::int64_t t) { return site.state(prefix(t) + "running_variance"); }
  Statistics running(std::int64_t t) { return {running_mean(t), running_variance(t), 0}; }
  bool takes_running(Mode mode) const { return mode == Mode::frozen && has_statistics(options.method); }

  /// Offset in src (N, C, H, W) of value i of row t of image n.
  static std::int64_t offset(const Shape& src, std::int64_t n, std::int64_t t, std::int64_t i) {
    return ((n * src[1] + i / src[3]) * src[2] + t) * src[3] + i % src[3];
  }
  static Array row(const Array& src, std::int64_t t) {
    Array x = zeros({src.dim(0), src.dim(1) * src.dim(3)});
    for (std::int64_t i = 0; i < x.size(); ++i)
      x.values[i] = src.values[offset(src.shape, i / x.dim(1), t, i % x.dim(1))];
    return x;
  }

  /// All (N, units).
  struct Step {
    Array x, h_before, z, y, h;
  };
  Step step(const Array& src, std::int64_t t, const Array& h_before, Mode mode) {
    Step s{row(src, t), h_before, {}, {}, {}};
    s.z = dense_forward(s.x, *value("input_weights"), value("bias"));
    const Array product = dense_forward(h_before, *value("hidden_weights"), nullptr);
    for (std::int64_t i = 0; i < s.z.size(); ++i) s.z.values[i] += product.values[i];
    s.y = s.z;
    if (statistics != StepStatistics::none) {
      const Array *gamma = site.value("gamma"), *beta = site.value("beta");
      Correction& correction = corrections[static_cast<std::size_t>(t)];
      if (mode == Mode::train && has_statistics(options.method))
        correction = correction_at(options, trained, s.z, running(t));
      s.y = takes_running(mode) ? batch_norm_frozen_forward(s.z, running(t), gamma, beta, options.epsilon).dst
                                : normalize(options, s.z, correction, gamma, beta);
    }
    s.h = activation_forward(s.y, function);
    return s;
  }
  std::vector<Step> unroll(const Array& src, Mode mode) {
    std::vector<Step> steps;
    Array h = zeros({src.dim(0), value("hidden_weights")->dim(0)});
    for (std::int64_t t = 0; t < src.dim(2); ++t) {
      steps.push_back(step(src, t, h, mode));
      h = steps.back().h;
    }
    return steps;
  }

  Array forward(const Array& src, Mode mode) {
    const std::vector<Step> steps = unroll(src, mode);
    if (mode == Mode::train && statistics != StepStatistics::none && has_statistics(options.method))
      update_statistics(steps);
    return steps.back().h;
  }
  void update_statistics(const std::vector<Step>& steps) {
    ++trained;
    const double share = statistics == StepStatistics::shared ? 1.0 / static_cast<double>(steps.size()) : 1.0;
    Array mean = zeros(running_mean(0).shape), variance = mean;
    for (std::size_t t = 0; t < steps.size(); ++t) {
      const Statistics batch = running_term(options, steps[t].z);
      if (statistics == StepStatistics::per_step) mean = variance = zeros(mean.shape);
      for (std::size_t u = 0; u < mean.values.size(); ++u) {
        mean.values[u] += share * batch.mean.values[u];
        variance.values[u] += share * batch.variance.values[u];
      }
      if (statistics == StepStatistics::shared && t + 1 < steps.size()) continue;
      const auto place = static_cast<std::int64_t>(t);
      update_running_average(running_mean(place), mean, options.running_average_decay);
      update_running_average(running_variance(place), variance, options.running_average_decay);
    }
  }

  Array backward(const Array& src, const Array& diff_dst, Mode mode) {
    const std::vector<Step> steps = unroll(src, again(mode));
    Array diff_src = zeros(src.shape), diff_h = diff_dst;
    Array diff_input = zeros(value("input_weights")->shape), diff_hidden = zeros(value("hidden_weights")->shape);
    Array diff_bias = zeros({diff_dst.dim(1)}), diff_gamma = diff_bias, diff_beta = diff_bias;
    const auto add = [](Array& sum, const Array& term) {
      for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += term.values[i];
    };
    for (std::int64_t t = src.dim(2); t-- > 0;) {
      const Step& s = steps[static_cast<std::size_t>(t)];
      Array diff_z = activation_backward(s.y, diff_h, function);
      if (statistics != StepStatistics::none) {
        const Array* gamma = site.value("gamma");
        const NormalizationGradients gradients =
            takes_running(mode)
                ? batch_norm_frozen_backward(s.z, diff_z, running(t), gamma, options.epsilon)
                : normalize_backward(options, s.z, diff_z, corrections[static_cast<std::size_t>(t)], gamma);
        diff_z = gradients.diff_src;
        add(diff_gamma, gradients.diff_gamma);
        add(diff_beta, gradients.diff_beta);
      }
      const LinearGradients by_input = dense_backward(s.x, *value("input_weights"), diff_z);
      const LinearGradients by_hidden = dense_backward(s.h_before, *value("hidden_weights"), diff_z);
      add(diff_input, by_input.diff_weights);
      add(diff_hidden, by_hidden.diff_weights);
      add(diff_bias, by_input.diff_bias);
      const std::int64_t inputs = by_input.diff_src.dim(1);
      for (std::int64_t i = 0; i < by_input.diff_src.size(); ++i)
        diff_src.values[offset(src.shape, i / inputs, t, i % inputs)] = by_input.diff_src.values[i];
      diff_h = by_hidden.diff_src;
    }
    set_gradient("input_weights", diff_input);
    set_gradient("hidden_weights", diff_hidden);
    set_gradient("bias", diff_bias);
    site.set_gradient("gamma", diff_gamma);
    site.set_gradient("beta", diff_beta);
    return diff_src;
  }
};

}  // namespace bnlab::reference

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

struct RecurrentOptions {
  bool reads_pixels = false;        // x_t: pixel t, not row t, of all channels
  std::vector<std::int64_t> order;  // step t reads row or pixel order[t]; empty: t
  bool separate = false;            // W_h h and W_x x are normalized, not their sum
  Array initial_state = {};         // h_0 (N, units) but with running statistics; empty: 0
};

/// h_t = f(normalization(W_x x_t + W_h h_{t-1} + bias)), x_t row t of all channels of an image; gives the last h. The
/// bias is there where there is no normalization, which is always with gamma and beta.
struct RecurrentLayer : WeightedLayer {
  Activation function;
  StepStatistics statistics;
  NormalizationOptions options;
  RecurrentOptions reading;
  // Parameters gamma and beta, states step1.running_mean ... or running_mean ..., of each part behind its name.
  LayerBase site{"normalization"};
  std::vector<std::string> parts;                    // of the names: "", or "hidden." and "input."
  std::vector<std::vector<Correction>> corrections;  // of each part and step; as NormalizationLayer's
  std::size_t trained = 0;
  std::vector<Array> diff_states;  // d loss / d h_t of each step, of the last backward

  RecurrentLayer(std::int64_t inputs, std::int64_t units, std::int64_t steps, Activation activation,
                 StepStatistics step_statistics, const NormalizationOptions& normalization,
                 const RecurrentOptions& recurrent = {})
      : WeightedLayer("recurrent", {units, inputs}, step_statistics == StepStatistics::none),
        function(activation),
        statistics(step_statistics),
        options(normalization),
        reading(recurrent) {
    parameters.front().name = "input_weights";
    parameters.push_back({"hidden_weights", zeros({units, units})});
    if (statistics == StepStatistics::none) return;
    parts = reading.separate ? std::vector<std::string>{"hidden.", "input."} : std::vector<std::string>{""};
    for (const std::string& part : parts) {
      site.parameters.push_back({part + "gamma", full({units}, options.initial_gamma), false});
      if (part == parts.front()) site.parameters.push_back({part + "beta", full({units}, options.initial_beta), false});
      corrections.emplace_back(static_cast<std::size_t>(steps), Correction{full({units}, 1.0), zeros({units})});
      if (!has_statistics(options.method)) continue;
      for (std::int64_t t = 0; t < (statistics == StepStatistics::shared ? 1 : steps); ++t) {
        site.states.push_back({prefix(part, t) + "running_mean", zeros({units})});
        site.states.push_back({prefix(part, t) + "running_variance", full({units}, 1.0)});
      }
    }
  }

  std::string prefix(const std::string& part, std::int64_t t) const {
    return part + (statistics == StepStatistics::shared ? "" : "step" + std::to_string(t + 1) + ".");
  }
  Array& running_mean(const std::string& part, std::int64_t t) { return site.state(prefix(part, t) + "running_mean"); }
  Array& running_variance(const std::string& part, std::int64_t t) {
    return site.state(prefix(part, t) + "running_variance");
  }
  Statistics running(const std::string& part, std::int64_t t) {
    return {running_mean(part, t), running_variance(part, t), 0};
  }
  bool takes_running(Mode mode) const { return mode == Mode::frozen && has_statistics(options.method); }

  std::int64_t steps_of(const Shape& src) const { return reading.reads_pixels ? src[2] * src[3] : src[2]; }
  /// Offset in src (N, C, H, W) of value i of step t of image n.
  std::int64_t offset(const Shape& src, std::int64_t n, std::int64_t t, std::int64_t i) const {
    const std::int64_t place = reading.order.empty() ? t : reading.order[static_cast<std::size_t>(t)];
    if (reading.reads_pixels) return (n * src[1] + i) * src[2] * src[3] + place;
    return ((n * src[1] + i / src[3]) * src[2] + place) * src[3] + i % src[3];
  }
  Array read(const Array& src, std::int64_t t) const {
    Array x = zeros({src.dim(0), src.dim(1) * (reading.reads_pixels ? 1 : src.dim(3))});
    for (std::int64_t i = 0; i < x.size(); ++i)
      x.values[i] = src.values[offset(src.shape, i / x.dim(1), t, i % x.dim(1))];
    return x;
  }

  static void add(Array& sum, const Array& term) {
    for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += term.values[i];
  }

  /// All (N, units) but x.
  struct Step {
    Array x, h_before;
    std::vector<Array> z;  // of each part, or without normalization one
    Array y, h;
  };
  Step step(const Array& src, std::int64_t t, const Array& h_before, Mode mode) {
    Step s{read(src, t), h_before, {}, {}, {}};
    s.z = {dense_forward(h_before, *value("hidden_weights"), nullptr)};
    const Array product = dense_forward(s.x, *value("input_weights"), value("bias"));
    if (reading.separate && statistics != StepStatistics::none) {
      s.z.push_back(product);
    } else {
      add(s.z.front(), product);
    }
    s.y = parts.empty() ? s.z.front() : zeros(s.z.front().shape);
    for (std::size_t p = 0; p < parts.size(); ++p) add(s.y, normalized(p, s.z[p], t, mode));
    s.h = activation_forward(s.y, function);
    return s;
  }
  Array normalized(std::size_t p, const Array& z, std::int64_t t, Mode mode) {
    const std::string& part = parts[p];
    const Array zero = zeros({z.dim(1)});
    const Array *gamma = site.value(part + "gamma"), *beta = p == 0 ? site.value(part + "beta") : &zero;
    Correction& correction = corrections[p][static_cast<std::size_t>(t)];
    if (mode == Mode::train && has_statistics(options.method))
      correction = correction_at(options, trained, z, running(part, t));
    return takes_running(mode) ? batch_norm_frozen_forward(z, running(part, t), gamma, beta, options.epsilon).dst
                               : normalize(options, z, correction, gamma, beta);
  }
  std::vector<Step> unroll(const Array& src, Mode mode) {
    std::vector<Step> steps;
    Array h = zeros({src.dim(0), value("hidden_weights")->dim(0)});
    if (mode != Mode::frozen && reading.initial_state.size() > 0) h = reading.initial_state;
    for (std::int64_t t = 0; t < steps_of(src.shape); ++t) {
      steps.push_back(step(src, t, h, mode));
      h = steps.back().h;
    }
    return steps;
  }

  Array forward(const Array& src, Mode mode) {
    const std::vector<Step> steps = unroll(src, mode);
    if (mode == Mode::train && statistics != StepStatistics::none && has_statistics(options.method)) {
      ++trained;
      for (std::size_t p = 0; p < parts.size(); ++p) update_statistics(steps, p);
    }
    return steps.back().h;
  }
  void update_statistics(const std::vector<Step>& steps, std::size_t p) {
    const double share = statistics == StepStatistics::shared ? 1.0 / static_cast<double>(steps.size()) : 1.0;
    Array mean = zeros(running_mean(parts[p], 0).shape), variance = mean;
    for (std::size_t t = 0; t < steps.size(); ++t) {
      const Statistics batch = running_term(options, steps[t].z[p]);
      if (statistics == StepStatistics::per_step) mean = variance = zeros(mean.shape);
      for (std::size_t u = 0; u < mean.values.size(); ++u) {
        mean.values[u] += share * batch.mean.values[u];
        variance.values[u] += share * batch.variance.values[u];
      }
      if (statistics == StepStatistics::shared && t + 1 < steps.size()) continue;
      const auto place = static_cast<std::int64_t>(t);
      update_running_average(running_mean(parts[p], place), mean, options.running_average_decay);
      update_running_average(running_variance(parts[p], place), variance, options.running_average_decay);
    }
  }

  Array backward(const Array& src, const Array& diff_dst, Mode mode) {
    const std::vector<Step> steps = unroll(src, again(mode));
    diff_states.assign(steps.size(), {});
    Array diff_src = zeros(src.shape), diff_h = diff_dst;
    Array diff_input = zeros(value("input_weights")->shape), diff_hidden = zeros(value("hidden_weights")->shape);
    Array diff_bias = zeros({diff_dst.dim(1)}), diff_beta = diff_bias;
    std::vector<Array> diff_gamma(parts.size(), diff_bias);
    for (std::int64_t t = static_cast<std::int64_t>(steps.size()); t-- > 0;) {
      const Step& s = steps[static_cast<std::size_t>(t)];
      diff_states[static_cast<std::size_t>(t)] = diff_h;
      const Array diff_y = activation_backward(s.y, diff_h, function);
      std::vector<Array> diff_z{diff_y};  // of each part
      for (std::size_t p = 0; p < parts.size(); ++p) {
        const Array* gamma = site.value(parts[p] + "gamma");
        const NormalizationGradients gradients =
            takes_running(mode)
                ? batch_norm_frozen_backward(s.z[p], diff_y, running(parts[p], t), gamma, options.epsilon)
                : normalize_backward(options, s.z[p], diff_y, corrections[p][static_cast<std::size_t>(t)], gamma);
        diff_z.resize(parts.size());
        diff_z[p] = gradients.diff_src;
        add(diff_gamma[p], gradients.diff_gamma);
        if (p == 0) add(diff_beta, gradients.diff_beta);
      }
      const LinearGradients by_input = dense_backward(s.x, *value("input_weights"), diff_z.back());
      const LinearGradients by_hidden = dense_backward(s.h_before, *value("hidden_weights"), diff_z.front());
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
    for (std::size_t p = 0; p < parts.size(); ++p) site.set_gradient(parts[p] + "gamma", diff_gamma[p]);
    if (!parts.empty()) site.set_gradient(parts.front() + "beta", diff_beta);
    return diff_src;
  }
};

}  // namespace bnlab::reference

#include "layers/recurrent.h"

#include <fmt/format.h>

#include <numeric>
#include <utility>
#include <vector>

#include "layers/activation.h"
#include "layers/add.h"
#include "layers/recurrent_kernels.h"
#include "layers/weights_diff.h"
#include "util/errors.h"
#include "util/random.h"

namespace bnlab::layers {
namespace {

namespace compat = onednn::compat;
using onednn::Desc;

/// Products with one matrix of weights (O, I), between row-major f32 memories: src (N, I), dst (N, O).
class Product {
 public:
  Product(Builder& builder, Parameters& parameters, Parameter& weights, Parameter* bias, std::int64_t rows,
          bool adds_to_dst)
      : weights_(weights),
        bias_(bias),
        src_desc_(onednn::row_major_desc({rows, weights.shape[1]})),
        dst_desc_(onednn::row_major_desc({rows, weights.shape[0]})),
        bias_desc_(onednn::row_major_desc({weights.shape[0]})) {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (adds_to_dst) {
      dnnl::post_ops sum;
      sum.append_sum();
      attributes.set_post_ops(sum);
    }
    forward_ =
        compat::inner_product_forward(builder.engine(), builder.prop_kind(), src_desc_,
                                      weights.laid_out() ? weights.value.get_desc() : onednn::any_desc(weights.shape),
                                      bias ? &bias_desc_ : nullptr, dst_desc_, attributes);
    parameters.lay_out(weights, forward_.weights_desc());
    if (bias) parameters.lay_out(*bias, bias_desc_);
  }

  /// dst = src W^T + bias, or dst += it.
  void forward(Builder& builder, const dnnl::memory& src, const dnnl::memory& dst) const {
    builder.add("forward", forward_, dnnl::inner_product_forward(forward_),
                {{DNNL_ARG_SRC, src},
                 {DNNL_ARG_WEIGHTS, weights_.value},
                 {DNNL_ARG_BIAS, bias_ ? bias_->value : dnnl::memory()},
                 {DNNL_ARG_DST, dst}},
                flop());
  }

  void backward_weights(Builder& builder, const dnnl::memory& src, const dnnl::memory& diff_dst) const {
    const auto pd = compat::inner_product_backward_weights(
        builder.engine(), src_desc_, onednn::any_desc(weights_.shape), bias_ ? &bias_desc_ : nullptr, dst_desc_,
        forward_, builder.attributes());
    add_weights_diff(builder, weights_, pd.diff_weights_desc(), [&](const dnnl::memory& diff_weights) {
      builder.add("backward_weights", pd, dnnl::inner_product_backward_weights(pd),
                  {{DNNL_ARG_SRC, src},
                   {DNNL_ARG_DIFF_DST, diff_dst},
                   {DNNL_ARG_DIFF_WEIGHTS, diff_weights},
                   {DNNL_ARG_DIFF_BIAS, bias_ ? bias_->diff : dnnl::memory()}},
                  flop());
    });
  }

  /// `weights` in the layout that backward_data reads, one reorder for all calls of a program.
  dnnl::memory weights_for_backward_data(Builder& builder) const {
    return builder.reorder_to(weights_.value, backward_data_desc(builder).weights_desc());
  }
  dnnl::memory backward_data(Builder& builder, const dnnl::memory& weights, const dnnl::memory& diff_dst) const {
    const auto pd = backward_data_desc(builder);
    const dnnl::memory diff_src = builder.allocate(src_desc_);
    builder.add("backward_data", pd, dnnl::inner_product_backward_data(pd),
                {{DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DIFF_DST, diff_dst}, {DNNL_ARG_DIFF_SRC, diff_src}}, flop());
    return diff_src;
  }

 private:
  dnnl::inner_product_backward_data::primitive_desc backward_data_desc(Builder& builder) const {
    return compat::inner_product_backward_data(builder.engine(), src_desc_, onednn::any_desc(weights_.shape), dst_desc_,
                                               forward_, builder.attributes());
  }
  double flop() const { return 2.0 * static_cast<double>(compat::dims_of(src_desc_)[0] * weights_.count()); }

  Parameter& weights_;
  Parameter* bias_;
  Desc src_desc_, dst_desc_, bias_desc_;
  dnnl::inner_product_forward::primitive_desc forward_;
};

class RecurrentLayer : public Layer {
 public:
  RecurrentLayer(const LayerContext& context, const config::Recurrent& spec, double negative_slope,
                 const std::optional<StepNormalization>& normalization)
      : Layer(context.name, LayerKind::recurrent, "recurrent", context.src_shape, {1, spec.units}),
        parameters_(context.parameters),
        function_(spec.activation, negative_slope),
        kind_(spec.activation),
        reads_pixels_(spec.reads == config::RecurrentReads::pixels),
        steps_(reads_pixels_ ? src_shape()[2] * src_shape()[3] : src_shape()[2]),
        noise_(static_cast<float>(spec.initial_state_noise.value_or(0))) {
    if (spec.permutation) {
      order_.resize(static_cast<std::size_t>(steps_));
      std::iota(order_.begin(), order_.end(), 0u);
      RandomStream(static_cast<std::uint64_t>(*spec.permutation), RandomPurpose::permutation, 0).shuffle(order_);
    }
    declare_weights(spec);
    if (!normalization || !normalization->replaces_bias)
      bias_ = &parameters_.declare({.name = name() + ".bias", .kind = ParameterKind::bias, .shape = {units()}});
    if (!normalization) return;
    if (spec.normalize == config::RecurrentNormalize::separate) {
      add_term(*normalization, ".hidden", true);
      add_term(*normalization, ".input", false);
    } else {
      add_term(*normalization, "", true);
    }
  }

  std::optional<config::Activation> activation() const override { return kind_; }

  /// The normalization of the first step represents all.
  std::vector<const Layer*> parts() const override {
    std::vector<const Layer*> parts;
    for (const Term& term : terms_) parts.push_back(term.layers.front().get());
    return parts;
  }

  Forward build(Builder& builder, const Tensor& src) override {
    const std::int64_t rows = src.shape[0];
    const Product input(builder, parameters_, *input_weights_, bias_, steps_ * rows, false);
    const Product hidden(builder, parameters_, *hidden_weights_, nullptr, rows, !is_separate());
    for (const Term& term : terms_)
      for (Parameter* parameter : {term.gamma, term.beta})
        if (parameter) parameters_.lay_out(*parameter, onednn::row_major_desc(parameter->shape));

    const dnnl::memory x = in_steps(builder, src);
    const dnnl::memory z = builder.allocate(onednn::row_major_desc({steps_ * rows, units()}));
    input.forward(builder, x, z);
    const States states = allocate_states(builder, rows);
    std::vector<Step> steps;
    for (std::int64_t t = 0; t < steps_; ++t) {
      std::vector<dnnl::memory> sums;
      if (is_separate()) sums.push_back(builder.allocate(onednn::row_major_desc({rows, units()})));
      sums.push_back(step_of(builder, z, t, rows));
      if (t + states.before > 0) hidden.forward(builder, states.at(*this, builder, t - 1, rows), sums.front());
      steps.push_back(build_step(builder, t, sums, states.at(*this, builder, t, rows)));
    }
    const Tensor dst{steps.back().h, {rows, units()}, true};
    builder.observe("input", {steps.back().y, dst.shape, true});
    builder.observe("output", dst);
    if (!builder.has_backward()) return {dst, {}};
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              const Diffs diffs = backward_through_time(b, hidden, steps, diff_dst);
              input.backward_weights(b, x, diffs.input);
              backward_hidden_weights(b, states, diffs.hidden, rows);
              if (!src.needs_diff) return Tensor{};
              return from_steps(b, input.backward_data(b, input.weights_for_backward_data(b), diffs.input), src.shape);
            }};
  }

 private:
  /// One of the sums that are normalized, with a normalization for each step.
  struct Term {
    Parameter* gamma = nullptr;
    Parameter* beta = nullptr;
    LayerList layers;
  };
  /// What the backward pass needs of one time step; all (N, units), row-major.
  struct Step {
    std::vector<dnnl::memory> x_hat;  // of each term, normalized, before gamma and beta
    std::vector<Backward> normalizations;
    dnnl::memory y;  // before f
    dnnl::memory h;  // f(y)
  };
  /// h of all steps, ((before + T) N, units); before: 1 where h_0 comes first, else 0.
  struct States {
    dnnl::memory all;
    std::int64_t before;
    dnnl::memory at(const RecurrentLayer& layer, Builder& builder, std::int64_t t, std::int64_t rows) const {
      return layer.step_of(builder, all, t + before, rows);
    }
  };
  /// d loss / d (W_h h) and d loss / d (W_x x) of all steps, (T * N, units); the same memory for their sum.
  struct Diffs {
    dnnl::memory hidden;
    dnnl::memory input;
  };

  std::int64_t units() const { return dst_shape()[1]; }
  bool is_separate() const { return terms_.size() == 2; }

  void declare_weights(const config::Recurrent& spec) {
    const std::int64_t inputs = src_shape()[1] * (reads_pixels_ ? 1 : src_shape()[3]);
    input_weights_ = &parameters_.declare(
        {.name = name() + ".input_weights", .shape = {units(), inputs}, .fan_in = inputs, .fan_out = units()});
    hidden_weights_ = &parameters_.declare({.name = name() + ".hidden_weights",
                                            .shape = {units(), units()},
                                            .fan_in = units(),
                                            .fan_out = units(),
                                            .scheme = scheme_of(spec.start)});
  }

  void add_term(const StepNormalization& normalization, const std::string& part, bool has_beta) {
    Term term;
    if (normalization.is_affine) {
      term.gamma = &parameters_.declare({.name = normalization.site + part + ".gamma",
                                         .kind = ParameterKind::gamma,
                                         .shape = {units()},
                                         .initial_value = normalization.initial_gamma,
                                         .is_drawn = normalization.draws_gamma});
      if (has_beta)
        term.beta = &parameters_.declare({.name = normalization.site + part + ".beta",
                                          .kind = ParameterKind::beta,
                                          .shape = {units()},
                                          .initial_value = normalization.initial_beta});
    }
    term.layers = normalization.make(part, steps_, units(), term.gamma, term.beta);
    terms_.push_back(std::move(term));
  }

  static std::optional<config::InitializationScheme> scheme_of(config::RecurrentStart start) {
    switch (start) {
      case config::RecurrentStart::orthogonal:
        return config::InitializationScheme::orthogonal;
      case config::RecurrentStart::identity:
        return config::InitializationScheme::identity;
      case config::RecurrentStart::scheme:
        break;
    }
    return std::nullopt;
  }

  /// (N, C, H, W) with the values of one time step side by side: step, image, channel, column of a row.
  Desc by_step(const Dims& shape) const {
    const std::int64_t row = reads_pixels_ ? 1 : shape[3];  // values of one channel in a step
    const std::int64_t step = shape[0] * shape[1] * row;
    return Desc(shape, dnnl::memory::data_type::f32,
                reads_pixels_ ? Dims{shape[1], 1, shape[3] * step, step} : Dims{shape[1] * row, row, step, 1});
  }

  // x of all steps in the order in which they are read, (T * N, inputs).
  dnnl::memory in_steps(Builder& builder, const Tensor& src) const {
    const Desc desc = onednn::row_major_desc({steps_ * src.shape[0], input_weights_->shape[1]});
    const dnnl::memory x = builder.view(builder.reorder_to(src.memory, by_step(src.shape)), desc);
    if (order_.empty()) return x;
    const dnnl::memory ordered = builder.allocate(desc);
    builder.add("permutation", permutation_kernel(order_, PermutationKind::gather, x, ordered), {x, ordered});
    return ordered;
  }
  // The reverse, of a gradient.
  Tensor from_steps(Builder& builder, const dnnl::memory& diff_x, const Dims& shape) const {
    dnnl::memory diff = diff_x;
    if (!order_.empty()) {
      diff = builder.allocate(diff_x.get_desc());
      builder.add("backward_permutation", permutation_kernel(order_, PermutationKind::scatter, diff_x, diff),
                  {diff_x, diff});
    }
    return {builder.view(diff, by_step(shape)), shape, true};
  }

  // The part of a (T * N, units) memory that belongs to step t, from 0, under `dims` of N * units values.
  dnnl::memory step_of(Builder& builder, const dnnl::memory& all, std::int64_t t, const Dims& dims) const {
    const auto bytes = static_cast<std::uint64_t>(dims[0] * units()) * sizeof(float);
    return builder.part(all, onednn::row_major_desc(dims), static_cast<std::uint64_t>(t) * bytes);
  }
  dnnl::memory step_of(Builder& builder, const dnnl::memory& all, std::int64_t t, std::int64_t rows) const {
    return step_of(builder, all, t, Dims{rows, units()});
  }

  // Terms of their own are normalized in the first step too, where W_h h_0 is 0 or noise.
  States allocate_states(Builder& builder, std::int64_t rows) const {
    const float noise = builder.has_population_statistics() ? 0 : noise_;
    const std::int64_t before = is_separate() || noise > 0 ? 1 : 0;
    const States states{builder.allocate(onednn::row_major_desc({(before + steps_) * rows, units()})), before};
    if (before == 0) return states;
    const dnnl::memory first = states.at(*this, builder, -1, rows);
    builder.add("initial_state", initial_state_kernel(name() + ".initial_state", noise, builder.run_state(), first),
                {first});
    return states;
  }

  // `sums` of the terms become y and h.
  Step build_step(Builder& builder, std::int64_t t, const std::vector<dnnl::memory>& sums, const dnnl::memory& h) {
    const Dims shape = compat::dims_of(h.get_desc());
    Step step{{}, {}, sums.front(), h};
    for (std::size_t i = 0; i < terms_.size(); ++i) {
      builder.enter(terms_[i].layers.front()->name());
      const Forward normalized = terms_[i].layers[static_cast<std::size_t>(t)]->build(builder, {sums[i], shape, true});
      step.x_hat.push_back(builder.row_major(normalized.dst));
      step.normalizations.push_back(normalized.backward);
    }
    if (!terms_.empty()) step.y = sum_of_terms(builder, step.x_hat, shape);
    builder.enter(name());
    function_.forward(builder, step.y, h);
    return step;
  }

  dnnl::memory sum_of_terms(Builder& builder, const std::vector<dnnl::memory>& x_hat, const Dims& shape) const {
    if (terms_.front().gamma) {
      const dnnl::memory y = builder.allocate(onednn::row_major_desc(shape));
      for (std::size_t i = 0; i < terms_.size(); ++i)
        builder.add("scale_shift", affine_kernel(x_hat[i], *terms_[i].gamma, terms_[i].beta, y), {x_hat[i], y});
      return y;
    }
    if (!is_separate()) return x_hat.front();
    return builder.row_major(add(builder, "sum", {x_hat[0], shape, true}, {x_hat[1], shape, true}));
  }

  Diffs backward_through_time(Builder& builder, const Product& hidden, const std::vector<Step>& steps,
                              const Tensor& diff_dst) const {
    const Desc all = onednn::row_major_desc({steps_ * diff_dst.shape[0], units()});
    Diffs diffs{builder.allocate(all), {}};
    diffs.input = is_separate() ? builder.allocate(all) : diffs.hidden;
    const std::vector<dnnl::memory> diff_sums{diffs.hidden, diffs.input};
    std::vector<std::shared_ptr<AffineSums>> affine_sums;
    for (std::size_t i = 0; i < terms_.size(); ++i)
      affine_sums.push_back(std::make_shared<AffineSums>(static_cast<std::size_t>(units())));
    const dnnl::memory weights = steps_ > 1 ? hidden.weights_for_backward_data(builder) : dnnl::memory();
    Tensor diff_h{builder.row_major(diff_dst), diff_dst.shape, true};
    for (std::int64_t t = steps_ - 1; t >= 0; --t) {
      builder.observe("diff_state", diff_h);
      const Step& step = steps[static_cast<std::size_t>(t)];
      const dnnl::memory diff_step = step_of(builder, diffs.hidden, t, diff_dst.shape[0]);
      if (terms_.empty()) {
        function_.backward(builder, step.y, step.h, diff_h.memory, diff_step);
      } else {
        const Tensor diff_y{builder.allocate(onednn::row_major_desc(diff_dst.shape)), diff_dst.shape, true};
        function_.backward(builder, step.y, step.h, diff_h.memory, diff_y.memory);
        // From the last: the first changes diff_y, which the others read.
        for (std::size_t i = terms_.size(); i-- > 0;) {
          builder.enter(terms_[i].layers.front()->name());
          const dnnl::memory diff = backward_term(builder, t, i, step, diff_y, affine_sums[i]);
          builder.copy(diff, step_of(builder, diff_sums[i], t, compat::dims_of(diff.get_desc())));
        }
        builder.enter(name());
      }
      if (t > 0) diff_h.memory = hidden.backward_data(builder, weights, diff_step);
    }
    return diffs;
  }

  // d loss / d the sum of term i, from d loss / d y, which the term with beta changes.
  dnnl::memory backward_term(Builder& builder, std::int64_t t, std::size_t i, const Step& step, const Tensor& diff_y,
                             const std::shared_ptr<AffineSums>& sums) const {
    const Term& term = terms_[i];
    Tensor diff = diff_y;
    if (term.gamma) {
      if (!term.beta) diff.memory = builder.allocate(onednn::row_major_desc(diff_y.shape));
      builder.add("backward_scale_shift",
                  affine_backward_kernel(step.x_hat[i], *term.gamma, term.beta, diff_y.memory, diff.memory, sums,
                                         {.is_first = t == 0, .is_last = t == steps_ - 1}),
                  {step.x_hat[i], diff_y.memory, diff.memory});
    }
    return step.normalizations[i](builder, diff).memory;
  }

  // The products of the states with the gradients of the steps that they lead to.
  void backward_hidden_weights(Builder& builder, const States& states, const dnnl::memory& diff_z,
                               std::int64_t rows) const {
    const std::int64_t steps = states.before + steps_ - 1;
    if (steps == 0) return;
    const Desc desc = onednn::row_major_desc({steps * rows, units()});
    const auto step_bytes = static_cast<std::uint64_t>(rows * units()) * sizeof(float);
    Product(builder, parameters_, *hidden_weights_, nullptr, steps * rows, false)
        .backward_weights(builder, builder.part(states.all, desc, 0),
                          builder.part(diff_z, desc, static_cast<std::uint64_t>(1 - states.before) * step_bytes));
  }

  Parameters& parameters_;
  Elementwise function_;
  config::Activation kind_;
  bool reads_pixels_;
  std::int64_t steps_;
  float noise_;                       // standard deviation of h_0
  std::vector<std::uint32_t> order_;  // of the steps, where it is another than that of the image
  Parameter* input_weights_ = nullptr;
  Parameter* hidden_weights_ = nullptr;
  Parameter* bias_ = nullptr;
  std::vector<Term> terms_;  // W_h h + W_x x, or W_h h and W_x x; none without normalization
};

}  // namespace

std::unique_ptr<Layer> make_recurrent(const LayerContext& context, const config::Recurrent& spec, double negative_slope,
                                      const std::optional<StepNormalization>& normalization) {
  require_image(context, "recurrent");
  constexpr std::int64_t most_steps = 4096;  // each has calls of its own
  const std::int64_t pixels = context.src_shape[2] * context.src_shape[3];
  if (spec.reads == config::RecurrentReads::pixels && pixels > most_steps)
    throw ConfigError(fmt::format("network: {}: reads pixels: an image must have at most {} pixels, got {} of shape {}",
                                  context.name, most_steps, pixels, shape_text(context.src_shape)));
  return std::make_unique<RecurrentLayer>(context, spec, negative_slope, normalization);
}

}  // namespace bnlab::layers

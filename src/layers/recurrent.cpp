#include "layers/recurrent.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "layers/activation.h"
#include "layers/weights_diff.h"
#include "util/target_clones.h"

namespace bnlab::layers {
namespace {

namespace compat = onednn::compat;
using onednn::Desc;

float* floats(const dnnl::memory& memory) { return static_cast<float*>(memory.get_data_handle()); }

BNLAB_TARGET_CLONES
void scale_and_shift(const float* __restrict src, const float* __restrict gamma, const float* __restrict beta,
                     std::size_t rows, std::size_t units, float* __restrict dst) {
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t u = 0; u < units; ++u) dst[n * units + u] = gamma[u] * src[n * units + u] + beta[u];
}

// sum_gamma += sum_n diff * src, sum_beta += sum_n diff; diff *= gamma.
BNLAB_TARGET_CLONES
void scale_and_shift_backward(const float* __restrict src, const float* __restrict gamma, std::size_t rows,
                              std::size_t units, float* __restrict diff, double* __restrict sum_gamma,
                              double* __restrict sum_beta) {
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t u = 0; u < units; ++u) {
      const float d = diff[n * units + u];
      sum_gamma[u] += static_cast<double>(d) * static_cast<double>(src[n * units + u]);
      sum_beta[u] += static_cast<double>(d);
      diff[n * units + u] = gamma[u] * d;
    }
}

/// dst = gamma * src + beta; src and dst (N, units), row-major.
class AffineKernel : public onednn::Kernel {
 public:
  AffineKernel(dnnl::memory src, const Dims& shape, const Parameter& gamma, const Parameter& beta, dnnl::memory dst)
      : src_(std::move(src)),
        dst_(std::move(dst)),
        gamma_(gamma.value),
        beta_(beta.value),
        rows_(static_cast<std::size_t>(shape[0])),
        units_(static_cast<std::size_t>(shape[1])) {}
  void run() override { scale_and_shift(floats(src_), floats(gamma_), floats(beta_), rows_, units_, floats(dst_)); }

 private:
  dnnl::memory src_, dst_, gamma_, beta_;
  std::size_t rows_, units_;
};

/// Sums over the time steps of one backward run.
struct AffineSums {
  std::vector<double> gamma, beta;  // (units)
};

/// Turns d loss / d dst of AffineKernel into d loss / d src in place, and adds to the sums. The last step begins them
/// and the first, which comes last, writes them to the gradients.
class AffineBackwardKernel : public onednn::Kernel {
 public:
  AffineBackwardKernel(dnnl::memory src, const Dims& shape, const Parameter& gamma, const Parameter& beta,
                       dnnl::memory diff, std::shared_ptr<AffineSums> sums, bool is_first, bool is_last)
      : src_(std::move(src)),
        diff_(std::move(diff)),
        gamma_(gamma.value),
        diff_gamma_(gamma.diff),
        diff_beta_(beta.diff),
        rows_(static_cast<std::size_t>(shape[0])),
        units_(static_cast<std::size_t>(shape[1])),
        sums_(std::move(sums)),
        is_first_(is_first),
        is_last_(is_last) {}

  void run() override {
    if (is_last_) {
      std::fill(sums_->gamma.begin(), sums_->gamma.end(), 0.0);
      std::fill(sums_->beta.begin(), sums_->beta.end(), 0.0);
    }
    scale_and_shift_backward(floats(src_), floats(gamma_), rows_, units_, floats(diff_), sums_->gamma.data(),
                             sums_->beta.data());
    if (!is_first_) return;
    std::copy(sums_->gamma.begin(), sums_->gamma.end(), floats(diff_gamma_));
    std::copy(sums_->beta.begin(), sums_->beta.end(), floats(diff_beta_));
  }

 private:
  dnnl::memory src_, diff_, gamma_, diff_gamma_, diff_beta_;
  std::size_t rows_, units_;
  std::shared_ptr<AffineSums> sums_;
  bool is_first_, is_last_;
};

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
        steps_(context.src_shape[2]) {
    declare_weights(spec);
    if (!normalization || !normalization->replaces_bias)
      bias_ = &parameters_.declare({.name = name() + ".bias", .kind = ParameterKind::bias, .shape = {units()}});
    if (!normalization) return;
    if (normalization->is_affine) {
      gamma_ = &parameters_.declare({.name = normalization->site + ".gamma",
                                     .kind = ParameterKind::gamma,
                                     .shape = {units()},
                                     .initial_value = normalization->initial_gamma,
                                     .is_drawn = normalization->draws_gamma});
      beta_ = &parameters_.declare({.name = normalization->site + ".beta",
                                    .kind = ParameterKind::beta,
                                    .shape = {units()},
                                    .initial_value = normalization->initial_beta});
    }
    normalizations_ = normalization->make(steps_, units(), gamma_, beta_);
  }

  std::optional<config::Activation> activation() const override { return kind_; }

  /// The normalization of the first step represents all.
  std::vector<const Layer*> parts() const override {
    if (normalizations_.empty()) return {};
    return {normalizations_.front().get()};
  }

  Forward build(Builder& builder, const Tensor& src) override {
    const std::int64_t rows = src.shape[0];
    const Product input(builder, parameters_, *input_weights_, bias_, steps_ * rows, false);
    const Product hidden(builder, parameters_, *hidden_weights_, nullptr, rows, true);
    for (Parameter* parameter : {gamma_, beta_})
      if (parameter) parameters_.lay_out(*parameter, onednn::row_major_desc(parameter->shape));

    const Desc by_step = rows_first(src.shape);
    const dnnl::memory x = builder.view(builder.reorder_to(src.memory, by_step),
                                        onednn::row_major_desc({steps_ * rows, input_weights_->shape[1]}));
    const dnnl::memory z = builder.allocate(onednn::row_major_desc({steps_ * rows, units()}));
    const dnnl::memory h = builder.allocate(onednn::row_major_desc({steps_ * rows, units()}));
    input.forward(builder, x, z);
    std::vector<Step> steps;
    for (std::int64_t t = 0; t < steps_; ++t) {
      if (t > 0) hidden.forward(builder, steps.back().h, step_of(builder, z, t, rows));
      steps.push_back(build_step(builder, t, step_of(builder, z, t, rows), step_of(builder, h, t, rows)));
    }
    const Tensor dst{steps.back().h, {rows, units()}, true};
    builder.observe("input", {steps.back().y, dst.shape, true});
    builder.observe("output", dst);
    if (!builder.has_backward()) return {dst, {}};
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              const dnnl::memory diff_z = backward_through_time(b, hidden, steps, diff_dst);
              input.backward_weights(b, x, diff_z);
              if (steps_ > 1) backward_hidden_weights(b, h, diff_z, rows);
              if (!src.needs_diff) return Tensor{};
              const dnnl::memory diff_x = input.backward_data(b, input.weights_for_backward_data(b), diff_z);
              return Tensor{b.view(diff_x, by_step), src.shape, true};
            }};
  }

 private:
  /// What the backward pass needs of one time step; all (N, units), row-major.
  struct Step {
    dnnl::memory x_hat;  // normalized, before gamma and beta; empty without normalization
    dnnl::memory y;      // before f
    dnnl::memory h;      // f(y)
    Backward normalization;
  };

  std::int64_t units() const { return dst_shape()[1]; }

  void declare_weights(const config::Recurrent& spec) {
    const std::int64_t inputs = src_shape()[1] * src_shape()[3];
    input_weights_ = &parameters_.declare(
        {.name = name() + ".input_weights", .shape = {units(), inputs}, .fan_in = inputs, .fan_out = units()});
    hidden_weights_ = &parameters_.declare({.name = name() + ".hidden_weights",
                                            .shape = {units(), units()},
                                            .fan_in = units(),
                                            .fan_out = units(),
                                            .scheme = scheme_of(spec.start)});
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

  /// (N, C, H, W) with the rows of one time step side by side: step, image, channel, column.
  static Desc rows_first(const Dims& shape) {
    const std::int64_t values = shape[1] * shape[3];  // of one step of one image
    return Desc(shape, dnnl::memory::data_type::f32, Dims{values, shape[3], shape[0] * values, 1});
  }

  // The part of a (T * N, units) memory that belongs to step t, from 0, under `dims` of N * units values.
  dnnl::memory step_of(Builder& builder, const dnnl::memory& all, std::int64_t t, const Dims& dims) const {
    const auto bytes = static_cast<std::uint64_t>(dims[0] * units()) * sizeof(float);
    return builder.part(all, onednn::row_major_desc(dims), static_cast<std::uint64_t>(t) * bytes);
  }
  dnnl::memory step_of(Builder& builder, const dnnl::memory& all, std::int64_t t, std::int64_t rows) const {
    return step_of(builder, all, t, Dims{rows, units()});
  }

  Step build_step(Builder& builder, std::int64_t t, const dnnl::memory& z, const dnnl::memory& h) {
    const Dims shape = compat::dims_of(h.get_desc());
    Step step{{}, z, h, {}};
    if (!normalizations_.empty()) {
      Layer& normalization = *normalizations_[static_cast<std::size_t>(t)];
      builder.enter(normalizations_.front()->name());
      const Forward normalized = normalization.build(builder, {z, shape, true});
      step.x_hat = builder.row_major(normalized.dst);
      step.y = step.x_hat;
      step.normalization = normalized.backward;
    }
    if (gamma_) {
      step.y = builder.allocate(onednn::row_major_desc(shape));
      builder.add("scale_shift", std::make_unique<AffineKernel>(step.x_hat, shape, *gamma_, *beta_, step.y),
                  {step.x_hat, step.y});
    }
    builder.enter(name());
    function_.forward(builder, step.y, h);
    return step;
  }

  // d loss / d (W_h h + W_x x) of all steps, (T * N, units).
  dnnl::memory backward_through_time(Builder& builder, const Product& hidden, const std::vector<Step>& steps,
                                     const Tensor& diff_dst) const {
    const std::int64_t rows = diff_dst.shape[0];
    const dnnl::memory diff_z = builder.allocate(onednn::row_major_desc({steps_ * rows, units()}));
    const auto sums = std::make_shared<AffineSums>();
    sums->gamma.resize(static_cast<std::size_t>(units()));
    sums->beta.resize(static_cast<std::size_t>(units()));
    const dnnl::memory weights = steps_ > 1 ? hidden.weights_for_backward_data(builder) : dnnl::memory();
    dnnl::memory diff_h = builder.row_major(diff_dst);
    for (std::int64_t t = steps_ - 1; t >= 0; --t) {
      const Step& step = steps[static_cast<std::size_t>(t)];
      const dnnl::memory diff_step = step_of(builder, diff_z, t, rows);
      if (normalizations_.empty()) {
        function_.backward(builder, step.y, step.h, diff_h, diff_step);
      } else {
        const Tensor diff_y{builder.allocate(onednn::row_major_desc(diff_dst.shape)), diff_dst.shape, true};
        function_.backward(builder, step.y, step.h, diff_h, diff_y.memory);
        builder.enter(normalizations_.front()->name());
        if (gamma_)
          builder.add("backward_scale_shift",
                      std::make_unique<AffineBackwardKernel>(step.x_hat, diff_dst.shape, *gamma_, *beta_, diff_y.memory,
                                                             sums, t == 0, t == steps_ - 1),
                      {step.x_hat, diff_y.memory});
        const dnnl::memory diff = step.normalization(builder, diff_y).memory;
        builder.copy(diff, step_of(builder, diff_z, t, compat::dims_of(diff.get_desc())));
        builder.enter(name());
      }
      if (t > 0) diff_h = hidden.backward_data(builder, weights, diff_step);
    }
    return diff_z;
  }

  // The products of h_1 ... h_{T-1} with the gradients of steps 2 ... T.
  void backward_hidden_weights(Builder& builder, const dnnl::memory& h, const dnnl::memory& diff_z,
                               std::int64_t rows) const {
    const Desc desc = onednn::row_major_desc({(steps_ - 1) * rows, units()});
    const auto offset = static_cast<std::uint64_t>(rows * units()) * sizeof(float);
    Product(builder, parameters_, *hidden_weights_, nullptr, (steps_ - 1) * rows, false)
        .backward_weights(builder, builder.part(h, desc, 0), builder.part(diff_z, desc, offset));
  }

  Parameters& parameters_;
  Elementwise function_;
  config::Activation kind_;
  std::int64_t steps_;
  Parameter* input_weights_ = nullptr;
  Parameter* hidden_weights_ = nullptr;
  Parameter* bias_ = nullptr;
  Parameter* gamma_ = nullptr;
  Parameter* beta_ = nullptr;
  LayerList normalizations_;  // one for each step, or none
};

}  // namespace

std::unique_ptr<Layer> make_recurrent(const LayerContext& context, const config::Recurrent& spec, double negative_slope,
                                      const std::optional<StepNormalization>& normalization) {
  require_image(context, "recurrent");
  return std::make_unique<RecurrentLayer>(context, spec, negative_slope, normalization);
}

}  // namespace bnlab::layers

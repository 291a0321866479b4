#pragma once
// Trainable parameters: names, shapes, and one contiguous block of memory each for values and gradients.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "onednn/builder.h"
#include "util/memory.h"

namespace bnlab::layers {

enum class ParameterKind { weights, bias, gamma, beta, scalar };

/// What a layer says of a parameter when it is made.
struct Declaration {
  std::string name;  // "conv1.weights"
  ParameterKind kind = ParameterKind::weights;
  onednn::Dims shape;        // as it is written to files: (O, I), (O, I/groups, kh, kw), (C)
  std::int64_t fan_in = 1;   // inputs of one unit, of a bias too
  std::int64_t fan_out = 1;  // outputs that one input reaches
  double initial_value = 0;  // of a bias, gamma, beta or scalar
  bool is_drawn = false;     // each of its values uniformly between 0 and initial_value
  std::optional<config::InitializationScheme> scheme{};  // of weights, in place of the config's

  std::int64_t count() const;
};

/// One trainable array. Values are f32 in the layout that oneDNN chose for the training program; the gradient has the
/// same layout. A program in bf16 makes a copy for its primitives in each run. Padding in the layout is zero and stays
/// zero.
struct Parameter {
  std::string name;  // "conv1.weights"
  ParameterKind kind = ParameterKind::weights;
  onednn::Dims shape;
  dnnl::memory value{};  // set by Parameters::lay_out
  dnnl::memory diff{};   // d loss / d value

  std::int64_t count() const;
  bool laid_out() const { return static_cast<bool>(value); }
  /// The layout to ask oneDNN for, with dimensions `dims`: in f32 the one that is fixed already, so that calls read the
  /// values themselves; else any.
  onednn::Desc layout(const onednn::Builder& builder, const onednn::Dims& dims) const {
    return laid_out() && builder.type() == onednn::DataType::f32 ? value.get_desc() : builder.any(dims);
  }
  /// The parameter's values, or its gradient, in C order of `shape`.
  std::vector<float> row_major_value() const { return row_major(static_cast<const float*>(value.get_data_handle())); }
  std::vector<float> row_major_diff() const { return row_major(static_cast<const float*>(diff.get_data_handle())); }
  /// Requires values.size() == count().
  void set_row_major_value(std::span<const float> values) {
    set_row_major(static_cast<float*>(value.get_data_handle()), values);
  }
  /// The same for any array that lies as the parameter does, such as an optimizer's velocity.
  std::vector<float> row_major(const float* laid_out_values) const;
  void set_row_major(float* laid_out_values, std::span<const float> values) const;
};

/// One piece of the contiguous block, for the optimizer.
struct Segment {
  const Parameter* parameter;
  std::size_t offset;  // floats from the start of the block
  std::size_t length;  // floats, layout padding included
};

/// All parameters of a network, in network order. Owns their memory.
class Parameters {
 public:
  explicit Parameters(const dnnl::engine& engine) : engine_(engine) {}

  /// A reference that stays valid. Throws std::logic_error for a name that was declared before.
  Parameter& declare(Declaration declaration);
  /// Fixes the layout; does nothing when it is fixed already.
  void lay_out(Parameter& parameter, const onednn::Desc& desc);
  /// Of all values, and as many of all gradients; known once the training program is built.
  std::uint64_t bytes() const;
  /// Gives all laid-out parameters their memory, zeros. Call once, after the training program is built.
  void allocate();

  std::span<const std::unique_ptr<Parameter>> all() const { return parameters_; }
  /// Of each parameter in all().
  std::span<const Declaration> declarations() const { return declarations_; }
  std::span<float> values() { return {static_cast<float*>(values_.get()), floats_}; }
  std::span<float> diffs() { return {static_cast<float*>(diffs_.get()), floats_}; }
  const std::vector<Segment>& segments() const { return segments_; }

 private:
  dnnl::engine engine_;
  std::vector<Declaration> declarations_;
  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::vector<Segment> segments_;
  ZeroedMemory values_;
  ZeroedMemory diffs_;
  std::size_t floats_ = 0;
};

}  // namespace bnlab::layers

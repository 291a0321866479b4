#pragma once
// Runs one layer by itself, from a given input and a given gradient of its output, and compares with references.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "layers/layer.h"
#include "reference/reference.h"

namespace bnlab::layer_testing {

using reference::Array;
using reference::Shape;

/// f32 against double precision, of the largest reference value.
inline constexpr double tolerance = 1e-5;

/// Expects max |actual - expected| <= allowed * max |expected|. The error also goes to the XML report, under `what`.
inline void expect_close(const Array& actual, const Array& expected, const std::string& what,
                         double allowed = tolerance) {
  ASSERT_EQ(actual.shape, expected.shape) << what;
  const double error = reference::max_relative_error(actual, expected);
  ::testing::Test::RecordProperty(what, std::to_string(error * 1e6) + "e-6");
  EXPECT_LE(error, allowed) << what << " " << reference::to_string(expected.shape);
}

inline float* floats_of(const dnnl::memory& memory) { return static_cast<float*>(memory.get_data_handle()); }

inline void write(const dnnl::memory& memory, const Array& values) {
  const std::vector<float> floats = reference::to_floats(values);
  std::copy(floats.begin(), floats.end(), floats_of(memory));
}

inline Array read(const dnnl::memory& memory, const Shape& shape) {
  return reference::from_floats(shape, {floats_of(memory), static_cast<std::size_t>(reference::volume(shape))});
}

/// How tensors reach the layer: as row-major NCHW, in blocks of 16 or 8 channels, padded where they don't fill
/// one, or with the channels last.
enum class Layout { row_major, blocked, blocked_by_8, channels_last };

inline onednn::Desc desc_of(const Shape& shape, Layout layout, onednn::DataType type = onednn::DataType::f32) {
  if (layout == Layout::row_major || shape.size() != 4) return onednn::row_major_desc(shape, type);
  using Tag = dnnl::memory::format_tag;
  const Tag tag = layout == Layout::blocked ? Tag::nChw16c : layout == Layout::blocked_by_8 ? Tag::nChw8c : Tag::nhwc;
  return onednn::Desc(shape, type, tag);
}

using MakeLayer = std::function<std::unique_ptr<layers::Layer>(const layers::LayerContext&)>;
using Values = std::map<std::string, Array>;  // "weights", ...

/// A training program of one layer called "layer1", with its parameters.
class LayerRun {
 public:
  /// Shapes with the batch. Requires that the layer has a backward pass. `state` outlives the run; null: one of its
  /// own. `type`: of the program; values come and go as f32.
  LayerRun(const MakeLayer& make, Shape src_shape, Layout layout, onednn::Mode mode = onednn::Mode::train,
           const onednn::RunState* state = nullptr, onednn::DataType type = onednn::DataType::f32)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_), parameters_(engine_), src_shape_(std::move(src_shape)) {
    Shape one = src_shape_;
    one[0] = 1;
    layer_ = make({"layer1", one, parameters_});
    onednn::Builder builder(engine_, mode, state, type);
    builder.enter("layer1");
    src_ = builder.allocate_kept(onednn::row_major_desc(src_shape_));
    const layers::Forward forward =
        layer_->build(builder, {builder.reorder_to(src_, desc_of(src_shape_, layout, type)), src_shape_, true});
    dst_shape_ = forward.dst.shape;
    dst_ = builder.row_major(forward.dst);
    builder.keep(dst_);
    builder.begin_backward();
    diff_dst_ = builder.allocate_kept(onednn::row_major_desc(dst_shape_));
    const layers::Tensor diff_src =
        forward.backward(builder, {builder.reorder_to(diff_dst_, desc_of(dst_shape_, layout, type)), dst_shape_, true});
    diff_src_ = builder.row_major(diff_src);
    builder.keep(diff_src_);
    parameters_.allocate();
    program_ = builder.finish();
  }

  const Shape& dst_shape() const { return dst_shape_; }
  layers::Parameters& parameters() { return parameters_; }
  void set(const std::string& name, const Array& value) {
    parameter(name).set_row_major_value(reference::to_floats(value));
  }
  /// Values of all parameters, uniform in [low, 1).
  Values randomize(std::mt19937_64& generator, double low = -1.0) {
    Values values;
    for (const auto& parameter : parameters_.all()) {
      const Array value = reference::random_uniform(parameter->shape, generator, low, 1.0);
      values[parameter->name.substr(parameter->name.find('.') + 1)] = value;
      parameter->set_row_major_value(reference::to_floats(value));
    }
    return values;
  }

  Array forward(const Array& src) {
    write(src_, src);
    program_.run_forward(stream_);
    return read(dst_, dst_shape_);
  }
  /// The gradient of src; those of the parameters are in diff().
  Array backward(const Array& diff_dst) {
    write(diff_dst_, diff_dst);
    program_.run_backward(stream_);
    return read(diff_src_, src_shape_);
  }
  Array diff(const std::string& name) {
    return reference::from_floats(parameter(name).shape, parameter(name).row_major_diff());
  }

 private:
  layers::Parameter& parameter(const std::string& name) {
    for (const auto& parameter : parameters_.all())
      if (parameter->name == "layer1." + name) return *parameter;
    throw std::invalid_argument("no parameter " + name);
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  layers::Parameters parameters_;
  std::unique_ptr<layers::Layer> layer_;
  Shape src_shape_;
  Shape dst_shape_;
  dnnl::memory src_;
  dnnl::memory dst_;
  dnnl::memory diff_dst_;
  dnnl::memory diff_src_;
  onednn::Program program_;
};

/// A random array in [-1, 1).
inline Array random_array(const Shape& shape, std::mt19937_64& generator) {
  return reference::random_uniform(shape, generator, -1.0, 1.0);
}

}  // namespace bnlab::layer_testing

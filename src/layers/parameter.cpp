#include "layers/parameter.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <numeric>
#include <stdexcept>

namespace bnlab::layers {
namespace {

constexpr std::size_t floats_per_line = 16;

/// The floats of a parameter, layout padding included, rounded up to a whole cache line.
std::size_t floats_of(const Parameter& parameter) {
  const std::size_t floats = parameter.value.get_desc().get_size() / sizeof(float);
  return (floats + floats_per_line - 1) / floats_per_line * floats_per_line;
}

std::int64_t number_of_values(const onednn::Dims& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

void reorder(dnnl::memory src, dnnl::memory dst) {
  dnnl::stream stream(src.get_engine());
  dnnl::reorder(src, dst).execute(stream, src, dst);
  stream.wait();
}

}  // namespace

std::int64_t Declaration::count() const { return number_of_values(shape); }

std::int64_t Parameter::count() const { return number_of_values(shape); }

std::vector<float> Parameter::row_major(const float* laid_out_values) const {
  std::vector<float> values(static_cast<std::size_t>(count()));
  const dnnl::engine engine = value.get_engine();
  const onednn::Desc desc = value.get_desc();
  const onednn::Desc row_major = onednn::row_major_desc(onednn::compat::dims_of(desc));
  // The source is read only.
  reorder(dnnl::memory(desc, engine, const_cast<float*>(laid_out_values)),
          dnnl::memory(row_major, engine, values.data()));
  return values;
}

void Parameter::set_row_major(float* laid_out_values, std::span<const float> values) const {
  if (static_cast<std::int64_t>(values.size()) != count()) throw std::logic_error(name + ": wrong number of values");
  const dnnl::engine engine = value.get_engine();
  const onednn::Desc desc = value.get_desc();
  const onednn::Desc row_major = onednn::row_major_desc(onednn::compat::dims_of(desc));
  reorder(dnnl::memory(row_major, engine, const_cast<float*>(values.data())),
          dnnl::memory(desc, engine, laid_out_values));
}

Parameter& Parameters::declare(Declaration declaration) {
  for (const Declaration& other : declarations_)
    if (other.name == declaration.name) throw std::logic_error("parameter " + other.name + " is declared twice");
  parameters_.push_back(std::make_unique<Parameter>(
      Parameter{.name = declaration.name, .kind = declaration.kind, .shape = declaration.shape}));
  declarations_.push_back(std::move(declaration));
  return *parameters_.back();
}

void Parameters::lay_out(Parameter& parameter, const onednn::Desc& desc) {
  if (parameter.laid_out()) return;
  parameter.value = dnnl::memory(desc, engine_, DNNL_MEMORY_NONE);
  parameter.diff = dnnl::memory(desc, engine_, DNNL_MEMORY_NONE);
}

std::uint64_t Parameters::bytes() const {
  std::uint64_t floats = 0;
  for (const auto& parameter : parameters_) floats += floats_of(*parameter);
  return floats * sizeof(float);
}

void Parameters::allocate() {
  for (const auto& parameter : parameters_) {
    segments_.push_back({parameter.get(), floats_, floats_of(*parameter)});
    floats_ += segments_.back().length;
  }
  values_ = zeroed_memory(floats_ * sizeof(float), Backing::at_once);
  diffs_ = zeroed_memory(floats_ * sizeof(float), Backing::at_once);
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    parameters_[i]->value.set_data_handle(values().data() + segments_[i].offset);
    parameters_[i]->diff.set_data_handle(diffs().data() + segments_[i].offset);
  }
}

}  // namespace bnlab::layers

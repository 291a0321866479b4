#include "onednn/builder.h"

#include <algorithm>
#include <stdexcept>

#include "util/memory.h"

namespace bnlab::onednn {
namespace {

constexpr std::uint64_t alignment = 64;

std::uint64_t rounded_up(std::uint64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

dnnl::memory without_handle(const Desc& desc, const dnnl::engine& engine) {
  return dnnl::memory(desc, engine, DNNL_MEMORY_NONE);
}

}  // namespace

Desc row_major_desc(const Dims& dims, DataType type) {
  Dims strides(dims.size());
  dnnl::memory::dim stride = 1;
  for (std::size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= dims[i];
  }
  return Desc(dims, type, strides);
}

Desc any_desc(const Dims& dims, DataType type) { return Desc(dims, type, dnnl::memory::format_tag::any); }

bool is_padded(const Desc& desc) { return compat::dims_of(desc) != compat::padded_dims_of(desc); }

Builder::Builder(const dnnl::engine& engine, Mode mode, const RunState* state, DataType type)
    : engine_(engine), mode_(mode), type_(type), state_(state) {
  static const RunState unchanged;
  if (!state_) state_ = &unchanged;
  attributes_.set_scratchpad_mode(dnnl::scratchpad_mode::user);
}

dnnl::memory Builder::allocate(const Desc& desc) {
  dnnl::memory memory = without_handle(desc, engine_);
  Buffer buffer;
  buffer.bytes = std::max<std::uint64_t>(desc.get_size(), 1);
  buffer.parts.push_back({memory, 0});
  place_of_[memory.get()] = {buffers_.size(), 0};
  buffers_.push_back(std::move(buffer));
  return memory;
}

dnnl::memory Builder::allocate_kept(const Desc& desc) {
  dnnl::memory memory = allocate(desc);
  keep(memory);
  return memory;
}

void Builder::keep(const dnnl::memory& memory) {
  if (const auto found = place_of_.find(memory.get()); found != place_of_.end())
    buffers_[found->second.buffer].kept = true;
}

dnnl::memory Builder::view(const dnnl::memory& memory, const Desc& desc) {
  if (memory.get_desc() == desc) return memory;
  if (memory.get_desc().get_size() != desc.get_size()) throw std::logic_error("a view must keep the size");
  return part(memory, desc, 0);
}

dnnl::memory Builder::part(const dnnl::memory& memory, const Desc& desc, std::uint64_t offset) {
  if (offset + desc.get_size() > memory.get_desc().get_size()) throw std::logic_error("a part must lie in the whole");
  return at(memory, desc, offset);
}

dnnl::memory Builder::at(const dnnl::memory& memory, const Desc& desc, std::uint64_t offset) {
  const auto found = place_of_.find(memory.get());
  if (found == place_of_.end())
    return dnnl::memory(desc, engine_, static_cast<std::uint8_t*>(memory.get_data_handle()) + offset);
  dnnl::memory other = without_handle(desc, engine_);
  const Place place{found->second.buffer, found->second.offset + offset};
  place_of_[other.get()] = place;
  buffers_[place.buffer].parts.push_back({other, place.offset});
  return other;
}

Desc Builder::any(const Dims& dims) const { return any_desc(dims, type_); }

dnnl::memory Builder::reorder_to(const dnnl::memory& memory, const Desc& desc) {
  if (memory.get_desc() == desc) return memory;
  const Dims from = compat::dims_of(memory.get_desc());
  const Dims to = compat::dims_of(desc);
  if (from != to) {
    // The narrower of the two types on the way: nothing is rounded twice.
    const bool is_f32 = compat::type_of(memory.get_desc()) == DataType::f32;
    const DataType type = is_f32 ? compat::type_of(desc) : compat::type_of(memory.get_desc());
    return reorder_to(view(reorder_to(memory, row_major_desc(from, type)), row_major_desc(to, type)), desc);
  }
  dnnl::memory dst = allocate(desc);
  copy(memory, dst);
  return dst;
}

void Builder::copy(const dnnl::memory& src, const dnnl::memory& dst) {
  const dnnl::reorder::primitive_desc pd(engine_, src.get_desc(), engine_, dst.get_desc(), attributes_);
  add("reorder", pd, dnnl::reorder(pd), {{DNNL_ARG_FROM, src}, {DNNL_ARG_TO, dst}});
}

void Builder::copy_from_part(const dnnl::memory& src, const Dims& offsets, const dnnl::memory& dst) {
  const Desc desc = src.get_desc().submemory_desc(compat::dims_of(dst.get_desc()), offsets);
  const dnnl::reorder::primitive_desc pd(engine_, desc, engine_, dst.get_desc(), attributes_);
  // The descriptor's own offset says where the part begins.
  add("reorder", pd, dnnl::reorder(pd), {{DNNL_ARG_FROM, at(src, desc, 0)}, {DNNL_ARG_TO, dst}});
}

dnnl::memory Builder::row_major(const Tensor& tensor) {
  return reorder_to(tensor.memory, row_major_desc(tensor.shape));
}

Tensor Builder::in_f32(const Tensor& tensor) {
  if (compat::type_of(tensor.memory.get_desc()) == DataType::f32) return tensor;
  return {row_major(tensor), tensor.shape, tensor.needs_diff};
}

void Builder::touch(const dnnl::memory& memory) {
  const auto found = place_of_.find(memory.get());
  if (found == place_of_.end()) return;  // a parameter or another memory that the program does not own
  Buffer& buffer = buffers_[found->second.buffer];
  const std::size_t now = program_.calls_.size();
  if (!buffer.used) buffer.first = now;
  buffer.used = true;
  buffer.last = now;
}

void Builder::add_call(const char* operation, const char* implementation, const dnnl::primitive& primitive,
                       const std::vector<std::pair<int, dnnl::memory>>& arguments, const Desc& scratchpad,
                       double flop) {
  Program::Call call;
  call.primitive = primitive.get();
  for (const auto& [index, memory] : arguments) {
    if (!memory) continue;
    touch(memory);
    call.arguments.push_back({index, memory.get()});
    program_.memories_.push_back(memory);
  }
  if (const std::uint64_t bytes = scratchpad.get_size(); bytes > 0) {
    const dnnl::memory memory = without_handle(scratchpad, engine_);
    scratchpads_.push_back(program_.memories_.size());
    scratchpad_bytes_ = std::max(scratchpad_bytes_, bytes);
    call.arguments.push_back({DNNL_ARG_SCRATCHPAD, memory.get()});
    program_.memories_.push_back(memory);
  }
  program_.primitives_.push_back(primitive);
  program_.calls_.push_back(std::move(call));
  program_.info_.push_back({layer_, operation, implementation, flop});
}

void Builder::add(const char* operation, std::unique_ptr<Kernel> kernel, const std::vector<dnnl::memory>& uses) {
  for (const auto& memory : uses) touch(memory);
  Program::Call call;
  call.kernel = kernel.get();
  program_.kernels_.push_back(std::move(kernel));
  program_.calls_.push_back(std::move(call));
  program_.info_.push_back({layer_, operation, "bnlab", 0});
}

void Builder::observe(const char* tensor, const Tensor& value) {
  const bool observes = mode_ == Mode::observe || mode_ == Mode::observe_population;
  if (!observes || !watched_.contains(tensor)) return;
  const dnnl::memory memory = row_major(value);
  keep(memory);
  observations_.push_back({layer_, tensor, value.shape, memory});
}

// Greedy by size: the largest buffer first, each at the lowest place that no buffer alive at the same time occupies.
void Builder::place_buffers() {
  std::vector<Buffer*> order;
  for (Buffer& buffer : buffers_) {
    if (buffer.kept) {
      buffer.first = 0;
      buffer.last = program_.calls_.size();
    }
    order.push_back(&buffer);
  }
  std::stable_sort(order.begin(), order.end(), [](const Buffer* a, const Buffer* b) { return a->bytes > b->bytes; });
  std::vector<const Buffer*> placed;  // sorted by offset
  std::uint64_t end = rounded_up(scratchpad_bytes_);
  for (Buffer* buffer : order) {
    std::uint64_t offset = rounded_up(scratchpad_bytes_);
    for (const Buffer* other : placed) {
      if (other->last < buffer->first || buffer->last < other->first) continue;
      if (offset + buffer->bytes <= other->offset) break;
      offset = std::max(offset, rounded_up(other->offset + other->bytes));
    }
    buffer->offset = offset;
    end = std::max(end, offset + rounded_up(buffer->bytes));
    placed.insert(std::upper_bound(placed.begin(), placed.end(), buffer,
                                   [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; }),
                  buffer);
  }
  program_.arena_bytes_ = std::max(end, alignment);
}

Program Builder::finish(std::vector<MemoryUse> others) {
  place_buffers();
  others.push_back({"the outputs of the layers and their gradients", program_.arena_bytes_});
  require_memory(others);
  // Evaluation may come much later than the first step of training, which does not wait for its memory.
  program_.arena_ = zeroed_memory(program_.arena_bytes_, has_backward() ? Backing::at_once : Backing::when_touched);
  auto* base = static_cast<std::uint8_t*>(program_.arena_.get());
  for (const Buffer& buffer : buffers_)
    for (const Part& part : buffer.parts) {
      dnnl::memory memory = part.memory;
      memory.set_data_handle(base + buffer.offset + part.offset);
      program_.memories_.push_back(memory);
    }
  for (const std::size_t i : scratchpads_) program_.memories_[i].set_data_handle(base);
  return std::move(program_);
}

}  // namespace bnlab::onednn

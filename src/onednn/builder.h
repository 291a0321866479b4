#pragma once
// The Builder puts a Program together: it allocates buffers, changes layouts where two calls disagree, and prepares
// calls.

#include <initializer_list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "onednn/program.h"

namespace bnlab::onednn {

using DataType = dnnl::memory::data_type;

/// A value on its way through the network. `shape` is what the network means: (N, C) or (N, C, H, W). The memory's
/// dimensions may have more parts than `shape` after a flatten, which moves no data. Its type is the program's or f32:
/// a layer takes either, and says by Builder::reorder_to or Builder::in_f32 which it needs.
struct Tensor {
  dnnl::memory memory;
  Dims shape;
  bool needs_diff = false;  // whether a parameter lies before it, so that a gradient is wanted
};

/// What a program is for.
enum class Mode {
  train,                // batch statistics, forward and backward
  observe,              // as train, but every tensor that a probe may read is kept and nothing is fused
  observe_population,   // as observe, with population statistics and without random draws, as in evaluation
  evaluate_population,  // population statistics, forward only
  evaluate_batch,       // batch statistics, forward only
};

/// Names of tensors that a program that observes keeps for probes. "input" and "output" are those of an activation
/// function, also of the one inside a recurrent layer. "src", "dst", "diff_src" and "diff_dst" are those of every
/// layer, the latter two where a gradient passes; "branch" is what a residual layer's body adds to its shortcut;
/// "diff_state" is the gradient of a recurrent layer's state, one for each time step, the last first.
using Watch = std::set<std::string>;
inline const Watch activations{"input", "output"};

/// A tensor that a probe may read from a program that observes, in row-major order.
struct Observation {
  std::string layer;
  std::string tensor;  // as in Watch
  Dims shape;          // (N, C) or (N, C, H, W)
  dnnl::memory memory;

  const float* data() const { return static_cast<const float*>(memory.get_data_handle()); }
};

class Builder {
 public:
  /// `state` outlives the program; null: a state of its own that stays as it is. `type`: f32 or bf16, of activations,
  /// of the gradients between layers, and of the weights that primitives read.
  Builder(const dnnl::engine& engine, Mode mode, const RunState* state = nullptr, DataType type = DataType::f32);
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;

  const dnnl::engine& engine() const { return engine_; }
  Mode mode() const { return mode_; }
  DataType type() const { return type_; }
  bool has_backward() const { return is_training() || mode_ == Mode::observe_population; }
  /// Whether layers do what they do in training alone: drop values, add noise, correct.
  bool is_training() const { return mode_ == Mode::train || mode_ == Mode::observe; }
  bool has_population_statistics() const {
    return mode_ == Mode::evaluate_population || mode_ == Mode::observe_population;
  }
  /// Whether neighbouring layers may be merged into one call.
  bool may_fuse() const { return mode_ == Mode::train || mode_ == Mode::evaluate_population; }
  dnnl::prop_kind prop_kind() const {
    return has_backward() ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  }
  /// What kernels may keep a reference to.
  const RunState& run_state() const { return *state_; }
  /// Attributes that every primitive is made with: the scratchpad is ours.
  const dnnl::primitive_attr& attributes() const { return attributes_; }

  /// Names the layer that the next calls belong to.
  void enter(std::string layer) { layer_ = std::move(layer); }
  const std::string& layer() const { return layer_; }
  void begin_backward() { program_.forward_end_ = program_.calls_.size(); }

  /// A buffer of the program; its bytes may be shared with buffers that live at other times.
  dnnl::memory allocate(const Desc& desc);
  /// A buffer whose content stays until the next run (input, outputs that are read from outside, statistics).
  dnnl::memory allocate_kept(const Desc& desc);
  /// Never share the buffer behind `memory`.
  void keep(const dnnl::memory& memory);
  /// The same bytes under another descriptor of equal size.
  dnnl::memory view(const dnnl::memory& memory, const Desc& desc);
  /// Some of the bytes of `memory`, from `offset` on, under another descriptor.
  dnnl::memory part(const dnnl::memory& memory, const Desc& desc, std::uint64_t offset);

  /// A descriptor in the program's type whose layout oneDNN chooses.
  Desc any(const Dims& dims) const;
  /// `memory` itself when it has the descriptor already, else a new buffer and a reorder to it, which changes layout
  /// and type. Where the dimensions differ, as after a flatten, the values keep their C order; the numbers of values
  /// must be equal.
  dnnl::memory reorder_to(const dnnl::memory& memory, const Desc& desc);
  /// Adds a reorder from `src` into `dst` when their descriptors differ; requires them to be different buffers.
  void copy(const dnnl::memory& src, const dnnl::memory& dst);
  /// Copies the part of `src` that begins at `offsets` and has the dimensions of `dst` into `dst`. Throws dnnl::error
  /// where the layout of `src` does not let that part be told apart.
  void copy_from_part(const dnnl::memory& src, const Dims& offsets, const dnnl::memory& dst);
  /// The tensor's memory in f32 and row-major order (N, C, ...), with exactly the dimensions of its shape.
  dnnl::memory row_major(const Tensor& tensor);
  /// For kernels that know f32 alone: the tensor itself, in any layout, where it is f32, else a row-major copy.
  Tensor in_f32(const Tensor& tensor);

  using Arguments = std::initializer_list<std::pair<int, dnnl::memory>>;
  /// Adds a primitive. Memories that are left out of a call (a bias that isn't there) are passed as empty and skipped.
  template <class PrimitiveDesc>
  void add(const char* operation, const PrimitiveDesc& pd, const dnnl::primitive& primitive, Arguments arguments,
           double flop = 0) {
    add_call(operation, pd.impl_info_str(), primitive, {arguments.begin(), arguments.end()}, pd.scratchpad_desc(),
             flop);
  }
  /// Adds a primitive with a list of sources, such as concat.
  template <class PrimitiveDesc>
  void add_many(const char* operation, const PrimitiveDesc& pd, const dnnl::primitive& primitive,
                const std::vector<dnnl::memory>& srcs, const dnnl::memory& dst) {
    std::vector<std::pair<int, dnnl::memory>> arguments{{DNNL_ARG_DST, dst}};
    for (std::size_t i = 0; i < srcs.size(); ++i)
      arguments.emplace_back(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), srcs[i]);
    add_call(operation, pd.impl_info_str(), primitive, arguments, pd.scratchpad_desc(), 0);
  }
  /// Adds a kernel that reads and writes `uses`.
  void add(const char* operation, std::unique_ptr<Kernel> kernel, const std::vector<dnnl::memory>& uses);

  /// What observe() keeps.
  void watch(Watch tensors) { watched_ = std::move(tensors); }
  /// Lets probes read `value` where `tensor` is watched (in programs that observe; elsewhere it does nothing).
  void observe(const char* tensor, const Tensor& value);
  const std::vector<Observation>& observations() const { return observations_; }

  /// Gives every buffer its place and returns the program. Call once, last. Throws RunError where its memory, and
  /// `others` that the caller will take, are more than is left, before any is taken.
  Program finish(std::vector<MemoryUse> others = {});

 private:
  struct Part {
    dnnl::memory memory;
    std::uint64_t offset;  // from the start of the buffer
  };
  struct Buffer {
    std::uint64_t bytes = 0;
    std::size_t first = 0;  // calls between which the content is needed
    std::size_t last = 0;
    bool used = false;
    bool kept = false;
    std::uint64_t offset = 0;
    std::vector<Part> parts;
  };
  void add_call(const char* operation, const char* implementation, const dnnl::primitive& primitive,
                const std::vector<std::pair<int, dnnl::memory>>& arguments, const Desc& scratchpad, double flop);
  dnnl::memory at(const dnnl::memory& memory, const Desc& desc, std::uint64_t offset);
  void touch(const dnnl::memory& memory);
  void place_buffers();

  dnnl::engine engine_;
  Mode mode_;
  DataType type_;
  dnnl::primitive_attr attributes_;
  std::string layer_;
  Program program_;
  std::vector<Buffer> buffers_;
  struct Place {
    std::size_t buffer;
    std::uint64_t offset;
  };
  std::unordered_map<const void*, Place> place_of_;  // dnnl_memory_t -> where it lies
  const RunState* state_;
  std::vector<std::size_t> scratchpads_;  // indices into the program's memories
  std::uint64_t scratchpad_bytes_ = 0;
  Watch watched_ = activations;
  std::vector<Observation> observations_;
};

/// Row-major descriptor of 1 to 5 dimensions.
Desc row_major_desc(const Dims& dims, DataType type = DataType::f32);
/// Descriptor whose layout oneDNN chooses.
Desc any_desc(const Dims& dims, DataType type = DataType::f32);
/// Whether the padded dimensions are larger than the dimensions.
bool is_padded(const Desc& desc);

}  // namespace bnlab::onednn

#pragma once
// A Program is a flat list of prepared calls: oneDNN primitives with their argument arrays, and kernels of our own. It
// is put together once by a Builder; running it allocates nothing, makes no primitive and looks no string up.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "onednn/compat.h"
#include "util/memory.h"

namespace bnlab::onednn {

using Dims = compat::Dims;
using Desc = compat::Desc;

/// A kernel of our own between oneDNN's. `run` reads its memories' handles anew each time and must not allocate.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void run() = 0;
};

/// What `bnlab describe` and the profiler show of one call.
struct CallInfo {
  std::string layer;           // "conv1"
  std::string operation;       // "forward", "backward_data", "reorder", ...
  std::string implementation;  // oneDNN's name for it, or "bnlab"
  double flop = 0;  // of dense and convolution calls, as if windows did not end at the image's border; else 0
};

/// What the kernels of a program read anew at each run.
struct RunState {
  std::uint64_t seed = 1;
  std::int64_t step = 1;   // of training, from 1
  std::int64_t steps = 1;  // of the whole run
  std::int64_t draw = 1;   // what dropout and noise draw from: the step, or where it has several batches, their number
};

class Program {
 public:
  Program() = default;
  Program(Program&&) = default;
  Program& operator=(Program&&) = default;

  /// Runs the calls added before `Builder::begin_backward`.
  void run_forward(const dnnl::stream& stream) const { run(stream, 0, forward_end_); }
  /// Runs the rest. Requires run_forward on the same data before.
  void run_backward(const dnnl::stream& stream) const { run(stream, forward_end_, calls_.size()); }

  /// Runs all calls and writes how long each took, in seconds, to `seconds`, which has a place for each.
  void run_timed(const dnnl::stream& stream, std::span<double> seconds) const;

  const std::vector<CallInfo>& calls() const { return info_; }
  /// Bytes of the buffers that the calls share.
  std::uint64_t arena_bytes() const { return arena_bytes_; }

 private:
  friend class Builder;
  struct Call {
    dnnl_primitive_t primitive = nullptr;  // null: `kernel`
    std::vector<dnnl_exec_arg_t> arguments;
    Kernel* kernel = nullptr;
  };
  void run(const dnnl::stream& stream, std::size_t first, std::size_t last) const;
  void run_call(dnnl_stream_t stream, std::size_t i) const;

  std::vector<Call> calls_;
  std::vector<CallInfo> info_;
  std::size_t forward_end_ = 0;
  // What the calls point to; the program owns it.
  std::vector<dnnl::primitive> primitives_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  std::vector<dnnl::memory> memories_;
  ZeroedMemory arena_;
  std::uint64_t arena_bytes_ = 0;
};

}  // namespace bnlab::onednn

#pragma once
// The kernels of a recurrent layer. All memories are f32 and row-major.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "layers/parameter.h"
#include "onednn/program.h"

namespace bnlab::layers {

/// dst = gamma * src + beta, or without beta dst += gamma * src; src and dst (N, units).
std::unique_ptr<onednn::Kernel> affine_kernel(const dnnl::memory& src, const Parameter& gamma, const Parameter* beta,
                                              const dnnl::memory& dst);

/// Sums over the time steps of one backward run.
struct AffineSums {
  explicit AffineSums(std::size_t units) : gamma(units), beta(units) {}
  std::vector<double> gamma, beta;  // (units)
};

/// The place of a step among those of a layer.
struct StepPlace {
  bool is_first = false;
  bool is_last = false;
};

/// Turns d loss / d dst of affine_kernel(), `diff_dst`, into d loss / d src, and adds to the sums: with beta in place,
/// where diff_src must be diff_dst, without beta into another memory. The last step begins the sums, and the first,
/// which comes last, writes them to the gradients of gamma and beta.
std::unique_ptr<onednn::Kernel> affine_backward_kernel(const dnnl::memory& src, const Parameter& gamma,
                                                       const Parameter* beta, const dnnl::memory& diff_dst,
                                                       const dnnl::memory& diff_src, std::shared_ptr<AffineSums> sums,
                                                       StepPlace place);

/// gather: block t of dst is block order[t] of src; scatter: the reverse. A memory is order.size() blocks of equal
/// size, and `order` outlives the kernel.
enum class PermutationKind { gather, scatter };
std::unique_ptr<onednn::Kernel> permutation_kernel(std::span<const std::uint32_t> order, PermutationKind kind,
                                                   const dnnl::memory& src, const dnnl::memory& dst);

/// Fills `state`, (N, units), with draws of N(0, std^2) of the run's seed and step from the stream of that name, or
/// with zeros for std 0.
std::unique_ptr<onednn::Kernel> initial_state_kernel(const std::string& stream, float std, const onednn::RunState& run,
                                                     const dnnl::memory& state);

}  // namespace bnlab::layers

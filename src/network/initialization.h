#pragma once
#include <cstdint>
#include <vector>

#include "config/run_config.h"
#include "layers/parameter.h"

namespace bnlab::network {

/// The place of a layer with weights among residual branches, for Fixup (Zhang et al. 2019).
struct BranchRole {
  int branches = 0;             // L: residual branches of the network
  int layers_in_branch = 0;     // m: layers with weights in its branch; 0: not in a branch
  bool last_in_branch = false;  // the last of them
  bool is_output = false;       // the last layer with weights of the network
};

/// The first value of a parameter, in C order of its shape. A layer's weights start as the last override that fits its
/// name says, else as `config` does, and in any case by `parameter.scheme` where that is set. With a weight matrix of
/// O = shape[0] rows:
///   gaussian    N(0, std^2)
///   uniform     U(-bound, bound)
///   xavier      variance 1 / fan, of the mean fan unless `fan` is set (Glorot & Bengio 2010, eq. 12 and 16)
///   he          variance 2 / fan, of the fan in unless `fan` is set (He et al. 2015, eq. 10); both normal or uniform
///   orthogonal  the Q of a Gaussian matrix A = Q R with a positive diagonal of R (Saxe et al. 2014): rows orthonormal,
///               or columns where there are fewer of them; the matrix is (O, all other dimensions)
///   identity    ones on the diagonal; of a convolution, at the centre of the window, in each group
///   pytorch     U(-b, b), b = 1 / sqrt(fan in)
///   fixup       he; in a residual branch times L^(-1 / (2m - 2)), L branches with m layers each; 0 in the last layer
///               of a branch and in the output (Zhang et al. 2019, 3.2)
/// times `gain`. Biases are constant, with `pytorch` drawn as the weights but without the gain; gamma and beta are
/// constant, but for a gamma whose declaration says that it is drawn. Depends on the seed, the parameter and its role
/// alone.
std::vector<float> initial_value(const layers::Declaration& parameter, const config::InitializationConfig& config,
                                 std::uint64_t seed, const BranchRole& role = {});

}  // namespace bnlab::network

#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// representations.csv: for the output of each layer, in network order, with the N images of one batch as N vectors h:
/// effective_rank tr(M)^2 / ||M||_F^2 of their Gram matrix M, from 1 where all lie on one line to N or the number of
/// values of an image, a lower bound of the rank (Daneshmand et al. 2020); and mean_cosine, over all pairs of images.
/// Both are nan where all values are 0; a pair with a zero vector has cosine 0.
std::unique_ptr<Probe> make_representations(const ProbeContext& context);

}  // namespace bnlab::probes

#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// representations.csv: for the output of each layer, in network order, with the N images of one batch as N vectors h:
/// effective_rank tr(M)^2 / ||M||_F^2 of their Gram matrix M, from 1 where all lie on one line to N or the number of
/// values of an image, a lower bound of the rank (Daneshmand et al. 2020); mean_cosine, over all pairs of images;
/// orthogonality_gap || M / ||M||_F - I / sqrt(N) ||_F, from 0 where all images are orthogonal and equally long to
/// sqrt(2 - 2 / sqrt(N)) where all lie on one line; and trace_gap || M / tr(M) - I / N ||_F, which is the orthogonality
/// gap of Daneshmand et al. 2021, equation 2. In exact arithmetic both gaps are functions of the effective rank r and
/// N: sqrt(2 - 2 sqrt(r / N)) and sqrt(1 / r - 1 / N). All are nan where all values are 0; a pair with a zero vector
/// has cosine 0. The mean cosine of one image is nan.
std::unique_ptr<Probe> make_representations(const ProbeContext& context);

}  // namespace bnlab::probes

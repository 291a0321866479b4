#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// recurrent_gradients.csv: for each recurrent layer and time step t, from 1, on one batch: gradient_norm ||dL/dh_t||
/// over the whole batch, of the state h_t through all later steps and the statistics of the batch, and relative, that
/// over ||dL/dh_T|| of the last step T (nan where it is 0). Cooijmans et al. 2016, figure 1.
std::unique_ptr<Probe> make_recurrent_gradients(const ProbeContext& context);

}  // namespace bnlab::probes

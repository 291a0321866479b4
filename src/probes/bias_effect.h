#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// bias_effect.csv: for each bias b, of the layer with weights w (of a recurrent layer those of its input), on one
/// batch: normalized ("yes" where a normalization comes right behind the layer), gradient_ratio, ||dL/db|| / ||dL/dw||,
/// and loss_change, the relative change of the loss where b moves by standard normal numbers, the same at each
/// measurement. Both are 0 behind batch normalization but for rounding (Ioffe & Szegedy 2015, 3.2). The bias is put
/// back.
std::unique_ptr<Probe> make_bias_effect(const ProbeContext& context);

}  // namespace bnlab::probes

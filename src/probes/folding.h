#pragma once
#include <memory>
#include <string>

#include "probes/probe.h"

namespace bnlab::probes {

/// folding.csv: the outputs y of the evaluated network, with running statistics, on one batch of training images, and
/// y' of the network without normalization, with its folded weights (network/fold.h):
///   step
///   size          max |y|
///   error         max |y - y'| / max |y|
///   batch_error   the same, with the outputs y of the network as in training, with the statistics of the batch
std::unique_ptr<Probe> make_folding(const ProbeContext& context);

/// Throws ConfigError where a normalization can't be folded.
void check_folding(const std::string& path, const config::RunConfig& run);

}  // namespace bnlab::probes

#pragma once
#include "config/run_config.h"
#include "data/dataset.h"
#include "data/scaler.h"
#include "network/network.h"

namespace bnlab::network {

/// Measures the statistics of the training data over normalization.precise_batches batches of training.batch_size
/// (Ioffe & Szegedy 2015, algorithm 2) and uses them as population statistics. The batches are the same at every call,
/// drawn apart from the order in which training visits them. `program`: one of `network` with Mode::evaluate_batch and
/// that batch size.
void measure_precise_statistics(Network& network, Executable& program, const data::Dataset& dataset,
                                const data::Scaler& scaler, const config::RunConfig& run);

}  // namespace bnlab::network

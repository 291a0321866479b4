#pragma once
// .npz: weights and checkpoints.

#include <memory>

#include "config/load.h"
#include "fuzz/support.h"
#include "training/checkpoint.h"
#include "util/npz.h"

namespace bnlab::fuzz {

/// A network of 17 parameters with batch normalization and Adam.
struct SmallState {
  SmallState() {
    const data::DatasetInfo info{.name = "mnist", .channels = 2, .height = 1, .width = 1, .classes = 3};
    const std::string text =
        R"({"dataset": {"name": "mnist"}, "network": {"name": "small", "layers": [{"flatten": {}}, )"
        R"({"dense_block": {"units": 2}}, {"dense": {"units": 3}}]}, "normalization": {"type": "batch"}, )"
        R"("optimizer": {"type": "adam"}, "training": {"batch_size": 2}})";
    const config::RunConfig run = config::parse(text, {}, ".", "small.json");
    network = std::make_unique<network::Network>(run, info, run.training.batch_size);
    optimizer = training::make_optimizer(run.optimizer, network->parameters(), 1);
  }
  std::unique_ptr<network::Network> network;
  std::unique_ptr<training::Optimizer> optimizer;
};

inline bool npz_target(Bytes bytes) {
  static const Folder folder;
  static SmallState state;
  const fs::path file = folder.write("checkpoint.npz", text_of(bytes));
  accepts([&] { state.network->set_weights(read_npz(file)); });
  return accepts([&] { training::load_checkpoint(file, *state.network, *state.optimizer); });
}

}  // namespace bnlab::fuzz

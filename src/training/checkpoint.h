#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "network/network.h"
#include "training/evaluation.h"
#include "training/optimizer.h"

namespace bnlab::training {

/// The progress of a run beside its parameters and its optimizer: all else follows from the config and the step.
struct Progress {
  std::int64_t step = 0;        // steps done
  double seconds = 0;           // of wall time, over all attempts
  double training_seconds = 0;  // of it, in steps that count for steps per second
  std::int64_t timed_steps = 0;
  std::int64_t threads = 1;  // a run is bit-equal with equal threads alone
  std::string dataset_sha256;
  std::string initial_weights_sha256;  // of the file that initialization.from names; empty: none
  std::uint64_t initial_weights_bytes = 0;
  // What it ran on: "sse41, then avx512_core" after it continued elsewhere.
  std::string instruction_set;
  std::string onednn;  // its version
  double last_loss = 0;
  double last_accuracy = 0;
  std::vector<EvaluationRow> evaluations;
  std::map<std::string, std::uint64_t> csv_bytes;  // length of each CSV file
};

/// Writes parameters, running statistics, optimizer state and progress to one .npz, atomically. Throws RunError.
void save_checkpoint(const std::filesystem::path& path, const network::Network& network, const Optimizer& optimizer,
                     const Progress& progress);

/// The first value of these that load_checkpoint() would not take, as Network::problem_of_state says it; "" where there
/// is none.
std::string problem_of_checkpoint(const network::Network& network, const Optimizer& optimizer);

/// The reverse. Throws DataError naming the file and what is wrong with it, also where a value is not finite.
Progress load_checkpoint(const std::filesystem::path& path, network::Network& network, Optimizer& optimizer);

}  // namespace bnlab::training

#pragma once
// Where the time of a training step goes.

#include <cstdint>
#include <vector>

#include "config/run_config.h"
#include "onednn/program.h"

namespace bnlab::training {

/// Medians over steps, in seconds.
struct StepProfile {
  struct Call {
    onednn::CallInfo info;
    double seconds = 0;
  };
  std::vector<Call> calls;  // forward, loss and backward, in the order in which they run
  double batch = 0;         // gathering and scaling of the images
  double update = 0;        // of parameters and running statistics
  double step = 0;          // a whole step, the clocks in between included
  double peak_flops = 0;    // of the config's precision, for these threads; 0: not known

  /// Sum of the calls.
  double in_calls() const;
};

/// Trains `steps` steps in which each call is timed, after some that warm up. Writes nothing. Probes, logging and
/// evaluations are left out. Throws as run() does.
StepProfile profile_steps(config::RunConfig config, int threads, std::int64_t steps);

}  // namespace bnlab::training

#pragma once
// A probe measures a run from outside: it reads, writes a CSV file of its own, and changes nothing.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"
#include "data/scaler.h"
#include "network/network.h"
#include "util/csv.h"

namespace bnlab::probes {

/// A probe looks at one or both moments of the steps at which it is due.
class Probe {
 public:
  virtual ~Probe() = default;
  /// After the backward pass of a step, before its update with `learning_rate`. Nothing may overwrite the gradients.
  virtual void gradients_ready(std::int64_t /*step*/, double /*learning_rate*/) {}
  /// After the update; also once before the first step, as step 0.
  virtual void step_done(std::int64_t /*step*/) {}
};

/// What a probe may look at; everything outlives it.
struct ProbeContext {
  network::Network& network;
  const data::Dataset& dataset;
  const data::Scaler& scaler;
  const config::RunConfig& run;
  /// Opens NAME.csv in the run's directory; the writer outlives the probe.
  std::function<CsvWriter&(const std::string& name, const std::vector<std::string>& columns)> open_csv;
};

/// Throws ConfigError where a probe asks for what the network doesn't have. Needs no data, so it can come before
/// anything is written.
void check(const config::RunConfig& run, const std::vector<network::LayerShape>& layers);

/// The factory, for a probe that check() let pass.
std::unique_ptr<Probe> make_probe(const config::ProbeConfig& config, const ProbeContext& context);

}  // namespace bnlab::probes

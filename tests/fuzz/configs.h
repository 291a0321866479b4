#pragma once
// JSON: configs, networks and experiments, as `bnlab validate` reads them.

#include <algorithm>

#include "config/effective.h"
#include "config/experiment.h"
#include "config/load.h"
#include "experiments/plan.h"
#include "fuzz/support.h"
#include "network/network.h"
#include "probes/probe.h"

namespace bnlab::fuzz {

inline void check_run(const config::RunConfig& run) {
  probes::check(run, network::check(run, data::dataset_info(run.dataset)));
}

inline bool config_target(Bytes bytes) {
  static const Folder folder;
  const fs::path configs = source_folder / "configs";
  return accepts([&] {
    const fs::path file = folder.write("network.json", text_of(bytes));
    if (config::is_network_file(file)) {
      config::load_network(file);
      return;
    }
    const config::RunConfig run = config::parse(text_of(bytes), {}, configs, "config.json");
    require_accepted("the resolved config is refused", [&] {
      if (config::parse(config::to_json(run), {}, configs, "resolved") != run)
        throw std::logic_error("the resolved config is another one");
    });
    check_run(run);
  });
}

/// How many configs a plan makes; 100,000 are allowed, which take minutes under the sanitizers.
inline std::size_t planned_runs(const config::ExperimentConfig& experiment) {
  std::size_t points = 0;
  for (const config::ArmConfig& arm : experiment.arms) {
    std::size_t of_arm = arm.zip.paths.empty() ? 1 : arm.zip.paths.front().second.size();
    for (const auto& [path, values] : arm.grid.paths) of_arm = std::min(of_arm * values.size(), std::size_t{1} << 20);
    points += of_arm;
  }
  return points * experiment.seeds.list.size();
}

inline bool experiment_target(Bytes bytes) {
  constexpr std::size_t most_runs = 50;
  return accepts([&] {
    config::ExperimentConfig experiment = config::parse_experiment(text_of(bytes), "experiment.json");
    require_accepted("the experiment that was written is refused", [&] {
      if (config::parse_experiment(config::to_json(experiment), "written") != experiment)
        throw std::logic_error("the experiment that was written is another one");
    });
    if (experiment.name.empty()) experiment.name = "experiment";
    for (const auto profile : {config::Profile::quick, config::Profile::full}) {
      const auto effective = config::effective(experiment, profile, {}, {}, source_folder / "experiments");
      if (planned_runs(effective) > most_runs) continue;
      for (const experiments::ArmPoint& point : experiments::make_plan(effective).points) check_run(point.config);
    }
  });
}

}  // namespace bnlab::fuzz

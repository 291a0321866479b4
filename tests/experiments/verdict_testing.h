#pragma once
// A sweep whose runs are written by hand.

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "experiments/experiment_testing.h"

namespace bnlab::experiments {

namespace fs = std::filesystem;
using test::ExperimentText;
using test::FakeRun;
using test::read_text;
using test::write_text;
using Json = nlohmann::ordered_json;

/// batch over none: 0.2 to 0.3 higher; a grid, and its best.
inline ExperimentText experiment() {
  ExperimentText text;
  text.arms = R"([{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch"},
      {"name": "g", "grid": {"optimizer.learning_rate": [0.5, 2]}},
      {"name": "best", "best_of": {"arm": "g", "quantity": "loss"}}])";
  text.seeds = "3";
  text.criteria = R"([{"name": "higher", "meaning": "ends higher", "type": "difference", "quantity": "accuracy",
        "arms": ["batch", "none"], "at_least": 0.05, "at_most": 0.95, "source": "ours"},
      {"name": "alike", "type": "equality", "quantity": "accuracy", "arms": ["best", "batch"], "within": 0.5, "source": "ours"},
      {"name": "slower", "type": "ratio", "quantity": "steps", "arms": ["none", "batch"]}])";
  return text;
}

/// Its grid has two rates, so that any choice is at its edge.
inline const char* const edge_of_best =
    "best points at the edge of their grid, beyond which better ones may lie: optimizer.learning_rate 2 is the largest "
    "of "
    "2 values (best)";

inline FakeRun run_of(const ArmPoint& point, std::uint64_t seed) {
  FakeRun run;
  const double noise = static_cast<double>(seed * seed) / 100;
  if (point.arm == "none")
    run.accuracies = {0.1, 0.2, 0.4 + noise};
  else
    run.accuracies = {0.1, 0.55, 0.65 + noise / 2};
  run.losses.back() = point.label == "g[learning_rate=2]" ? 1 : 2;
  return run;
}

/// A sweep's directory.
class Sweep {
 public:
  explicit Sweep(const ExperimentText& text = experiment()) : plan_(test::plan_of(text)) {
    write_text(folder_ / "experiment.json", config::to_json(plan_.experiment));
    for (const PlannedRun& run : plan_.runs) write(run, run_of(plan_.points[run.point], run.seed));
  }

  /// The run of a point and seed; the same directory may be another's too.
  const PlannedRun& run(const std::string& label, std::uint64_t seed) const {
    return *std::find_if(plan_.runs.begin(), plan_.runs.end(), [&](const PlannedRun& one) {
      return plan_.points[one.point].label == label && one.seed == seed;
    });
  }
  fs::path folder(const PlannedRun& run) const { return folder_.path() / "runs" / run.name; }
  void write(const PlannedRun& run, const FakeRun& fake) const { test::write_run(folder(run), fake, run.config); }

  ExperimentVerdict judge() const { return judge_directory(folder_.path()); }
  Json json() const { return Json::parse(read_text(folder_ / "verdict.json")); }
  fs::path operator/(const char* name) const { return folder_ / name; }
  const Plan& plan() const { return plan_; }
  const fs::path& path() const { return folder_.path(); }

 private:
  test::TemporaryFolder folder_;
  Plan plan_;
};

inline std::vector<std::string> keys_of(const Json& json) {
  std::vector<std::string> keys;
  for (const auto& member : json.items()) keys.push_back(member.key());
  return keys;
}

}  // namespace bnlab::experiments

#pragma once
// What the tests of experiments share: a small experiment as text, its plan, and directories of runs as training leaves
// them.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/effective.h"
#include "config/experiment.h"
#include "config/load.h"
#include "experiments/executor.h"
#include "experiments/plan.h"
#include "util/test_files.h"

namespace bnlab::test {

/// An experiment, each part on a line of its own: claim 2, source 3, base 4, arms 5, seeds 6, quantities 7, criteria 8,
/// what comes after from 9 on.
struct ExperimentText {
  std::string base =
      R"({"dataset": {"name": "drawn_digits"}, "network": {"name": "small", "layers": [{"flatten": {}}, )"
      R"({"dense_block": {"units": 20}}, {"dense": {"units": 10}}]}, "normalization": {"type": "batch"}, )"
      R"("training": {"batch_size": 20, "steps": 100}})";
  std::string arms = R"([{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch"}])";
  std::string seeds = "2";
  std::string quantities = R"([{"name": "accuracy", "where": {"split": "test"}, "series": {"column": "accuracy"}}, )"
                           R"({"name": "loss", "file": "train.csv", "series": {"column": "loss"}, "better": "lower"}, )"
                           R"({"name": "steps", "where": {"split": "test"}, )"
                           R"("series": {"column": "accuracy", "over_time": "steps_to", "level": 0.5}}])";
  std::string criteria = R"([{"name": "higher", "type": "difference", "quantity": "accuracy", )"
                         R"("arms": ["batch", "none"], "at_least": 0, "source": "ours"}])";
  std::string more;  // members, each with a comma before it

  std::string text() const {
    return "{\n\"claim\": \"c\",\n\"source\": \"s\",\n\"base\": " + base + ",\n\"arms\": " + arms +
           ",\n\"seeds\": " + seeds + ",\n\"quantities\": " + quantities + ",\n\"criteria\": " + criteria + more +
           "\n}";
  }
};

inline config::ExperimentConfig parsed(const ExperimentText& text) {
  config::ExperimentConfig experiment = config::parse_experiment(text.text(), "e.json");
  experiment.name = "e";
  return experiment;
}

inline config::ExperimentConfig effective(const ExperimentText& text, config::Profile profile = config::Profile::full,
                                          const std::vector<std::string>& settings = {},
                                          const std::optional<config::Seeds>& seeds = std::nullopt,
                                          const std::filesystem::path& folder = "/nowhere") {
  return config::effective(parsed(text), profile, settings, seeds, folder);
}

inline experiments::Plan plan_of(const ExperimentText& text, config::Profile profile = config::Profile::full) {
  return experiments::make_plan(effective(text, profile));
}

/// What a run leaves in its directory.
struct FakeRun {
  std::string status = "completed";
  std::int64_t last_step = 100;
  std::int64_t steps = 100;
  std::vector<double> accuracies = {0.1, 0.4, 0.6};  // of the test split, at the steps 0, 50, 100
  std::vector<double> losses = {2.25, 1.5};          // of training, at the steps 1, 2, ...; the last at the last step
  std::string isa = "avx2";
  int threads = 1;
  std::string dataset_sha256 = "5ad1";
  std::string more_provenance = "";  // members, each with a comma before it
};

/// The run of a config.
inline void write_run(const std::filesystem::path& directory, const FakeRun& run, config::RunConfig config) {
  std::filesystem::create_directories(directory);
  if (config.training.epochs) config.training.steps = run.steps;
  config.training.epochs.reset();
  write_text(directory / "config.json", config::to_json(config));
  write_text(
      directory / "run.json",
      fmt::format(R"({{"status": "{}", "last_step": {}, "steps": {}, "wall_seconds": 1.5, "steps_per_second": 70,
                              "provenance": {{"isa": "{}", "onednn": "2.6.3", "git_revision": "abc", "threads": {},
                                              "dataset_sha256": "{}"{}}}}})",
                  run.status, run.last_step, run.steps, run.isa, run.threads, run.dataset_sha256, run.more_provenance));
  if (run.status == "interrupted") write_text(directory / "checkpoint.npz", "");
  std::string eval = "step,epoch,split,statistics,loss,accuracy\n", train = "step,loss\n";
  for (std::size_t i = 0; i < run.accuracies.size(); ++i)
    eval += fmt::format("{},0,test,running,1,{:.9g}\n", 50 * i, run.accuracies[i]);
  for (std::size_t i = 0; i < run.losses.size(); ++i)
    train += fmt::format("{},{:.9g}\n", i + 1 == run.losses.size() ? run.last_step : static_cast<std::int64_t>(i) + 1,
                         run.losses[i]);
  write_text(directory / "eval.csv", eval);
  write_text(directory / "train.csv", train);
}

/// The arms none and batch and these, and a criterion over the named ones.
inline ExperimentText with_arms(const std::string& arms, const std::string& criterion_arms = R"(["batch", "none"])") {
  ExperimentText text;
  text.arms = R"([{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch"}, )" + arms + "]";
  text.criteria = R"([{"name": "c", "type": "difference", "quantity": "accuracy", "arms": )" + criterion_arms + "}]";
  return text;
}

}  // namespace bnlab::test

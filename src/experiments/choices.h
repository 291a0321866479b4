#pragma once
#include <string>
#include <utility>
#include <vector>

#include "experiments/plan.h"
#include "experiments/run_table.h"

namespace bnlab::experiments {

/// The choice of each arm that is the best of another's points: "none_best: learning_rate=0.1 (train loss 0.31)".
struct Choice {
  std::string arm;
  std::string of;
  std::string by;     // the arm whose points were compared; mostly `of`
  std::string point;  // "[learning_rate=0.1]"; empty where none could be made
  std::string quantity;
  double mean = 0;
  std::vector<std::pair<std::string, double>> candidates;  // each point and its mean over the seeds
};
std::vector<Choice> choices(const RunTable& table, const Plan& plan);

/// Adds the rows of each arm that is the best of another's points: those of the chosen point, under the arm's name.
void add_best_arms(RunTable& table, const Plan& plan);

}  // namespace bnlab::experiments

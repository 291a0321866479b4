#include "experiments/plan_checks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "config/config_testing.h"
#include "experiments/experiment_testing.h"

namespace bnlab::experiments {
namespace {

using config::error_lines;
using test::ExperimentText;
using test::plan_of;
using test::with_arms;
using Texts = std::vector<std::string>;

/// The problems of an experiment with one quantity more, named q.
Texts quantity_problems(const std::string& quantity, const std::string& base = "") {
  ExperimentText text;
  text.base.insert(text.base.size() - 1, base);
  text.quantities.insert(text.quantities.size() - 1, R"(, {"name": "q", )" + quantity + "}");
  return error_lines([&] { plan_of(text); });
}

TEST(WhatNoRunGives, Columns) {
  const auto problems = [](const std::string& rest) { return quantity_problems(R"("file": "train.csv", )" + rest); };
  const std::string of_train =
      "step, epoch, examples, learning_rate, loss, accuracy, gradient_norm, weight_norm, seconds";
  EXPECT_EQ(problems(R"("series": {"column": "gradient_norm"})"), Texts{});
  EXPECT_EQ(problems(R"("series": {"column": "los"})"),
            (Texts{R"(e: quantity q: train.csv has no column "los"; did you mean "loss"?)"}));
  EXPECT_EQ(problems(R"("series": {"column": "loss", "minus": "los"}, "where": {"split": "test"})"),
            (Texts{R"(e: quantity q: train.csv has no column "los"; did you mean "loss"?)",
                   R"(e: quantity q: train.csv has no column "split"; it has )" + of_train}));
  EXPECT_EQ(problems(R"("series": {"column": "loss"}, "divided_by": {"column": "x"})"),
            (Texts{R"(e: quantity q: train.csv has no column "x"; it has )" + of_train}));
  EXPECT_EQ(quantity_problems(R"("series": {"column": "seconds"}, "where": {"split": "test"})"),
            (Texts{R"(e: quantity q: eval.csv has no column "seconds"; it has step, epoch, split, statistics, loss, )"
                   "accuracy, batch_size"}));
}

TEST(WhatNoRunGives, SplitsAndStatistics) {
  const auto of = [](const std::string& where, const std::string& base = "") {
    return quantity_problems(R"("series": {"column": "loss"}, "where": )" + where, base);
  };
  EXPECT_EQ(of("{}"), Texts{});
  EXPECT_EQ(of(R"({"split": "test", "statistics": "running"})"), Texts{});
  EXPECT_EQ(
      of(R"({"split": "tset"})"),
      (Texts{R"(e: quantity q: where: split "tset" is not evaluated in arm none, but test; did you mean "test"?)"}));
  EXPECT_EQ(of(R"({"split": "validation"})"),
            (Texts{R"(e: quantity q: where: split "validation" is not evaluated in arm none, but test)"}));
  EXPECT_EQ(of(R"({"statistics": "batch"})"),
            (Texts{R"(e: quantity q: where: statistics "batch" is not evaluated in arm none, but running)"}));
  const auto when = [](const std::string& text) {
    return quantity_problems(R"("where": {"split": "test"}, "series": {"column": "loss", "over_time": "at_level",
                                "level": 0.5, "when": )" +
                             text + "}");
  };
  EXPECT_EQ(when(R"({"column": "accuracy"})"), Texts{});
  EXPECT_EQ(when(R"({"column": "accuracy", "where": {"split": "train"}})"),
            (Texts{R"(e: quantity q: when.where: split "train" is not evaluated in arm none, but test)"}));
  EXPECT_EQ(when(R"({"column": "acuracy"})"),
            (Texts{R"(e: quantity q: eval.csv has no column "acuracy"; did you mean "accuracy"?)"}));
  const std::string both = R"(, "evaluation": {"statistics": ["population", "batch"], "train_split": true})";
  EXPECT_EQ(of(R"({"split": "train", "statistics": "batch"})", both).front(),
            "e: quantity accuracy: where must select one split and one kind of statistics of eval.csv; arm none "
            "evaluates test with running, batch");
}

TEST(WhatNoRunGives, BatchSizes) {
  const std::string sizes =
      R"(, "evaluation": {"statistics": ["population", "batch"], "batch_sizes": [2, 4], "batch_size": 20})";
  const auto of = [&](const std::string& where, const std::string& rest = "") {
    Texts problems = quantity_problems(R"("series": {"column": "loss"}, "where": )" + where + rest, sizes);
    std::erase_if(problems, [](const std::string& one) { return one.find("quantity q:") == std::string::npos; });
    return problems;
  };
  EXPECT_EQ(of(R"({"split": "test", "statistics": "batch", "batch_size": 4})"), Texts{});
  EXPECT_EQ(of(R"({"split": "test", "statistics": "running"})"), Texts{});
  EXPECT_EQ(of(R"({"split": "test", "statistics": "batch"})"),
            (Texts{"e: quantity q: where must select one split and one kind of statistics and one batch_size of "
                   "eval.csv; arm none evaluates test with batch of 2, 4 images"}));
  // The row of running statistics has evaluation.batch_size.
  EXPECT_EQ(of(R"({"split": "test", "batch_size": [20, 4]})", R"(, "over_rows": "difference")"), Texts{});
  EXPECT_EQ(of(R"({"split": "test", "statistics": "batch", "batch_size": 3})"),
            (Texts{R"(e: quantity q: where: batch_size "3" is not evaluated in arm none, but 2, 4, 20)"}));
}

TEST(WhatNoRunGives, FilesOfProbes) {
  const std::string probe = R"(, "probes": [{"type": "gradient_norm"}])";
  EXPECT_EQ(quantity_problems(R"("file": "gradient_norm.csv", "series": {"column": "x"})", probe), Texts{});
  EXPECT_EQ(quantity_problems(R"("file": "normalization_state.csv", "series": {"column": "x"})", probe),
            (Texts{"e: quantity q: arm none has no probe that writes normalization_state.csv"}));
  const Texts wrong = quantity_problems(R"("file": "gradient_nrm.csv", "series": {"column": "x"})", probe);
  ASSERT_EQ(wrong.size(), 1u);
  test::expect_contains(wrong[0], "e: quantity q: no run writes gradient_nrm.csv; there are train.csv, eval.csv and");
  test::expect_contains(wrong[0], R"(; did you mean "gradient_norm.csv"?)");
}

TEST(WhatNoRunGives, AxesOfCriteria) {
  const auto of = [](const std::string& path, const std::string& values, const std::string& type) {
    ExperimentText text = with_arms(R"({"name": "g", "grid": {")" + path + "\": " + values + "}}");
    text.criteria = R"([{"name": "c", "quantity": "accuracy", "arms": ["g"], "axis": ")" + path + R"(", "type": ")" +
                    type + "\"" + (type == "widest_interval" ? R"(, "usable": 1)" : "") + "}]";
    return error_lines([&] { plan_of(text); });
  };
  const std::string rate = "optimizer.learning_rate", kind = "normalization.type";
  for (const char* type : {"range", "log_slope", "widest_interval"}) {
    EXPECT_EQ(of(rate, "[0.1, 1e-2]", type), Texts{}) << type;
    EXPECT_EQ(of(rate, "[0.1]", type),
              (Texts{"e: criterion c: axis optimizer.learning_rate of arm g must have at least 2 values, got 1"}));
  }
  EXPECT_EQ(of(kind, R"(["batch", "layer"])", "range"), Texts{});
  EXPECT_EQ(
      of(kind, R"(["batch", "layer"])", "log_slope"),
      (Texts{R"(e: criterion c: axis normalization.type of arm g must have numbers for log_slope, got "batch")"}));
  EXPECT_EQ(of("optimizer.momentum", "[0, 0.5]", "log_slope"), Texts{});
  EXPECT_EQ(of("optimizer.momentum", "[0, 0.5]", "widest_interval"),
            (Texts{"e: criterion c: axis optimizer.momentum of arm g must have positive numbers for widest_interval, "
                   "got 0"}));
}

}  // namespace
}  // namespace bnlab::experiments

#include "experiments/certain_claims.h"

#include <gtest/gtest.h>

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

/// The problems of one criterion, named c, over these quantities beside accuracy, loss and steps.
Texts problems_of(const std::string& criterion, const std::string& quantities = "",
                  const std::string& arms = R"({"name": "same"}, {"name": "g", "grid": {"dataset.limit": [50, 60]}})") {
  ExperimentText text = with_arms(arms);
  text.quantities.insert(text.quantities.size() - 1, quantities);
  text.criteria = R"([{"name": "c", "source": "ours", )" + criterion + "}]";
  return error_lines([&] { plan_of(text); });
}

Texts of_value(const std::string& quantity, const std::string& thresholds, const std::string& quantities = "") {
  return problems_of(R"("type": "value", "arms": ["batch"], "quantity": ")" + quantity + R"(", )" + thresholds,
                     quantities);
}

TEST(CertainClaims, OneConfigComparedWithItself) {
  const std::string difference = R"("type": "difference", "quantity": "accuracy", "arms": )";
  EXPECT_EQ(problems_of(difference + R"(["batch", "none"])"), Texts{});
  EXPECT_EQ(problems_of(difference + R"(["g[limit=50]", "g[limit=60]"])"), Texts{});
  EXPECT_EQ(problems_of(difference + R"(["batch", "same"])"),
            (Texts{"e: criterion c: compares batch with same, which have the same config"}));
  EXPECT_EQ(problems_of(difference + R"(["batch", "batch"])"),
            (Texts{"e.json:8: criteria.0.arms.1: must not repeat an entry, got \"batch\""}));
  // What neither trains nor measures makes no other config.
  const std::string other = R"({"name": "other", "set": {"record.final_weights": false, "description": "other"}})";
  EXPECT_EQ(problems_of(difference + R"(["batch", "other"])", "", other),
            (Texts{"e: criterion c: compares batch with other, which have the same config"}));
  EXPECT_EQ(problems_of(R"("type": "equality", "within": 0.1, "quantity": "accuracy", "arms": ["same", "batch"])"),
            (Texts{"e: criterion c: compares same with batch, which have the same config"}));
  EXPECT_EQ(problems_of(R"("type": "order", "quantity": "accuracy", "arms": ["none", "batch", "same"])"),
            (Texts{"e: criterion c: compares batch with same, which have the same config"}));
  // Two arms with the same points, and the same choice twice.
  const std::string twice = R"({"name": "a", "grid": {"optimizer.learning_rate": [1, 2]}},
      {"name": "b", "grid": {"optimizer.learning_rate": [2.0, 1]}},
      {"name": "best", "best_of": {"arm": "a", "quantity": "loss"}},
      {"name": "again", "best_of": {"arm": "a", "quantity": "loss"}})";
  EXPECT_EQ(problems_of(R"("type": "log_slope", "quantity": "loss", "axis": "optimizer.learning_rate",
                           "arms": ["a", "b"])",
                        "", twice),
            (Texts{"e: criterion c: compares a with b, which have the same config"}));
  EXPECT_EQ(problems_of(difference + R"(["best", "again"])", "", twice),
            (Texts{"e: criterion c: compares best with again, which have the same config"}));
}

TEST(CertainClaims, EqualPointsOfAnArm) {
  const auto of = [](const std::string& axes) {
    return problems_of(R"("type": "value", "quantity": "accuracy", "arms": ["batch"])", "",
                       R"({"name": "g", )" + axes + "}");
  };
  EXPECT_EQ(
      of(R"("grid": {"optimizer.learning_rate": [1, 1.0]})"),
      (Texts{"e: arm g: the points g[learning_rate=1] and g[learning_rate=1.0] have the same config; remove one"}));
  EXPECT_EQ(of(R"("zip": {"optimizer.learning_rate": [1, 2, 1e0], "training.batch_size": [20, 30, 20.0]})").size(), 1u);
  EXPECT_EQ(of(R"("grid": {"optimizer.learning_rate": [1, 2]})"), Texts{});
}

TEST(CertainClaims, ThresholdsThatNoValueMisses) {
  EXPECT_EQ(
      of_value("accuracy", R"("at_least": 0)"),
      (Texts{"e: criterion c: at_least 0 is always met: the value of accuracy lies in [0, 1]; remove the threshold "
             "to measure without a verdict"}));
  for (const char* thresholds : {R"("at_least": -1)", R"("more_than": -0.1)", R"("at_most": 1)", R"("less_than": 1.5)",
                                 R"("at_least": 0.2, "at_most": 1)"})
    EXPECT_EQ(of_value("accuracy", thresholds).size(), 1u) << thresholds;
  for (const char* thresholds :
       {R"("at_least": 0.001)", R"("more_than": 0)", R"("at_most": 0.999)", R"("less_than": 1)"})
    EXPECT_EQ(of_value("accuracy", thresholds), Texts{}) << thresholds;
  EXPECT_EQ(of_value("loss", R"("at_least": 0)").size(), 1u);
  EXPECT_EQ(of_value("loss", R"("at_most": 1e9)"), Texts{});
  EXPECT_EQ(of_value("steps", R"("more_than": -1)").size(), 1u);
  // Of what is made of columns.
  const auto quantity = [](const std::string& rest) {
    return R"(, {"name": "q", "where": {"split": "test"}, )" + rest + "}";
  };
  const std::string range = quantity(R"("series": {"column": "accuracy", "over_time": "range"})");
  EXPECT_EQ(of_value("q", R"("at_most": 1)", range).size(), 1u);
  EXPECT_EQ(of_value("q", R"("at_most": 0.9)", range), Texts{});
  const std::string difference = quantity(R"("series": {"column": "accuracy", "minus": "loss"})");
  EXPECT_EQ(of_value("q", R"("at_most": 1)", difference).size(), 1u);
  EXPECT_EQ(of_value("q", R"("at_least": -5)", difference), Texts{});
  const std::string quotient = quantity(R"("series": {"column": "loss"}, "divided_by": {"column": "accuracy"})");
  EXPECT_EQ(of_value("q", R"("at_least": 0)", quotient).size(), 1u);
  EXPECT_EQ(of_value("q", R"("at_most": 1)", quotient), Texts{});
  const std::string diverged = quantity(R"("series": {"column": "accuracy"}, "when_diverged": -1)");
  EXPECT_EQ(of_value("q", R"("at_least": 0)", diverged), Texts{});
  const std::string sum = quantity(R"("series": {"column": "accuracy", "over_time": "area"})");
  EXPECT_EQ(of_value("q", R"("at_most": 1)", sum), Texts{});
  EXPECT_EQ(of_value("q", R"("at_least": 0)", sum).size(), 1u);
}

TEST(CertainClaims, ThresholdsThatNoValueReaches) {
  EXPECT_EQ(of_value("accuracy", R"("at_least": 95)"),
            (Texts{"e: criterion c: at_least 95 is never met: the value of accuracy lies in [0, 1]; choose a threshold "
                   "inside"}));
  for (const char* thresholds : {R"("more_than": 1)", R"("at_most": -0.1)", R"("less_than": 0)"})
    EXPECT_EQ(of_value("accuracy", thresholds).size(), 1u) << thresholds;
  for (const char* thresholds : {R"("at_least": 1)", R"("at_most": 0)", R"("at_least": 0.5, "at_most": 0.9)"})
    EXPECT_EQ(of_value("accuracy", thresholds), Texts{}) << thresholds;
  EXPECT_EQ(of_value("loss", R"("at_most": -1)").size(), 1u);
  EXPECT_EQ(of_value("steps", R"("less_than": 0)").size(), 1u);
  const auto of = [](const std::string& type, const std::string& rest) {
    return problems_of(R"("quantity": "accuracy", "arms": ["batch", "none"], "type": ")" + type + R"(", )" + rest)
        .size();
  };
  EXPECT_EQ(of("difference", R"("at_least": 1.5)"), 1u);
  EXPECT_EQ(of("difference", R"("at_most": -2)"), 1u);
  EXPECT_EQ(of("difference", R"("at_most": -1)"), 0u);
  EXPECT_EQ(of("ratio", R"("less_than": 0)") + of("ratio", R"("at_most": -2)"), 2u);
  EXPECT_EQ(of("contrast", R"("weights": [2, -1], "more_than": 2)"), 1u);
  // A level that is to be reached.
  const auto level = [](const std::string& better, const std::string& value) {
    return of_value("q", R"("at_least": 5)",
                    R"(, {"name": "q", "where": {"split": "test"}, "better": ")" + better +
                        R"(", "series": {"column": "accuracy", "over_time": "steps_to", "level": )" + value + "}}");
  };
  EXPECT_EQ(level("higher", "95"), (Texts{"e: quantity q: level 95 is never reached: its values lie in [0, 1]; choose "
                                          "a level inside"}));
  EXPECT_EQ(level("higher", "0"), (Texts{"e: quantity q: level 0 is always reached: its values lie in [0, 1]; choose "
                                         "a level inside"}));
  EXPECT_EQ(level("lower", "-0.1").size() + level("lower", "1").size(), 2u);
  EXPECT_EQ(level("lower", "0").size() + level("higher", "1").size() + level("higher", "0.95").size(), 0u);
  // The other series is compared with the level, not the column that is read; a difference of rows may be negative.
  const auto at_level = [](const std::string& value) {
    return of_value("q", R"("at_least": 0.2)",
                    R"(, {"name": "q", "series": {"column": "loss", "over_time": "at_level", "level": )" + value +
                        R"(, "when": {"column": "accuracy"}}})");
  };
  EXPECT_EQ(at_level("95"), (Texts{"e: quantity q: level 95 is never reached: its values lie in [0, 1]; choose a level "
                                   "inside"}));
  EXPECT_EQ(at_level("0.9"), Texts{});
  EXPECT_EQ(of_value("q", R"("at_least": 20)",
                     R"(, {"name": "q", "over_rows": "difference", "better": "lower",
                         "series": {"column": "accuracy", "over_time": "steps_to", "level": -0.1}})"),
            Texts{});
  EXPECT_EQ(of_value("q", R"("at_least": 0)",
                     R"(, {"name": "q", "over_rows": "difference", "better": "lower",
                         "series": {"column": "accuracy", "over_time": "steps_to", "level": -0.1}})")
                .size(),
            1u);
}

TEST(CertainClaims, ThresholdsOfEachKind) {
  const auto of = [](const std::string& type, const std::string& arms, const std::string& rest) {
    return problems_of(R"("quantity": "accuracy", "type": ")" + type + R"(", "arms": )" + arms + ", " + rest).size();
  };
  const std::string two = R"(["batch", "none"])", grid = R"(["g"])", axis = R"("axis": "dataset.limit", )";
  EXPECT_EQ(of("difference", two, R"("at_least": -1)"), 1u);
  EXPECT_EQ(of("difference", two, R"("at_least": -0.99)"), 0u);
  EXPECT_EQ(of("difference", two, R"("less_than": 1.1)"), 1u);
  EXPECT_EQ(of("ratio", two, R"("at_least": 0)"), 1u);
  EXPECT_EQ(of("ratio", two, R"("at_least": 1)"), 0u);
  EXPECT_EQ(of("equality", two, R"("within": 1)"), 1u);
  EXPECT_EQ(of("equality", two, R"("within": 0.5)"), 0u);
  const std::string weights = R"("weights": [2, -1], )";  // 2 a - b lies in [-1, 2]
  EXPECT_EQ(of("contrast", two, weights + R"("at_least": -1)"), 1u);
  EXPECT_EQ(of("contrast", two, weights + R"("at_least": -0.9)"), 0u);
  EXPECT_EQ(of("contrast", two, weights + R"("at_most": 1.9)"), 0u);
  EXPECT_EQ(of("contrast", two, weights + R"("at_most": 2)"), 1u);
  EXPECT_EQ(of("range", grid, axis + R"("at_least": 0)"), 1u);
  EXPECT_EQ(of("range", grid, axis + R"("at_most": 1)"), 1u);
  EXPECT_EQ(of("range", grid, axis + R"("at_most": 0.1)"), 0u);
  EXPECT_EQ(of("widest_interval", grid, axis + R"("usable": 0.5, "at_least": 1)"), 1u);
  EXPECT_EQ(of("widest_interval", grid, axis + R"("usable": 0.5, "more_than": 0.5)"), 1u);
  EXPECT_EQ(of("widest_interval", grid, axis + R"("usable": 0.5, "more_than": 1)"), 0u);
  EXPECT_EQ(of("log_slope", grid, axis + R"("at_least": -100)"), 0u);
}

}  // namespace
}  // namespace bnlab::experiments

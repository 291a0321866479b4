// Effects as people read them, and verdicts as Markdown.
#include "experiments/shown_effect.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "experiments/experiment_testing.h"
#include "experiments/verdict_markdown.h"
#include "util/errors.h"

namespace bnlab::experiments {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

/// An experiment with quantities of every unit and these criteria.
config::ExperimentConfig experiment(const std::string& criteria) {
  test::ExperimentText text;
  text.quantities = R"([{"name": "accuracy", "series": {"column": "accuracy"}},
      {"name": "gap", "where": {"split": ["train", "test"]}, "series": {"column": "accuracy"}, "over_rows": "difference"},
      {"name": "lost", "file": "input_gradient.csv", "where": {"epsilon": 0.05}, "series": {"column": "accuracy_lost"}},
      {"name": "loss", "unit": "nats", "series": {"column": "loss"}},
      {"name": "steps", "series": {"column": "accuracy", "over_time": "steps_to", "level": 0.5}},
      {"name": "growth", "unit": "per layer", "file": "layer_gradients.csv", "series": {"column": "squared_norm"},
       "over_rows": "log_slope", "factor_to": "previous"},
      {"name": "forward", "file": "layer_gradients.csv", "series": {"column": "squared_norm"}, "over_rows": "log_slope"}])";
  text.criteria = "[" + criteria + "]";
  return test::parsed(text);
}

struct Case {
  std::string criterion;  // without its name and source
  Judgement judgement;
  std::string text, claimed;
};

Judgement judgement(double effect, double low, double high, Bound bound = Bound::exact) {
  Judgement made;
  made.verdict = Verdict::reproduced;
  made.effect = effect;
  made.interval = Interval{low, high};
  made.bound = bound;
  made.seeds = 3;
  return made;
}

TEST(ShownEffect, HasTheUnitsOfTheClaim) {
  const double ln2 = std::log(2.0), ln3 = std::log(3.0);
  const std::string one = R"("arms": ["batch"], "type": "value", "quantity": )",
                    two = R"("arms": ["batch", "none"], "type": )";
  for (const Case& expected : std::vector<Case>{
           {one + R"("accuracy", "at_least": 0.8)", judgement(0.8454, 0.8402, 0.8506), "84.5 [84.0, 85.1] %",
            "at least 80"},
           {two + R"("difference", "quantity": "accuracy", "more_than": 0)", judgement(0.0046, 0.003155, 0.006045),
            "0.46 [0.32, 0.60] points", "above 0"},
           {two + R"("equality", "quantity": "accuracy", "within": 0.005)", judgement(-0.00174, -0.003687, 0.0002067),
            "-0.17 [-0.37, 0.02] points", "within 0.5"},
           {one + R"("gap", "at_most": 0)", judgement(-0.11, -0.116, -0.105), "-11.00 [-11.60, -10.50] points",
            "at most 0"},
           {one + R"("lost", "more_than": 0.05)", judgement(0.07, 0.06, 0.08), "7.00 [6.00, 8.00] points", "above 5"},
           {one + R"("loss")", judgement(0.5, 0.4, 0.6), "0.500 [0.400, 0.600] nats", ""},
           {one + R"("steps", "less_than": 3000)", judgement(2850, 2800, 2900), "2,850 [2,800, 2,900] steps",
            "below 3,000"},
           {two + R"("ratio", "quantity": "steps", "at_least": 3)", judgement(1.813, 1.73, 1.914),
            "1.81 [1.73, 1.91] times", "at least 3"},
           {two + R"("ratio", "quantity": "steps")", judgement(15913, 4580, 54420), "15,900 [4,580, 54,400] times", ""},
           {two + R"("ratio", "quantity": "loss")", judgement(32.73, 17.4, infinite, Bound::at_least),
            "at least 32.7 [17.4, ∞] times", ""},
           {one + R"("loss", "at_most": 1e-5)", judgement(1.451e-6, 9.761e-7, 1.926e-6),
            "1.45e-6 [9.76e-7, 1.93e-6] nats", "at most 1e-5"},
           // As many digits as tell an interval from a threshold.
           {two + R"("ratio", "quantity": "loss", "at_least": 0.9999, "at_most": 1.0001)",
            judgement(0.99997, 0.999891, 1.0000486), "0.99997 [0.99989, 1.00005] times", "0.9999 to 1.0001"},
           {two + R"("ratio", "quantity": "loss", "at_least": 20.13405, "at_most": 20.13808)",
            judgement(20.1357, 20.13464, 20.13673), "20.136 [20.135, 20.137] times", "20.13405 to 20.13808"},
           {two + R"("difference", "quantity": "accuracy", "at_least": 0.02)", judgement(0.03, 0.01998, 0.04),
            "3.000 [1.998, 4.000] points", "at least 2"},
           // A logarithm is shown as the factor, here from a layer to the one before it: larger where it is smaller.
           {one + R"("growth", "at_least": -0.21188, "at_most": -0.15186)", judgement(-0.1728, -0.1903, -0.1552),
            "1.19 [1.17, 1.21] times per layer", "1.164 to 1.236"},
           {one + R"("growth", "less_than": 0)", judgement(-ln2, -ln3, 0, Bound::at_least),
            "at most 2.00 [1.00, 3.00] times per layer", "above 1"},
           {one + R"("forward", "at_least": 0)", judgement(ln2, 0, ln3), "2.00 [1.00, 3.00] times", "at least 1"},
           {two + R"("equality", "quantity": "growth", "within": 0.1)", judgement(0, -0.01, 0.01),
            "1.00 [0.99, 1.01] times per layer", "0.9048 to 1.105"}}) {
    const config::ExperimentConfig made = experiment(R"({"name": "c", "source": "s", )" + expected.criterion + "}");
    const ShownEffect shown = shown_effect(made, made.criteria[0], expected.judgement);
    EXPECT_EQ(text_of(shown), expected.text) << expected.criterion;
    EXPECT_EQ(claim_text(made.criteria[0], shown), expected.claimed) << expected.criterion;
  }
}

TEST(ShownEffect, NoEffectIsSaid) {
  const config::ExperimentConfig made =
      experiment(R"({"name": "c", "type": "value", "quantity": "loss", "arms": ["batch"]})");
  Judgement none;
  none.effect = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(text_of(shown_effect(made, made.criteria[0], none)), "no effect could be measured");
}

// ---- Markdown

ExperimentVerdict verdict(const std::string& name, const std::string& part) {
  ExperimentVerdict made;
  made.experiment = experiment(
      R"({"name": "c", "meaning": "ends higher", "type": "difference", "quantity": "accuracy",
          "arms": ["batch", "none"], "at_least": 0.05, "source": "ours"},
         {"name": "beside", "type": "ratio", "quantity": "steps", "arms": ["none", "batch"]})");
  made.experiment.name = name;
  made.experiment.part = part;
  made.experiment.finding = "It does.";
  made.verdict = Verdict::reproduced;
  made.judgements = {judgement(0.2267, 0.1765, 0.2769), judgement(2, 1.5, 2.5)};
  made.judgements[1].verdict = Verdict::reported;
  made.judgements[1].explanation = "because";
  made.revisions = {"0123456789", "abcdef0123"};
  made.directory = "/sweeps/" + name;
  return made;
}

TEST(VerdictMarkdown, ListsClaimsByPartThenCriteria) {
  std::vector<ExperimentVerdict> verdicts{verdict("z", "B. Later"), verdict("y", "A. First"), verdict("x", "")};
  verdicts[0].warnings = {"an edge"};
  EXPECT_EQ(
      verdict_markdown(verdicts, "/sweeps"),
      "<!-- verdicts: begin -->\n"
      "3 claims: 3 reproduced, 0 not reproduced, 0 inconclusive, 0 measured without a threshold\n\n"
      "## A. First\n\n| claim | source | finding | verdict |\n| --- | --- | --- | --- |\n"
      "| **[y](y)**: c | s | It does. | reproduced |\n\n"
      "## B. Later\n\n| claim | source | finding | verdict |\n| --- | --- | --- | --- |\n"
      "| **[z](z)**: c | s | It does. | reproduced |\n\n"
      "## Other claims\n\n| claim | source | finding | verdict |\n| --- | --- | --- | --- |\n"
      "| **[x](x)**: c | s | It does. | reproduced |\n\n"
      "## Each criterion\n\n| claim | criterion | effect, 95 % interval | claimed | seeds | verdict | revision |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n"
      "| [z](z) | ends higher | 22.67 \\[17.65, 27.69\\] points | at least 5 | 3 | reproduced | 0123456, abcdef0 |\n"
      "|  | beside | 2.00 \\[1.50, 2.50\\] times |  | 3 | measured, no threshold: because |  |\n"
      "| [y](y) | ends higher | 22.67 \\[17.65, 27.69\\] points | at least 5 | 3 | reproduced | 0123456, abcdef0 |\n"
      "|  | beside | 2.00 \\[1.50, 2.50\\] times |  | 3 | measured, no threshold: because |  |\n"
      "| [x](x) | ends higher | 22.67 \\[17.65, 27.69\\] points | at least 5 | 3 | reproduced | 0123456, abcdef0 |\n"
      "|  | beside | 2.00 \\[1.50, 2.50\\] times |  | 3 | measured, no threshold: because |  |\n\n"
      "## Warnings\n\n- **z**: an edge\n<!-- verdicts: end -->\n");
}

/// The cells of a line, as GitHub finds them: a backslash takes the meaning of the character behind it.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (std::size_t i = 0; i < line.size(); ++i)
    if (line[i] == '\\' && i + 1 < line.size())
      cells.back() += line[++i];
    else if (line[i] == '|')
      cells.emplace_back();
    else
      cells.back() += line[i];
  return cells;
}

TEST(VerdictMarkdown, TextsStayInTheirCells) {
  ExperimentVerdict made = verdict("a|b](x)", "A | <!-- verdicts: end -->\n## B");
  made.experiment.claim = "one | two \\| three \\\nnew *line* <b>";
  made.experiment.source = "`s` [1](x)";
  made.experiment.criteria[0].meaning = "m|n\r\n";
  made.judgements[0].explanation = "why | not";
  made.directory = "/sweeps/a b(|)ä";
  const std::string text = verdict_markdown({made}, "/sweeps");
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  ASSERT_EQ(lines.size(), 16u) << text;
  EXPECT_EQ(lines[3], "## A \\| \\<!-- verdicts: end --> ## B");
  EXPECT_TRUE(lines[7].starts_with("| **[a\\|b\\](x)](a%20b%28%7C%29%C3%A4)**: one \\| two")) << lines[7];
  ASSERT_EQ(cells_of(lines[7]).size(), 6u) << lines[7];  // an empty one before the first and behind the last
  EXPECT_EQ(cells_of(lines[7])[2], " `s` [1](x) ");
  for (const std::size_t line : {13u, 14u}) ASSERT_EQ(cells_of(lines[line]).size(), 9u) << lines[line];
  EXPECT_EQ(cells_of(lines[13])[6], " reproduced: why | not ");
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(VerdictMarkdown, KeepsTheTextAroundTheMarks) {
  const std::string first = verdict_markdown({verdict("a", "")}, "/"),
                    second = verdict_markdown({verdict("b", "")}, "/");
  EXPECT_EQ(with_verdict_markdown("# Mine\n" + first + "after\n", second, "f"), "# Mine\n" + second + "after\n");
  EXPECT_EQ(with_verdict_markdown("| claim | source |\n", second, "f"), second);
  EXPECT_TRUE(has_verdict_markdown("# Mine\n" + first));
  EXPECT_TRUE(has_verdict_markdown("| claim | source | revision |"));
  EXPECT_FALSE(has_verdict_markdown("# Mine\n\n| claim | source |\n"));
  EXPECT_THROW(with_verdict_markdown("<!-- verdicts: begin -->\n", second, "f"), ConfigError);
}

}  // namespace
}  // namespace bnlab::experiments

// Verdicts to look at: one line for each claim, effects in their units.
#include "experiments/verdict_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>

#include "config/experiment.h"
#include "experiments/run_table_testing.h"
#include "experiments/verdict_json.h"
#include "util/errors.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;

ExperimentText experiment() {
  ExperimentText text;
  text.seeds = "3";
  text.criteria = R"([{"name": "higher", "meaning": "ends higher", "type": "difference", "quantity": "accuracy",
        "arms": ["batch", "none"], "at_least": 0.05, "at_most": 0.95, "source": "ours"},
      {"name": "alike", "type": "equality", "quantity": "accuracy", "arms": ["batch", "none"], "within": 0.5, "source": "ours"},
      {"name": "slower", "type": "ratio", "quantity": "steps", "arms": ["none", "batch"]}])";
  return text;
}

/// A directory with runs: batch ends 0.245, 0.23 and 0.205 above none.
class Made {
 public:
  explicit Made(const ExperimentText& text = experiment()) {
    const Plan plan = test::plan_of(text);
    test::write_text(path() / "experiment.json", config::to_json(plan.experiment));
    write_runs(plan, path(), [](const ArmPoint& point, std::uint64_t seed) {
      const double noise = static_cast<double>(seed * seed) / 100;
      FakeRun run;
      run.accuracies =
          point.arm == "none" ? std::vector{0.1, 0.2, 0.4 + noise} : std::vector{0.1, 0.55, 0.65 + noise / 2};
      return run;
    });
  }
  ExperimentVerdict judge() const { return judge_directory(path()); }
  const fs::path& path() const { return folder_.path(); }

 private:
  test::TemporaryFolder folder_;
};

TEST(Overview, TheOverviewHasALineForEachClaim) {
  ExperimentText text = experiment();
  text.more = R"(, "finding": "it is so")";
  const Made sweep(text);
  ExperimentVerdict verdict = sweep.judge();
  // 0.2267 of the accuracy, which is a share of the examples.
  EXPECT_EQ(overview_table({verdict}, 100, false),
            "e  reproduced      22.67 [17.65, 27.69] points, claimed: 5 to 95\n"
            "  c\n  ends higher\n  it is so\n");
  // The criterion that the figure quotes, where it has the verdict of the whole.
  verdict.experiment.figure.criterion = "alike";
  test::expect_contains(overview_table({verdict}, 100, false), " points, claimed: within 50\n");
  verdict.experiment.figure.criterion = "slower";
  test::expect_contains(overview_table({verdict}, 100, false), "claimed: 5 to 95\n");
  verdict.verdict = Verdict::reported;
  test::expect_contains(overview_table({verdict}, 100, false), "e  measured, no threshold  at least 2 [");
  test::expect_contains(overview_table({verdict}, 100, false), "] times\n");
  verdict.verdict = Verdict::reproduced;
  test::expect_contains(overview_table({verdict}, 100, true), "\033[32mreproduced\033[0m      ");
  EXPECT_EQ(totals({verdict, verdict}),
            "2 claims: 2 reproduced, 0 not reproduced, 0 inconclusive, 0 measured without a threshold\n");
  verdict.experiment.name = "a_name_that_is_longer_than_any_table_would_want_to_have";
  verdict.experiment.criteria[0].meaning = std::string(30, 'x') + " " + std::string(80, 'y') + "\nz";
  for (const std::size_t width : {60u, 80u, 100u}) {
    std::istringstream lines(overview_table({verdict, verdict}, width, false));
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(line.size(), line.find("yyy") == std::string::npos ? width : std::max<std::size_t>(width, 82)) << line;
  }
}

TEST(Overview, EffectsHaveTheUnitsOfTheirQuantities) {
  ExperimentText text = experiment();
  text.quantities.insert(text.quantities.size() - 1, R"(, {"name": "final_loss", "unit": "nats", "file": "train.csv",
      "series": {"column": "loss"}})");
  const auto line = [&](const std::string& criterion) {
    text.criteria = "[{\"name\": \"x\", " + criterion + "}]";
    const std::string table = overview_table({Made(text).judge()}, 100, false);
    return table.substr(0, table.find('\n'));
  };
  EXPECT_TRUE(line(R"("type": "value", "quantity": "accuracy", "arms": ["batch"])").ends_with("] %"));
  EXPECT_TRUE(line(R"("type": "value", "quantity": "steps", "arms": ["batch"])").ends_with("] steps"));
  EXPECT_TRUE(line(R"("type": "difference", "quantity": "final_loss", "arms": ["batch", "none"])").ends_with("] nats"));
  EXPECT_TRUE(line(R"("type": "order", "quantity": "accuracy", "arms": ["none", "batch"])")
                  .ends_with("] points, claimed: in this order"));
  EXPECT_TRUE(line(R"("type": "value", "quantity": "accuracy", "arms": ["batch"], "more_than": 0.25, "source": "s")")
                  .ends_with("] %, claimed: above 25"));
}

TEST(JudgeDirectory, AFolderThatCannotBeWrittenIsJudgedWhereThatIsAllowed) {
  const Made sweep;
  const ExperimentVerdict before = sweep.judge();
  EXPECT_EQ(before.unwritten, "");
  // As root, only a read-only file system would refuse; a test cannot have one.
  fs::permissions(sweep.path(), fs::perms::owner_read | fs::perms::owner_exec);
  if (::access(sweep.path().c_str(), W_OK) == 0) {
    fs::permissions(sweep.path(), fs::perms::owner_all);
    GTEST_SKIP() << "root may write everywhere";
  }
  const ExperimentVerdict again = judge_directory(sweep.path(), training::Check::changed, ReadOnly::is_judged);
  EXPECT_THROW(judge_directory(sweep.path()), RunError);
  fs::permissions(sweep.path(), fs::perms::owner_all);
  test::expect_contains(again.unwritten, "can't be written");
  EXPECT_EQ(to_json(again), to_json(before));
}

}  // namespace
}  // namespace bnlab::experiments

// verdict.json, and the tables of verdicts.
#include "experiments/verdict.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/verdict_table.h"
#include "experiments/verdict_testing.h"

namespace bnlab::experiments {
namespace {

TEST(VerdictJson, HasItsFields) {
  const Sweep sweep;
  sweep.judge();
  const Json json = sweep.json();
  EXPECT_EQ(keys_of(json),
            (std::vector<std::string>{"experiment", "profile", "plan", "part", "claim", "source", "verdict", "seeds",
                                      "criteria", "choices", "runs_completed", "runs_diverged", "runs_without_result",
                                      "warnings", "git_revisions", "finding", "files", "sha256"}));
  EXPECT_EQ(json["plan"], sweep.plan().hash);
  EXPECT_EQ(json["experiment"], "e");
  EXPECT_EQ(json["profile"], "full");
  EXPECT_EQ(json["claim"], "c");
  EXPECT_EQ(json["source"], "s");
  EXPECT_EQ(json["verdict"], "reproduced");
  EXPECT_EQ(json["seeds"], Json({1, 2, 3}));
  EXPECT_EQ(json["runs_completed"], 12);
  const Json& difference = json["criteria"][0];
  EXPECT_EQ(keys_of(difference), (std::vector<std::string>{"name", "meaning", "type", "quantity", "arms", "at_least",
                                                           "at_most", "threshold_source", "effect", "effect_is",
                                                           "interval", "shown", "seeds", "verdict", "explanation"}));
  EXPECT_EQ(difference["name"], "higher");
  EXPECT_EQ(difference["meaning"], "ends higher");
  EXPECT_EQ(difference["type"], "difference");
  EXPECT_EQ(difference["arms"], Json({"batch", "none"}));
  EXPECT_EQ(difference["at_least"], 0.05);
  EXPECT_EQ(difference["threshold_source"], "ours");
  EXPECT_NEAR(difference["effect"].get<double>(), 0.68 / 3, 1e-9);
  EXPECT_EQ(difference["effect_is"], "exact");
  EXPECT_EQ(difference["interval"].size(), 2u);
  EXPECT_EQ(difference["seeds"], 3);
  const Json& shown = difference["shown"];  // in points
  EXPECT_EQ(keys_of(shown), (std::vector<std::string>{"text", "claimed", "unit", "effect", "effect_is", "interval",
                                                      "at_least", "at_most"}));
  EXPECT_EQ(shown["text"], "22.67 [17.65, 27.69] points");
  EXPECT_EQ(shown["claimed"], "5 to 95");
  EXPECT_EQ(shown["at_least"], 5);
  EXPECT_EQ(shown["effect"].get<double>(), 100 * difference["effect"].get<double>());
  EXPECT_EQ(json["criteria"][1]["shown"]["within"], 50);
  EXPECT_EQ(json["criteria"][1]["within"], 0.5);
  const Json& ratio = json["criteria"][2];
  EXPECT_FALSE(ratio.contains("at_least"));
  EXPECT_EQ(ratio["verdict"], "reported");
  EXPECT_EQ(ratio["effect_is"], "at_least");
  EXPECT_EQ(ratio["interval"][1], "inf");  // nothing is known above
  const Json& choice = json["choices"][0];
  EXPECT_EQ(keys_of(choice), (std::vector<std::string>{"arm", "of", "quantity", "chosen", "mean", "candidates"}));
  EXPECT_EQ(choice["chosen"], "[learning_rate=2]");
  EXPECT_EQ(choice["mean"], 1);
  EXPECT_EQ(choice["candidates"], Json::parse(R"([{"point": "[learning_rate=0.5]", "mean": 2.0},
                                                  {"point": "[learning_rate=2]", "mean": 1.0}])"));
}

TEST(VerdictJson, NumbersThatAreNotFinite) {
  const Sweep sweep;
  for (const PlannedRun& run : sweep.plan().runs) {
    FakeRun fake = run_of(sweep.plan().points[run.point], run.seed);
    fake.losses.back() = std::numeric_limits<double>::infinity();
    if (sweep.plan().points[run.point].arm == "none") fake.accuracies.back() = std::nan("");
    sweep.write(run, fake);
  }
  sweep.judge();
  const Json json = sweep.json();  // parses: there's no NaN in it
  EXPECT_TRUE(json["criteria"][0]["effect"].is_null());
  EXPECT_TRUE(json["criteria"][0]["interval"].is_null());
  EXPECT_EQ(json["criteria"][0]["verdict"], "inconclusive");
  EXPECT_FALSE(json["criteria"][0]["explanation"].get<std::string>().empty());
  EXPECT_EQ(json["choices"][0]["mean"], "inf");
  EXPECT_EQ(json["choices"][0]["candidates"][0]["mean"], "inf");
}

TEST(VerdictTables, Text) {
  const Sweep sweep;
  const std::string text = details_table({sweep.judge()});
  for (const char* part : {"experiment", "higher", "5 to 95", "reproduced", "22.67 [", "] points", "alike", "within 50",
                           "slower", "measured, no threshold", "at least 2", "= e", "\nc - s\ne "})
    test::expect_contains(text, part);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6);
}

TEST(VerdictTables, TheFindingStandsWithTheVerdict) {
  ExperimentText text = experiment();
  text.more = R"(, "finding": "2 | 3 of *them*")";
  const Sweep sweep(text);
  const ExperimentVerdict verdict = sweep.judge();
  EXPECT_EQ(sweep.json()["finding"], "2 | 3 of *them*");
  const std::string lines = details_table({verdict, verdict});
  const std::size_t first = lines.find("\nfinding: 2 | 3 of *them*\nc - s\n");
  ASSERT_NE(first, std::string::npos) << lines;
  EXPECT_LT(lines.find("= e"), first) << lines;
  EXPECT_TRUE(lines.ends_with("\nfinding: 2 | 3 of *them*\n")) << lines;
  EXPECT_EQ(sweep.json()["git_revisions"], nlohmann::json({"abc"}));
}

}  // namespace
}  // namespace bnlab::experiments

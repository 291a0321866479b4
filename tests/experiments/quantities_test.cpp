#include "experiments/quantities.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "experiments/quantities_testing.h"
#include "util/errors.h"

namespace bnlab::experiments {
namespace {

TEST(OverTimeOf, EachReduction) {
  const Directory run(series);
  EXPECT_EQ(run.value(over_time(OverTime::final)), 1);
  EXPECT_EQ(run.value(over_time(OverTime::best)), 8);
  QuantityConfig lower = over_time(OverTime::best);
  lower.better = config::Better::lower;
  EXPECT_EQ(run.value(lower), 1);
  EXPECT_EQ(run.value(over_time(OverTime::mean)), 4);
  EXPECT_EQ(run.value(over_time(OverTime::median)), 4);
  EXPECT_EQ(run.value(over_time(OverTime::range)), 7);
  // Trapezoids: 10 * 3.5 + 10 * 5 + 30 * 6 + 50 * 2.5.
  EXPECT_EQ(run.value(over_time(OverTime::area)), 390);
  QuantityConfig at = over_time(OverTime::at);
  at.series.step = 20;
  EXPECT_EQ(run.value(at), 8);
  at.series.step = 30;
  EXPECT_EQ(run.error<DataError>(at), "p.csv: quantity q: no row at step 30");
  at.series.step = 0;
  EXPECT_EQ(run.value(at), 5);
}

TEST(OverTimeOf, Deviations) {
  const Directory run(series);  // 5 2 8 4 1
  EXPECT_NEAR(run.value(over_time(OverTime::standard_deviation)), std::sqrt(30.0 / 4), 1e-15);
  EXPECT_NEAR(run.value(last_of(OverTime::standard_deviation, 2)), std::sqrt(4.5), 1e-15);
  // -3 6 -4 -3, whose mean is -1: 4 + 49 + 9 + 4 over 3, and half of that.
  EXPECT_NEAR(run.value(over_time(OverTime::detrended_deviation)), std::sqrt(66.0 / 3 / 2), 1e-15);
  EXPECT_NEAR(run.value(last_of(OverTime::detrended_deviation, 3)), std::sqrt(0.5 / 2), 1e-15);
  // A straight line moves, and has no noise.
  const Directory line("step,y\n1,3\n2,5\n3,7\n4,9\n");
  EXPECT_EQ(line.value(over_time(OverTime::detrended_deviation)), 0);
  EXPECT_GT(line.value(over_time(OverTime::standard_deviation)), 2);
  for (const OverTime reduction : {OverTime::standard_deviation, OverTime::detrended_deviation})
    EXPECT_TRUE(std::isnan(run.value(last_of(reduction, 1))));
  EXPECT_TRUE(std::isnan(run.value(last_of(OverTime::detrended_deviation, 2))));
  const Directory with_nan("step,y\n0,3\n10,nan\n20,1\n");
  EXPECT_TRUE(std::isnan(with_nan.value(over_time(OverTime::standard_deviation))));
}

TEST(OverTimeOf, TheLastRows) {
  const Directory run(series);
  EXPECT_EQ(run.value(last_of(OverTime::mean, 1)), 1);
  EXPECT_EQ(run.value(last_of(OverTime::mean, 2)), 2.5);
  EXPECT_EQ(run.value(last_of(OverTime::median, 2)), 2.5);
  EXPECT_EQ(run.value(last_of(OverTime::median, 4)), 3);  // of 2 8 4 1
  EXPECT_EQ(run.value(last_of(OverTime::median, 3)), 4);
  EXPECT_EQ(run.value(last_of(OverTime::mean, 5)), 4);
  EXPECT_EQ(run.value(last_of(OverTime::mean, 1000)), 4);
}

// ---- at the first step at which another series reaches a level

//                                       train loss: 5, 2, 1, 0.5
const char* const learning =
    "step,split,loss,y\n0,train,5,1\n0,test,5,2\n10,train,2,4\n10,test,1,8\n20,train,1,7\n20,test,3,11\n"
    "30,train,0.5,9\n30,test,4,20\n";

QuantityConfig at_train_loss(double level) {
  QuantityConfig quantity = over_time(OverTime::at_level);
  quantity.series.level = level;
  quantity.series.when =
      config::WhenConfig{.column = "loss", .where = {{{"split", {"train"}}}}, .better = config::Better::lower};
  return quantity;
}

TEST(AtLevel, TheRowWhereAnotherSeriesReachesIt) {
  const Directory run(learning);
  EXPECT_EQ(run.value(where(at_train_loss(5), "split", {"test"})), 2);
  EXPECT_EQ(run.value(where(at_train_loss(2), "split", {"test"})), 8);
  EXPECT_EQ(run.value(where(at_train_loss(1.5), "split", {"test"})), 11);
  EXPECT_EQ(run.value(where(at_train_loss(0.6), "split", {"test"})), 20);
  EXPECT_EQ(run.value(where(at_train_loss(0.6), "split", {"train"})), 9);
  QuantityConfig gap = at_train_loss(1.5);
  gap.over_rows = OverRows::difference;
  EXPECT_EQ(run.value(gap), 4);  // 11 - 7
  QuantityConfig late = where(at_train_loss(5), "split", {"test"});
  late.series.from_step = 15;
  EXPECT_EQ(run.value(late), 11);
  QuantityConfig higher = where(at_train_loss(3), "split", {"train"});
  higher.series.when->where.columns = {{"split", {"test"}}};
  higher.series.when->better = config::Better::higher;
  EXPECT_EQ(run.value(higher), 1);
  higher.series.from_step = 1;
  EXPECT_EQ(run.value(higher), 7);
  // One series may be divided by another at its own step.
  QuantityConfig ratio = where(at_train_loss(1), "split", {"test"});
  ratio.divided_by = at_train_loss(2).series;
  EXPECT_EQ(run.value(ratio), 11.0 / 8);
}

TEST(AtLevel, NeverReachedIsNoNumber) {
  const Directory run(learning);
  const QuantityConfig quantity = where(at_train_loss(0.4), "split", {"test"});
  for (const RunState state : {RunState::completed, RunState::diverged})
    EXPECT_TRUE(std::isnan(run.measure(quantity, state).value));
  // What a run reached before it diverged it has reached.
  EXPECT_EQ(run.value(where(at_train_loss(1), "split", {"test"}), RunState::diverged), 11);
  EXPECT_TRUE(std::isnan(Directory("step,split,loss,y\n").measure(quantity, RunState::diverged).value));
}

TEST(AtLevel, ProblemsAreNamed) {
  const Directory run(learning);
  QuantityConfig several = at_train_loss(1);
  several.series.when->where.columns.clear();
  EXPECT_EQ(run.error<ConfigError>(where(several, "split", {"test"})),
            "quantity q: when.where must select one row of each step; p.csv has 2 that match");
  QuantityConfig wrong = where(at_train_loss(1), "split", {"test"});
  wrong.series.when->where.columns = {{"split", {"tran"}}};
  EXPECT_EQ(run.error<DataError>(wrong), "p.csv: quantity q: column split is never \"tran\"; did you mean \"train\"?");
  wrong.series.when = config::WhenConfig{.column = "los", .where = {{{"split", {"train"}}}}};
  EXPECT_EQ(run.error<ConfigError>(wrong), "quantity q: p.csv has no column \"los\"; did you mean \"loss\"?");
  // The step of the other series has no row here.
  EXPECT_EQ(Directory("step,split,loss,y\n10,train,1,4\n20,test,1,8\n")
                .error<DataError>(where(at_train_loss(1), "split", {"test"})),
            "p.csv: quantity q: no row at step 10");
}

// ----

TEST(OverTimeOf, FromAStepOn) {
  const Directory run(series);
  const auto from = [](OverTime reduction, std::int64_t step) {
    QuantityConfig quantity = over_time(reduction);
    quantity.series.from_step = step;
    return quantity;
  };
  EXPECT_EQ(run.value(from(OverTime::range, 20)), 7);
  EXPECT_EQ(run.value(from(OverTime::range, 21)), 3);
  EXPECT_EQ(run.value(from(OverTime::mean, 50)), 2.5);
  EXPECT_EQ(run.value(from(OverTime::area, 50)), 125);
  EXPECT_TRUE(std::isnan(run.value(from(OverTime::area, 100))));  // no area under one row
  EXPECT_EQ(run.value(from(OverTime::final, 100)), 1);
  for (const OverTime reduction : {OverTime::final, OverTime::best, OverTime::mean, OverTime::median, OverTime::range})
    EXPECT_TRUE(std::isnan(run.value(from(reduction, 101))));
  QuantityConfig late = steps_to(4);
  late.series.from_step = 21;
  EXPECT_EQ(run.value(late), 50);
}

TEST(OverTimeOf, AnotherColumnTakenAway) {
  const Directory run(series);
  const auto minus = [](OverTime reduction) {
    QuantityConfig quantity = over_time(reduction);
    quantity.series.minus = "z";
    return quantity;
  };
  EXPECT_EQ(run.value(minus(OverTime::final)), -2);
  EXPECT_EQ(run.value(minus(OverTime::best)), 6);
  EXPECT_EQ(run.value(minus(OverTime::mean)), 2);  // 4 1 6 1 -2
  EXPECT_EQ(run.value(minus(OverTime::range)), 8);
}

TEST(OverTimeOf, DividedByAnotherSeries) {
  const Directory run(series);
  QuantityConfig quantity = over_time(OverTime::range);
  quantity.divided_by = SeriesConfig{};
  quantity.divided_by->column = "z";
  quantity.divided_by->over_time = OverTime::mean;
  EXPECT_EQ(run.value(quantity), 3.5);  // 7 / 2
  quantity.divided_by->minus = "y";
  EXPECT_EQ(run.value(quantity), -3.5);
  quantity.divided_by->minus = "z";
  EXPECT_EQ(run.value(quantity), inf);
}

// ---- groups ---------------------------------------------------------------------------------------------------------

const char* const layers =
    "step,layer,unit,y\n"
    "0,b,all,9\n0,a,all,9\n0,a,0,9\n"
    "5,b,all,1\n5,a,all,4\n5,a,0,16\n";

TEST(OverRowsOf, EachReduction) {
  const Directory run(layers);
  EXPECT_EQ(run.value(over_rows(OverRows::mean)), 7);
  EXPECT_EQ(run.value(over_rows(OverRows::median)), 4);
  EXPECT_EQ(run.value(over_rows(OverRows::minimum)), 1);
  EXPECT_EQ(run.value(over_rows(OverRows::maximum)), 16);
  EXPECT_EQ(run.value(over_rows(OverRows::sum)), 21);
  // ln 1, ln 4, ln 16 over 0, 1, 2, in the file's order.
  EXPECT_NEAR(run.value(over_rows(OverRows::log_slope)), std::log(4.0), 1e-15);
}

// A row that is not a number is no good row, which `best` leaves out and the extremes do not.
TEST(OverTimeOf, ExtremesOfAllRows) {
  const Directory run("step,y\n1,3\n2,-7\n3,5\n");
  EXPECT_EQ(run.value(over_time(OverTime::minimum)), -7);
  EXPECT_EQ(run.value(over_time(OverTime::maximum)), 5);
  const Directory with_nan("step,y\n1,3\n2,nan\n3,5\n");
  EXPECT_EQ(with_nan.value(over_time(OverTime::best)), 5);
  EXPECT_TRUE(std::isnan(with_nan.value(over_time(OverTime::minimum))));
  EXPECT_TRUE(std::isnan(with_nan.value(over_time(OverTime::maximum))));
}

TEST(OverRowsOf, ADifferenceIsTheLastMinusTheFirst) {
  EXPECT_EQ(Directory("step,layer,y\n1,a,3\n1,b,9\n1,c,5\n").value(over_rows(OverRows::difference)), 2);
  EXPECT_TRUE(std::isnan(Directory("step,layer,y\n1,a,3\n").value(over_rows(OverRows::difference))));
}

TEST(OverRowsOf, ARatioIsTheLastOverTheFirst) {
  EXPECT_EQ(Directory("step,layer,y\n1,a,4\n1,b,9\n1,c,5\n").value(over_rows(OverRows::ratio)), 1.25);
  EXPECT_EQ(Directory("step,layer,y\n1,a,0\n1,b,5\n").value(over_rows(OverRows::ratio)), inf);
  EXPECT_TRUE(std::isnan(Directory("step,layer,y\n1,a,3\n").value(over_rows(OverRows::ratio))));
}

TEST(OverRowsOf, ALogSlopeNeedsTwoPositiveValues) {
  EXPECT_TRUE(std::isnan(Directory("step,layer,y\n1,a,3\n").value(over_rows(OverRows::log_slope))));
  EXPECT_TRUE(std::isnan(Directory("step,layer,y\n1,a,3\n1,b,0\n").value(over_rows(OverRows::log_slope))));
  EXPECT_TRUE(std::isnan(Directory("step,layer,y\n1,a,3\n1,b,nan\n").value(over_rows(OverRows::log_slope))));
  // 1, 2, 4, 16: the slope of ln 2 * (0, 1, 2, 4) over 0, 1, 2, 3 is 1.3 ln 2.
  EXPECT_NEAR(Directory("step,layer,y\n1,a,1\n1,b,2\n1,c,4\n1,d,16\n").value(over_rows(OverRows::log_slope)),
              1.3 * std::log(2.0), 1e-15);
}

TEST(OverRowsOf, EachGroupIsDividedByItsOwn) {
  const Directory run("step,layer,y,z\n1,a,6,2\n1,b,5,10\n");
  QuantityConfig quantity = over_rows(OverRows::sum);
  quantity.divided_by = SeriesConfig{};
  quantity.divided_by->column = "z";
  EXPECT_EQ(run.value(quantity), 3.5);
}

TEST(OverRowsOf, ColumnsThatTellGroupsApart) {
  for (const char* column : {"split", "statistics", "layer", "tensor", "unit", "parameter", "factor", "multiplier"})
    EXPECT_EQ(Directory("step," + std::string(column) + ",y\n1,a,1\n1,b,2\n2,a,3\n").value(over_rows(OverRows::sum)), 5)
        << column;
  EXPECT_EQ(Directory("step,epoch,y\n1,a,1\n1,b,2\n2,a,3\n").value(over_rows(OverRows::sum)), 3);
}

TEST(Where, OneOrSeveralValues) {
  const Directory run(layers);
  EXPECT_EQ(run.value(where(over_rows(OverRows::sum), "layer", {"a"})), 20);
  EXPECT_EQ(run.value(where(where(over_rows(OverRows::sum), "layer", {"a", "b"}), "unit", {"all"})), 5);
  // A run that diverged may not have come to each of them.
  EXPECT_EQ(run.value(where(over_time(OverTime::best), "unit", {"0", "7"}), RunState::diverged), 16);
  EXPECT_EQ(run.value(where(over_rows(OverRows::sum), "step", {"0"})), 27);
}

TEST(Where, NoRowOfARunThatCompletedIsNamed) {
  const Directory run(layers);
  EXPECT_EQ(run.error<DataError>(where(over_rows(OverRows::sum), "layer", {"bb", "c"})),
            R"(p.csv: quantity q: column layer is never "bb"; did you mean "b"?)");
  EXPECT_EQ(run.error<DataError>(where(over_rows(OverRows::sum), "unit", {"0", "al"})),
            R"(p.csv: quantity q: column unit is never "al"; did you mean "all"?)");
  EXPECT_EQ(run.error<DataError>(where(where(over_rows(OverRows::sum), "layer", {"b"}), "unit", {"0"})),
            "p.csv: quantity q: no row matches where");
  EXPECT_EQ(Directory("step,y\n").error<DataError>(over_rows(OverRows::sum)), "p.csv: quantity q: it has no rows");
}

TEST(Where, EvalLeavesOneSplitAndOneKindOfStatistics) {
  const std::string eval =
      "step,epoch,split,statistics,y\n0,0,test,running,1\n0,0,validation,running,2\n0,0,test,batch,3\n";
  const Directory run(eval, "eval.csv");
  test::expect_contains(run.error<ConfigError>(over_time(OverTime::final)),
                        "quantity q: where must select one split and one kind of statistics of eval.csv, unless "
                        "over_rows compares them; eval.csv has 3");
  test::expect_contains(run.error<ConfigError>(where(over_time(OverTime::final), "split", {"test"})), "has 2");
  EXPECT_EQ(run.value(where(over_time(OverTime::final), "split", {"validation"})), 2);
  EXPECT_EQ(run.value(where(where(over_time(OverTime::final), "split", {"test"}), "statistics", {"batch"})), 3);
  QuantityConfig difference = where(over_time(OverTime::final), "split", {"test"});
  difference.over_rows = OverRows::difference;
  EXPECT_EQ(run.value(difference), 2);  // batch - running
}

// ---- not finite, diverged, damaged ----------------------------------------------------------------------------------

TEST(NonFinite, IsWhatItIs) {
  const Directory with_nan("step,y\n0,3\n10,nan\n20,1\n");
  EXPECT_EQ(with_nan.value(over_time(OverTime::final)), 1);
  EXPECT_EQ(with_nan.value(over_time(OverTime::best)), 3);
  for (const OverTime reduction : {OverTime::mean, OverTime::median, OverTime::range, OverTime::area})
    EXPECT_TRUE(std::isnan(with_nan.value(over_time(reduction))));
  EXPECT_EQ(with_nan.value(last_of(OverTime::mean, 1)), 1);
  const Directory with_infinity("step,y\n0,3\n10,inf\n20,1\n");
  EXPECT_EQ(with_infinity.value(over_time(OverTime::best)), inf);
  EXPECT_EQ(with_infinity.value(over_time(OverTime::median)), 3);
  for (const OverTime reduction : {OverTime::mean, OverTime::range, OverTime::area})
    EXPECT_EQ(with_infinity.value(over_time(reduction)), inf);
  for (const OverRows reduction :
       {OverRows::mean, OverRows::median, OverRows::minimum, OverRows::maximum, OverRows::sum})
    EXPECT_TRUE(std::isnan(Directory("step,layer,y\n1,a,nan\n1,b,2\n1,c,3\n").value(over_rows(reduction))));
}

TEST(Diverged, TheLastRowOfAnotherFileThanTrainIsNotTheEnd) {
  for (const char* file : {"eval.csv", "p.csv"}) {
    const Directory run(series, file);
    for (const OverTime reduction :
         {OverTime::final, OverTime::mean, OverTime::median, OverTime::range, OverTime::area})
      EXPECT_TRUE(std::isnan(run.value(over_time(reduction), RunState::diverged))) << file;
    EXPECT_EQ(run.value(over_time(OverTime::best), RunState::diverged), 8);
    QuantityConfig at = over_time(OverTime::at);
    at.series.step = 20;
    EXPECT_EQ(run.value(at, RunState::diverged), 8);
    at.series.step = 1000;
    EXPECT_TRUE(std::isnan(run.value(at, RunState::diverged)));
    QuantityConfig divided = over_time(OverTime::best);
    divided.divided_by = SeriesConfig{};
    divided.divided_by->column = "z";
    EXPECT_TRUE(std::isnan(run.value(divided, RunState::diverged)));
  }
  const Directory train("step,y\n1,3\n2,inf\n", "train.csv");
  EXPECT_EQ(train.value(over_time(OverTime::final), RunState::diverged), inf);
  EXPECT_EQ(train.value(over_time(OverTime::mean), RunState::diverged), inf);
}

TEST(Diverged, AValueOfItsOwn) {
  const Directory run(series, "eval.csv");
  for (const OverTime reduction : {OverTime::final, OverTime::best, OverTime::mean, OverTime::area}) {
    QuantityConfig quantity = over_time(reduction);
    quantity.when_diverged = 0.1;
    EXPECT_EQ(run.value(quantity, RunState::diverged), 0.1);
    EXPECT_NE(run.value(quantity, RunState::completed), 0.1);
  }
  // Whatever became of its file.
  QuantityConfig quantity = over_time(OverTime::final);
  quantity.file = "none.csv";
  quantity.when_diverged = 0.1;
  EXPECT_EQ(measure(quantity, "/nowhere", report_of(RunState::diverged)).value, 0.1);
}

TEST(Diverged, BeforeItsFirstRow) {
  const Directory run("step,split,y\n", "eval.csv");
  EXPECT_TRUE(std::isnan(run.value(over_time(OverTime::final), RunState::diverged)));
  EXPECT_TRUE(std::isnan(run.value(over_time(OverTime::best), RunState::diverged)));
  const Value steps = run.measure(where(steps_to(1), "split", {"test"}), RunState::diverged, 500);
  EXPECT_EQ(steps.value, 500);
  EXPECT_EQ(steps.bound, Bound::at_least);
}

TEST(Damage, IsNamed) {
  EXPECT_EQ(Directory(series).error<ConfigError>(over_time(OverTime::final, "yy")),
            R"(quantity q: p.csv has no column "yy"; did you mean "y"?)");
  EXPECT_EQ(Directory(series).error<ConfigError>(where(over_time(OverTime::final), "leyer", {"a"})),
            R"(quantity q: p.csv has no column "leyer")");
  QuantityConfig minus = over_time(OverTime::final);
  minus.series.minus = "w";
  test::expect_contains(Directory(series).error<ConfigError>(minus), R"(has no column "w")");
  test::expect_contains(Directory("y\n1\n").error<ConfigError>(over_time(OverTime::final)), R"(has no column "step")");
  EXPECT_EQ(Directory("step,y\n1,abc\n").error<DataError>(over_time(OverTime::final)),
            R"(p.csv: column y: "abc" is not a number)");
  for (const std::string step : {"nan", "inf", "-1", "1e300"})
    EXPECT_EQ(Directory("step,y\n" + step + ",1\n").error<DataError>(over_time(OverTime::final)),
              "p.csv: column step: \"" + step + "\" is not a step");
  test::expect_contains(Directory("").error<DataError>(over_time(OverTime::final)), "p.csv: empty");
  test::expect_contains(Directory("step,y\n1,2,3\n").error<DataError>(over_time(OverTime::final)), "p.csv:2: 3 values");
  QuantityConfig missing = over_time(OverTime::final);
  missing.file = "none.csv";
  test::expect_contains(
      test::error_text<DataError>([&] { measure(missing, "/nowhere", report_of(RunState::completed)); }),
      "/nowhere/none.csv");
}

TEST(Damage, ALastLineThatIsNotWhole) {
  for (const char* text : {"step,y\n1,2\n2,4\n3,4", "step,y\n1,2\n2,4\n3"})
    EXPECT_EQ(Directory(text).error<DataError>(over_time(OverTime::final)),
              "p.csv: cut off: its last line is not whole");
}

}  // namespace
}  // namespace bnlab::experiments

// Numbers of steps: to a level, to a number that is not finite.
#include "experiments/quantities.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "experiments/quantities_testing.h"

namespace bnlab::experiments {
namespace {

void expect_between(const Value& value, double low, double high) {
  EXPECT_EQ(known(value).low, low);
  EXPECT_EQ(known(value).high, high);
}

TEST(StepsTo, TheFirstRowAtTheLevel) {
  const Directory run(series);
  EXPECT_EQ(run.value(steps_to(5)), 0);
  EXPECT_EQ(run.value(steps_to(6)), 20);
  EXPECT_EQ(run.value(steps_to(8)), 20);
  EXPECT_EQ(run.value(steps_to(2, config::Better::lower)), 10);
  EXPECT_EQ(run.value(steps_to(1.5, config::Better::lower)), 100);
}

TEST(StepsTo, ALevelNeverReachedNeedsMoreThanTheSteps) {
  const Directory run(series);
  for (const RunState state : {RunState::completed, RunState::diverged}) {
    const Value higher = run.measure(steps_to(8.5), state, 777);
    EXPECT_EQ(higher.value, 777);
    EXPECT_EQ(higher.bound, Bound::at_least);
    const Value lower = run.measure(steps_to(0.5, config::Better::lower), state, 777);
    EXPECT_EQ(lower.value, 777);
    EXPECT_EQ(lower.bound, Bound::at_least);
    // Reached before the end is reached.
    EXPECT_EQ(run.measure(steps_to(8), state, 777).bound, Bound::exact);
  }
}

TEST(StepsTo, BetweenTheRowBeforeAndTheRow) {
  const Directory run(series);
  const auto from = [](double level, std::int64_t step) {
    QuantityConfig quantity = steps_to(level);
    quantity.series.from_step = step;
    return quantity;
  };
  expect_between(run.measure(steps_to(5)), 0, 0);  // in the row of step 0: no step is needed
  expect_between(run.measure(steps_to(6)), 10, 20);
  expect_between(run.measure(steps_to(2, config::Better::lower)), 0, 10);
  expect_between(run.measure(steps_to(1.5, config::Better::lower)), 50, 100);
  expect_between(run.measure(steps_to(9)), 100, inf);
  expect_between(run.measure(from(4, 20)), 20, 20);
  expect_between(run.measure(from(4, 21)), 21, 50);  // rows before do not count
  expect_between(Directory("step,y\n30,7\n60,9\n").measure(steps_to(7)), 0, 30);
  // What no row shows of a run that completed may come after the last row; one that diverged never comes to it.
  const Directory probe("step,y\n0,1\n90,2\n");
  expect_between(probe.measure(steps_to(7)), 90, inf);
  EXPECT_EQ(probe.measure(steps_to(7)).bound, Bound::at_least);
  expect_between(probe.measure(steps_to(7), RunState::diverged), 100, inf);
}

TEST(StepsTo, NanIsNoLevelAndInfinityIs) {
  const Directory run("step,y\n0,nan\n10,-nan\n20,3\n30,inf\n");
  EXPECT_EQ(run.value(steps_to(2)), 20);
  EXPECT_EQ(run.value(steps_to(4)), 30);
}

TEST(StepsTo, GroupsTogether) {
  const Directory run("step,layer,y\n10,a,1\n10,b,0\n20,a,1\n20,b,0\n30,a,1\n30,b,1\n");
  EXPECT_EQ(run.value(steps_to(1)), 20);             // mean of 10 and 30
  expect_between(run.measure(steps_to(1)), 10, 20);  // of 0 to 10 and 20 to 30
  QuantityConfig never = steps_to(1);
  never.where.columns.emplace_back("step", std::vector<std::string>{"10", "20"});
  const Value value = run.measure(never);
  EXPECT_EQ(value.value, 55);  // mean of 10 and at least 100
  EXPECT_EQ(value.bound, Bound::at_least);
  // Of 0 to 10 and more than 20, where the last row that counts is; the smallest is known.
  expect_between(value, 10, inf);
  never.over_rows = OverRows::minimum;
  EXPECT_EQ(run.value(never), 10);
  expect_between(run.measure(never), 0, 10);
}

const char* const two_rows =
    "step,statistics,y\n0,running,1\n0,precise,1\n10,running,1\n10,precise,6\n20,running,4\n20,precise,7\n"
    "30,running,7\n30,precise,8\n40,running,9\n";

QuantityConfig steps_to_gap(OverRows reduction, double level, std::int64_t from_step) {
  QuantityConfig quantity = steps_to(level, config::Better::lower);
  quantity.over_rows = reduction;
  quantity.series.from_step = from_step;
  return quantity;
}

// The difference of each step is compared with the level, not the difference between two numbers of steps.
TEST(StepsTo, ADifferenceOfRows) {
  const Directory run(two_rows);
  const auto gap = [](double level) { return steps_to_gap(OverRows::difference, level, 10); };
  expect_between(run.measure(gap(5)), 10, 10);
  expect_between(run.measure(gap(3)), 10, 20);
  expect_between(run.measure(gap(1)), 20, 30);
  // A step that only one row has does not count.
  expect_between(run.measure(gap(0)), 30, inf);
  EXPECT_EQ(run.measure(gap(0)).bound, Bound::at_least);
  expect_between(run.measure(steps_to_gap(OverRows::difference, 1, 0)), 0, 0);
  expect_between(run.measure(steps_to_gap(OverRows::ratio, 1.5, 10)), 20, 30);
}

TEST(FirstNonFinite, ADifferenceOfRows) {
  QuantityConfig quantity = over_time(OverTime::first_non_finite);
  quantity.over_rows = OverRows::difference;
  const Directory run("step,layer,y\n1,a,1\n1,b,2\n2,a,inf\n2,b,inf\n");
  expect_between(run.measure(quantity), 1, 2);
}

TEST(FirstNonFinite, TheStepOrABound) {
  EXPECT_EQ(Directory("step,y\n1,3\n2,inf\n3,nan\n").value(over_time(OverTime::first_non_finite)), 2);
  EXPECT_EQ(Directory("step,y\n1,3\n7,nan\n").value(over_time(OverTime::first_non_finite), RunState::diverged), 7);
  const Value never = Directory(series).measure(over_time(OverTime::first_non_finite));
  EXPECT_EQ(never.value, 100);
  EXPECT_EQ(never.bound, Bound::at_least);
  // The run went on to step 60 alone, and there it was not finite.
  EXPECT_EQ(Directory("step,y\n1,3\n50,2\n").value(over_time(OverTime::first_non_finite), RunState::diverged), 60);
  EXPECT_EQ(Directory("step,y\n").value(over_time(OverTime::first_non_finite), RunState::diverged), 60);
  const QuantityConfig first = over_time(OverTime::first_non_finite);
  expect_between(Directory("step,y\n1,3\n2,inf\n").measure(first), 1, 2);
  expect_between(Directory("step,y\n1,3\n50,2\n").measure(first, RunState::diverged), 50, 60);
  expect_between(Directory("step,y\n").measure(first, RunState::diverged), 0, 60);
  expect_between(Directory(series).measure(first), 100, inf);
}

TEST(BetterValue, OfStepsItIsNotTheColumns) {
  for (const config::Better better : {config::Better::higher, config::Better::lower}) {
    EXPECT_EQ(better_value(steps_to(1, better)), config::Better::lower);
    QuantityConfig quantity = over_time(OverTime::first_non_finite);
    quantity.better = better;
    EXPECT_EQ(better_value(quantity), config::Better::higher);
    quantity.series.over_time = OverTime::final;
    EXPECT_EQ(better_value(quantity), better);
  }
}

}  // namespace
}  // namespace bnlab::experiments

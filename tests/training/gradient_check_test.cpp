// The check itself is under test: it has to let right gradients pass and every wrong one fail.

#include "training/gradient_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "training/small_run.h"

namespace bnlab::training {
namespace {

using test::numbers;

/// sum a_i sin(x_i) + x_i x_(i+1) / 10: no kinks, a gradient that is easily written down.
struct Function {
  std::vector<float> at = numbers(29, 3);
  std::vector<float> a = numbers(29, 5);

  double value(std::span<const float> x) const {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      sum += static_cast<double>(a[i]) * std::sin(static_cast<double>(x[i]));
      if (i + 1 < x.size()) sum += static_cast<double>(x[i]) * static_cast<double>(x[i + 1]) / 10.0;
    }
    // A loss of a network is summed up in 32-bit floats.
    return static_cast<double>(static_cast<float>(sum));
  }

  std::vector<float> gradient() const {
    std::vector<float> result(at.size());
    for (std::size_t i = 0; i < at.size(); ++i) {
      double g = static_cast<double>(a[i]) * std::cos(static_cast<double>(at[i]));
      if (i > 0) g += static_cast<double>(at[i - 1]) / 10.0;
      if (i + 1 < at.size()) g += static_cast<double>(at[i + 1]) / 10.0;
      result[i] = static_cast<float>(g);
    }
    return result;
  }

  GradientCheckRow check(const std::vector<float>& gradient) const {
    return check_gradient("x", at, gradient, [this](std::span<const float> x) { return value(x); }, {});
  }
};

std::size_t largest(const std::vector<float>& values) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (std::abs(values[i]) > std::abs(values[best])) best = i;
  return best;
}

TEST(GradientCheck, RightGradientPasses) {
  const Function f;
  const GradientCheckRow row = f.check(f.gradient());
  EXPECT_TRUE(row.passed);
  EXPECT_LT(row.direction_error, 1e-2);
  EXPECT_LT(row.element_error, 1e-2);
  EXPECT_EQ(row.values, 29);
  double squares = 0;
  for (const float g : f.gradient()) squares += static_cast<double>(g) * static_cast<double>(g);
  EXPECT_NEAR(row.gradient_norm, std::sqrt(squares), 1e-9);
}

TEST(GradientCheck, ScaledGradientFails) {
  const Function f;
  for (const float scale : {1.1f, 0.9f, 2.0f, 0.5f, -1.0f, 1000.0f, 1e-3f}) {
    std::vector<float> gradient = f.gradient();
    for (float& g : gradient) g *= scale;
    EXPECT_FALSE(f.check(gradient).passed) << scale;
  }
}

TEST(GradientCheck, OneWrongElementFails) {
  const Function f;
  for (std::size_t i = 0; i < f.at.size(); ++i) {
    std::vector<float> gradient = f.gradient();
    gradient[i] += 0.5f * std::abs(gradient[largest(gradient)]);
    EXPECT_FALSE(f.check(gradient).passed) << "element " << i;
  }
  std::vector<float> gradient = f.gradient();
  gradient[largest(gradient)] = 0.0f;
  EXPECT_FALSE(f.check(gradient).passed);
}

TEST(GradientCheck, SwappedElementsFail) {
  const Function f;
  std::vector<float> gradient = f.gradient();
  std::swap(gradient[largest(gradient)], gradient[0]);
  EXPECT_FALSE(f.check(gradient).passed);
}

TEST(GradientCheck, ZeroGradientOfAFunctionThatIsNotConstantFails) {
  const Function f;
  EXPECT_FALSE(f.check(std::vector<float>(f.at.size(), 0.0f)).passed);
}

TEST(GradientCheck, NotFiniteFails) {
  const Function f;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::size_t i : {std::size_t{0}, largest(f.gradient()), f.at.size() - 1}) {
      std::vector<float> gradient = f.gradient();
      gradient[i] = bad;
      EXPECT_FALSE(f.check(gradient).passed) << bad << " at " << i;
    }
    EXPECT_FALSE(f.check(std::vector<float>(f.at.size(), bad)).passed) << bad;
  }
}

TEST(GradientCheck, LossThatIsNotFiniteFails) {
  const Function f;
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    EXPECT_FALSE(check_gradient("x", f.at, f.gradient(), [&](std::span<const float>) { return bad; }, {}).passed);
}

TEST(GradientCheck, ConstantFunctionWithZeroGradientPasses) {
  const Function f;
  const std::vector<float> zero(f.at.size(), 0.0f);
  EXPECT_TRUE(check_gradient("x", f.at, zero, [](std::span<const float>) { return 2.5; }, {}).passed);
  EXPECT_FALSE(check_gradient("x", f.at, f.gradient(), [](std::span<const float>) { return 2.5; }, {}).passed);
}

TEST(GradientCheck, WholeNetworks) {
  const data::Dataset dataset = test::small_dataset();
  const data::Scaler scaler(dataset, config::Scaling::standardized);
  for (const auto& run :
       {test::small_mlp(config::NormalizationType::batch), test::small_conv(config::NormalizationType::none)}) {
    network::Network network(run, dataset.info, 6, true);
    test::run_first_batch(network, dataset, scaler);
    const NpzArrays before = network.weights();
    const auto rows = check_gradients(network, {});
    ASSERT_EQ(rows.size(), network.parameters().all().size() + 1);
    EXPECT_EQ(rows[0].name, "input");
    for (const GradientCheckRow& row : rows) EXPECT_TRUE(row.passed) << row.name << " " << row.direction_error;
    for (const auto& [name, array] : before)
      EXPECT_EQ(array.values, network.weights().at(name).values) << name << " was not put back";
  }
}

}  // namespace
}  // namespace bnlab::training

// The references for dense, conv, pools and activations against central differences, sums written from the definition,
// and numbers worked out by hand.

#include "reference/layers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <ostream>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "reference/array.h"
#include "reference/finite_differences.h"
#include "reference/pooling.h"

namespace bnlab::reference {
namespace {

constexpr double kTolerance = 1e-7;

/// Distinct values, neighbours 0.01 apart and none within 0.005 of zero: no tie and no kink within the differences'
/// reach.
Array spread(const Shape& shape, std::mt19937_64& generator) {
  Array array = zeros(shape);
  const std::int64_t middle = array.size() / 2;
  for (std::int64_t i = 0; i < array.size(); ++i) array.values[i] = 0.01 * static_cast<double>(i - middle) + 0.005;
  for (std::size_t i = array.values.size(); i > 1; --i) std::swap(array.values[i - 1], array.values[generator() % i]);
  return array;
}

/// Expects `analytic` to be the gradient of dot(forward(), weighting) with respect to x, which forward reads.
void expect_gradient(const std::function<Array()>& forward, const Array& weighting, Array& x, const Array& analytic) {
  const Array numeric = numeric_gradient([&] { return dot(forward(), weighting); }, x);
  EXPECT_LE(max_relative_error(analytic, numeric), kTolerance);
}

// ---- dense ---------------------------------------------------------------------------------------------------------

TEST(ReferenceDense, KnownValues) {
  const Array src{{1, 2}, {3.0, -1.0}}, weights{{2, 2}, {1.0, 2.0, 0.5, -4.0}}, bias{{2}, {10.0, 20.0}};
  EXPECT_EQ(dense_forward(src, weights, &bias).values, (std::vector<double>{11.0, 25.5}));
  EXPECT_EQ(dense_forward(src, weights, nullptr).values, (std::vector<double>{1.0, 5.5}));
  const LinearGradients gradients = dense_backward(src, weights, {{1, 2}, {1.0, 2.0}});
  EXPECT_EQ(gradients.diff_src.values, (std::vector<double>{2.0, -6.0}));
  EXPECT_EQ(gradients.diff_weights.values, (std::vector<double>{3.0, -1.0, 6.0, -2.0}));
  EXPECT_EQ(gradients.diff_bias.values, (std::vector<double>{1.0, 2.0}));
}

TEST(ReferenceDense, Gradients) {
  std::mt19937_64 generator(1);
  for (const auto& [batch, inputs, outputs] :
       std::vector<std::array<std::int64_t, 3>>{{1, 1, 1}, {1, 17, 3}, {5, 1, 17}, {3, 100, 17}, {2, 17, 100}}) {
    SCOPED_TRACE(to_string({batch, inputs, outputs}));
    Array src = random_uniform({batch, inputs}, generator, -1, 1);
    Array weights = random_uniform({outputs, inputs}, generator, -1, 1);
    Array bias = random_uniform({outputs}, generator, -1, 1);
    const Array diff_dst = random_uniform({batch, outputs}, generator, -1, 1);
    const auto forward = [&] { return dense_forward(src, weights, &bias); };
    const LinearGradients gradients = dense_backward(src, weights, diff_dst);
    expect_gradient(forward, diff_dst, src, gradients.diff_src);
    expect_gradient(forward, diff_dst, weights, gradients.diff_weights);
    expect_gradient(forward, diff_dst, bias, gradients.diff_bias);
  }
}

TEST(ReferenceDense, FlattensImages) {
  std::mt19937_64 generator(2);
  const Array src = random_uniform({2, 3, 2, 2}, generator, -1, 1), weights = random_uniform({4, 12}, generator, -1, 1);
  EXPECT_EQ(dense_forward(src, weights, nullptr).values, dense_forward(reshape(src, {2, 12}), weights, nullptr).values);
  EXPECT_EQ(dense_backward(src, weights, zeros({2, 4})).diff_src.shape, src.shape);
  EXPECT_THROW(dense_forward(src, zeros({4, 11}), nullptr), std::invalid_argument);
}

// ---- conv ----------------------------------------------------------------------------------------------------------

struct ConvCase {
  const char* name;
  Shape src, weights;
  ConvGeometry geometry;
};
void PrintTo(const ConvCase& c, std::ostream* out) { *out << c.name; }

class ReferenceConv : public testing::TestWithParam<ConvCase> {};

/// The definition, pixel by pixel.
Array conv_by_definition(const Array& src, const Array& weights, const Array& bias, const ConvGeometry& geometry) {
  const auto at = [](const Array& a, std::int64_t i, std::int64_t j, std::int64_t k, std::int64_t l) {
    const bool outside = k < 0 || k >= a.shape[2] || l < 0 || l >= a.shape[3];
    return outside ? 0.0 : a.values.at(((i * a.shape[1] + j) * a.shape[2] + k) * a.shape[3] + l);
  };
  Array dst{conv_dst_shape(src, weights, geometry), {}};
  const std::int64_t inputs = weights.dim(1), per_group = weights.dim(0) / geometry.groups;
  for (std::int64_t n = 0; n < dst.dim(0); ++n)
    for (std::int64_t o = 0; o < dst.dim(1); ++o)
      for (std::int64_t p = 0; p < dst.dim(2); ++p)
        for (std::int64_t q = 0; q < dst.dim(3); ++q) {
          double sum = bias.values.at(o);
          for (std::int64_t i = 0; i < inputs; ++i)
            for (std::int64_t h = 0; h < weights.dim(2); ++h)
              for (std::int64_t w = 0; w < weights.dim(3); ++w)
                sum += at(weights, o, i, h, w) * at(src, n, o / per_group * inputs + i,
                                                    p * geometry.stride.height + h - geometry.padding.height,
                                                    q * geometry.stride.width + w - geometry.padding.width);
          dst.values.push_back(sum);
        }
  return dst;
}

TEST_P(ReferenceConv, DefinitionAndGradients) {
  const ConvCase& c = GetParam();
  std::mt19937_64 generator(3);
  Array src = random_uniform(c.src, generator, -1, 1), weights = random_uniform(c.weights, generator, -1, 1);
  Array bias = random_uniform({c.weights[0]}, generator, -1, 1);
  const auto forward = [&] { return conv_forward(src, weights, &bias, c.geometry); };
  const Array dst = forward();
  EXPECT_LE(max_relative_error(dst, conv_by_definition(src, weights, bias, c.geometry)), 1e-14);

  const Array diff_dst = random_uniform(dst.shape, generator, -1, 1);
  const LinearGradients gradients = conv_backward(src, weights, diff_dst, c.geometry);
  expect_gradient(forward, diff_dst, src, gradients.diff_src);
  expect_gradient(forward, diff_dst, weights, gradients.diff_weights);
  expect_gradient(forward, diff_dst, bias, gradients.diff_bias);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, ReferenceConv,
    testing::Values(ConvCase{"one_value", {1, 1, 1, 1}, {1, 1, 1, 1}, {}},
                    ConvCase{"same_3x3_on_1x1", {2, 3, 1, 1}, {2, 3, 3, 3}, {{1, 1}, {1, 1}, 1}},
                    ConvCase{"stride_2_on_1x1", {2, 2, 1, 1}, {2, 2, 3, 3}, {{2, 2}, {1, 1}, 1}},
                    ConvCase{"same_3x3", {2, 3, 5, 4}, {4, 3, 3, 3}, {{1, 1}, {1, 1}, 1}},
                    ConvCase{"stride_2", {2, 2, 7, 6}, {3, 2, 3, 3}, {{2, 2}, {1, 1}, 1}},
                    ConvCase{"asymmetric", {1, 2, 6, 7}, {3, 2, 1, 5}, {{1, 2}, {0, 2}, 1}},
                    ConvCase{"asymmetric_strides", {2, 2, 7, 5}, {2, 2, 5, 2}, {{3, 1}, {2, 0}, 1}},
                    ConvCase{"padding_beyond_the_kernel", {1, 1, 3, 3}, {1, 1, 2, 2}, {{2, 3}, {3, 4}, 1}},
                    ConvCase{"kernel_wider_than_the_image", {1, 2, 2, 2}, {2, 2, 5, 5}, {{1, 1}, {2, 2}, 1}},
                    ConvCase{"groups", {2, 6, 4, 4}, {4, 3, 3, 3}, {{1, 1}, {1, 1}, 2}},
                    ConvCase{"depthwise_17", {1, 17, 3, 3}, {17, 1, 3, 3}, {{1, 1}, {1, 1}, 17}},
                    ConvCase{"pointwise_100", {1, 100, 2, 1}, {17, 100, 1, 1}, {}}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(ReferenceConvKnown, CountsNeighboursWithinTheImage) {
  const Array dst = conv_forward(full({1, 1, 3, 3}, 1.0), full({1, 1, 3, 3}, 1.0), nullptr, {{1, 1}, {1, 1}, 1});
  EXPECT_EQ(dst.values, (std::vector<double>{4, 6, 4, 6, 9, 6, 4, 6, 4}));
}

TEST(ReferenceConvKnown, IsACrossCorrelation) {
  const Array src{{1, 1, 1, 3}, {1, 2, 3}}, weights{{1, 1, 1, 2}, {1, 10}};
  EXPECT_EQ(conv_forward(src, weights, nullptr, {}).values, (std::vector<double>{21, 32}));
}

TEST(ReferenceWeightStandardization, MomentsAndGradients) {
  std::mt19937_64 generator(3);
  for (const double scale : {1.0, 1e-3}) {  // epsilon counts where weights are small
    Array weights = random_uniform({3, 2, 3, 1}, generator, -scale, scale);
    const Array diff = random_uniform(weights.shape, generator, -1, 1);
    const auto forward = [&] { return standardize(weights); };
    const Array numeric = numeric_gradient([&] { return dot(forward(), diff); }, weights, 1e-3 * scale);
    EXPECT_LE(max_relative_error(standardize_backward(weights, diff), numeric), kTolerance);
  }
  const Array hat = standardize({{1, 4}, {1, 2, 3, 6}}, 0.0);  // mean 3, variance 3.5
  for (const auto& [i, expected] : std::map<std::size_t, double>{{0, -2}, {1, -1}, {2, 0}, {3, 3}})
    EXPECT_NEAR(hat.values[i], expected / std::sqrt(3.5), 1e-15);
}

TEST(ReferenceConvKnown, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(conv_forward(zeros({1, 3, 4, 4}), zeros({2, 2, 3, 3}), nullptr, {}), std::invalid_argument);
  EXPECT_THROW(conv_forward(zeros({1, 1, 2, 4}), zeros({1, 1, 3, 3}), nullptr, {}), std::invalid_argument);
  EXPECT_THROW(conv_forward(zeros({1, 4, 4, 4}), zeros({3, 2, 3, 3}), nullptr, {{1, 1}, {0, 0}, 2}),
               std::invalid_argument);
}

// ---- pools ---------------------------------------------------------------------------------------------------------

struct PoolCase {
  const char* name;
  Shape src;
  Window window;
};
void PrintTo(const PoolCase& c, std::ostream* out) { *out << c.name; }

class ReferencePool : public testing::TestWithParam<PoolCase> {};

TEST_P(ReferencePool, Gradients) {
  const PoolCase& c = GetParam();
  std::mt19937_64 generator(4);
  Array src = spread(c.src, generator);
  const Array diff_dst = random_uniform(pool_dst_shape(c.src, c.window), generator, -1, 1);
  expect_gradient([&] { return max_pool_forward(src, c.window); }, diff_dst, src,
                  max_pool_backward(src, diff_dst, c.window));
  expect_gradient([&] { return avg_pool_forward(src, c.window); }, diff_dst, src,
                  avg_pool_backward(c.src, diff_dst, c.window));
}

INSTANTIATE_TEST_SUITE_P(Shapes, ReferencePool,
                         testing::Values(PoolCase{"one_value", {1, 1, 1, 1}, {{1, 1}, {1, 1}, {0, 0}}},
                                         PoolCase{"halves", {2, 3, 4, 6}, {}},
                                         PoolCase{"leaves_a_rest", {1, 17, 7, 5}, {}},
                                         PoolCase{"overlapping", {2, 2, 7, 7}, {{3, 3}, {2, 2}, {1, 1}}},
                                         PoolCase{"asymmetric", {1, 100, 3, 4}, {{1, 3}, {2, 1}, {0, 2}}},
                                         PoolCase{"larger_than_the_image", {1, 2, 1, 1}, {{3, 3}, {2, 2}, {1, 1}}}),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(ReferencePoolKnown, PaddingNeitherWinsNorCounts) {
  const Array src{{1, 1, 2, 2}, {-1, -2, -3, -6}};
  const Window window{{2, 2}, {2, 2}, {1, 1}};
  EXPECT_EQ(max_pool_forward(src, window).values, (std::vector<double>{-1, -2, -3, -6}));
  EXPECT_EQ(avg_pool_forward(src, window).values, (std::vector<double>{-1, -2, -3, -6}));
  const Window wide{{3, 3}, {1, 1}, {1, 1}};
  EXPECT_EQ(max_pool_forward(src, wide).values, (std::vector<double>(4, -1)));
  EXPECT_EQ(avg_pool_forward(src, wide).values, (std::vector<double>(4, -3)));
  EXPECT_THROW(max_pool_forward(src, {{2, 2}, {2, 2}, {2, 0}}), std::invalid_argument);
}

TEST(ReferencePoolKnown, FirstOfEqualsWins) {
  const Array src{{1, 1, 2, 2}, {0, 5, 5, 5}};
  EXPECT_EQ(max_pool_backward(src, {{1, 1, 1, 1}, {7}}, {}).values, (std::vector<double>{0, 7, 0, 0}));
}

TEST(ReferencePoolKnown, OverlappingWindowsAdd) {
  const Array src{{1, 1, 1, 3}, {1, 9, 2}};
  const Window window{{1, 2}, {1, 1}, {0, 0}};
  EXPECT_EQ(max_pool_backward(src, {{1, 1, 1, 2}, {3, 4}}, window).values, (std::vector<double>{0, 7, 0}));
  EXPECT_EQ(avg_pool_backward(src.shape, {{1, 1, 1, 2}, {3, 4}}, window).values, (std::vector<double>{1.5, 3.5, 2}));
}

TEST(ReferencePoolKnown, GlobalAverage) {
  std::mt19937_64 generator(5);
  Array src = random_uniform({2, 3, 3, 2}, generator, -1, 1);
  const Array dst = global_avg_pool_forward(src);
  ASSERT_EQ(dst.shape, (Shape{2, 3, 1, 1}));
  double sum = 0.0;
  for (int i = 6; i < 12; ++i) sum += src.values[i];
  EXPECT_NEAR(dst.values[1], sum / 6.0, 1e-15);
  const Array diff_dst = random_uniform(dst.shape, generator, -1, 1);
  expect_gradient([&] { return global_avg_pool_forward(src); }, diff_dst, src,
                  global_avg_pool_backward(src.shape, diff_dst));
}

// ---- activations ---------------------------------------------------------------------------------------------------

TEST(ReferenceActivation, Gradients) {
  std::mt19937_64 generator(6);
  for (const Activation function : {Activation::identity, Activation::relu, Activation::leaky_relu, Activation::elu,
                                    Activation::softplus, Activation::gelu, Activation::sigmoid, Activation::tanh}) {
    SCOPED_TRACE(static_cast<int>(function));
    for (const Shape& shape : std::vector<Shape>{{1, 1}, {3, 17}, {1, 100, 1, 1}, {2, 3, 5, 4}}) {
      Array src = spread(shape, generator);
      const Array diff_dst = random_uniform(shape, generator, -1, 1);
      expect_gradient([&] { return activation_forward(src, function); }, diff_dst, src,
                      activation_backward(src, diff_dst, function));
    }
  }
}

TEST(ReferenceActivation, KnownValues) {
  EXPECT_EQ(activate(Activation::identity, -3.0), -3.0);
  EXPECT_EQ(activate(Activation::relu, -3.0), 0.0);
  EXPECT_EQ(activate(Activation::relu, 3.0), 3.0);
  EXPECT_EQ(activation_slope(Activation::relu, 0.0), 0.0);
  EXPECT_EQ(activate(Activation::leaky_relu, -3.0), -0.03);
  EXPECT_EQ(activate(Activation::leaky_relu, 3.0), 3.0);
  EXPECT_NEAR(activate(Activation::elu, -std::log(4.0)), -0.75, 1e-15);
  EXPECT_EQ(activate(Activation::elu, 3.0), 3.0);
  EXPECT_NEAR(activate(Activation::softplus, std::log(3.0)), std::log(4.0), 1e-15);
  EXPECT_NEAR(activate(Activation::gelu, 1.0), 0.8413447460685429, 1e-15);
  EXPECT_NEAR(activate(Activation::gelu, -1.0), -0.15865525393145705, 1e-15);
  EXPECT_EQ(activate(Activation::sigmoid, 0.0), 0.5);
  EXPECT_NEAR(activate(Activation::sigmoid, std::log(3.0)), 0.75, 1e-15);
  EXPECT_NEAR(activate(Activation::tanh, std::log(3.0)), 0.8, 1e-15);
}

TEST(ReferenceActivation, FarOutNothingOverflows) {
  EXPECT_EQ(activate(Activation::sigmoid, 1000.0), 1.0);
  EXPECT_EQ(activate(Activation::sigmoid, -1000.0), 0.0);
  EXPECT_EQ(activate(Activation::softplus, 1000.0), 1000.0);
  EXPECT_EQ(activate(Activation::softplus, -1000.0), 0.0);
  EXPECT_EQ(activate(Activation::gelu, 1000.0), 1000.0);
  EXPECT_EQ(activate(Activation::gelu, -1000.0), 0.0);
  EXPECT_EQ(activate(Activation::elu, -1000.0), -1.0);
  EXPECT_EQ(activation_slope(Activation::sigmoid, -1000.0), 0.0);
}

// ---- comparison ----------------------------------------------------------------------------------------------------

TEST(ReferenceComparison, RelativeToTheLargestExpectedValue) {
  const Array expected{{3}, {0.0, -4.0, 1.0}};
  EXPECT_DOUBLE_EQ(max_relative_error(std::vector<float>{0.0F, -4.0F, 1.5F}, expected), 0.125);
  EXPECT_EQ(max_relative_error(std::vector<float>{0.0F, -4.0F, 1.0F}, expected), 0.0);
}

TEST(ReferenceComparison, AbsoluteWhereZeroIsExpected) {
  EXPECT_DOUBLE_EQ(max_relative_error(std::vector<float>{0.25F, -0.5F}, zeros({2})), 0.5);
}

TEST(ReferenceComparison, NeverHidesWhatIsNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(std::isinf(max_relative_error(std::vector<float>{nan, 1.0F}, full({2}, 1.0))));
  EXPECT_TRUE(std::isinf(max_relative_error(std::vector<float>{1.0F, infinity}, full({2}, 1.0))));
  EXPECT_TRUE(std::isinf(max_relative_error(std::vector<float>{1.0F, 1.0F}, {{2}, {1.0, double{nan}}})));
  EXPECT_THROW(max_relative_error(std::vector<float>{1.0F}, zeros({2})), std::invalid_argument);
}

TEST(ReferenceComparison, FloatsMakeTheWayThereAndBack) {
  std::mt19937_64 generator(7);
  const Array array = random_uniform({3, 17}, generator, -2, 5);
  EXPECT_EQ(from_floats(array.shape, to_floats(array)).values, array.values);
  EXPECT_GE(*std::min_element(array.values.begin(), array.values.end()), -2.0);
  EXPECT_LE(*std::max_element(array.values.begin(), array.values.end()), 5.0);
  EXPECT_THROW(from_floats({2, 2}, to_floats(array)), std::invalid_argument);
}

}  // namespace
}  // namespace bnlab::reference

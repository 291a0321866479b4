#include "layers/dropout.h"

#include <cmath>
#include <set>

#include "layers/layer_testing.h"

namespace bnlab::layer_testing {
namespace {

MakeLayer dropout(double rate) {
  return [=](const auto& context) { return layers::make_dropout(context, rate); };
}

/// 0 and 1 for (steps, batch, ...), of a layer of that name by itself.
NpyArray masks_of(const std::string& name, const Shape& image, double rate, std::uint64_t seed, std::int64_t steps,
                  std::int64_t batch) {
  layers::Parameters parameters{dnnl::engine(dnnl::engine::kind::cpu, 0)};
  const auto layer = layers::make_dropout({name, image, parameters}, rate);
  return layers::dropout_masks({layer.get()}, seed, steps, batch).at(name);
}

std::vector<std::int32_t> mask_values(const std::string& name, const Shape& image, double rate, std::uint64_t seed,
                                      std::int64_t steps, std::int64_t batch) {
  return std::get<std::vector<std::int32_t>>(masks_of(name, image, rate, seed, steps, batch).values);
}

/// The mask of step 1 under seed 1, which is what a program with no state of its own draws.
Array first_mask(const Shape& shape, double rate) {
  Shape image = shape;
  image[0] = 1;
  Array mask = reference::zeros(shape);
  const std::vector<std::int32_t> values = mask_values("layer1", image, rate, 1, 1, shape[0]);
  mask.values.assign(values.begin(), values.end());
  return mask;
}

const Shape shapes[] = {{1, 1}, {60, 100}, {3, 17}, {2, 1, 5, 4}, {2, 17, 5, 4}, {3, 100, 3, 3}, {2, 32, 40, 40}};

// The scale is exact in f32, and so is the product: no tolerance.
TEST(Dropout, MultipliesByItsMaskAndTheScaleInEveryLayout) {
  for (const double rate : {0.1, 0.5, 0.9})
    for (const Shape& shape : shapes)
      for (const Layout layout : {Layout::row_major, Layout::blocked}) {
        std::mt19937_64 generator(11);
        LayerRun run(dropout(rate), shape, layout);
        const Array src = random_array(shape, generator), diff_dst = random_array(shape, generator);
        const Array mask = first_mask(shape, rate);
        const auto scale = static_cast<float>(1.0 / (1.0 - rate));
        Array dst = src, diff_src = diff_dst;
        for (std::size_t i = 0; i < mask.values.size(); ++i)
          for (Array* array : {&dst, &diff_src})
            array->values[i] = mask.values[i] != 0 ? static_cast<float>(array->values[i]) * scale : 0.0f;
        EXPECT_EQ(run.forward(src).values, dst.values) << rate << reference::to_string(shape);
        EXPECT_EQ(run.backward(diff_dst).values, diff_src.values) << rate << reference::to_string(shape);
      }
}

TEST(Dropout, IsTheSameInAProgramThatObserves) {
  const Shape shape{3, 17, 4, 4};
  std::mt19937_64 generator(12);
  const Array src = random_array(shape, generator);
  LayerRun train(dropout(0.5), shape, Layout::blocked),
      observe(dropout(0.5), shape, Layout::row_major, onednn::Mode::observe);
  EXPECT_EQ(train.forward(src).values, observe.forward(src).values);
}

TEST(Dropout, PassesOnInEvaluation) {
  for (const onednn::Mode mode : {onednn::Mode::evaluate_population, onednn::Mode::evaluate_batch}) {
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    layers::Parameters parameters(engine);
    const auto layer = layers::make_dropout({"dropout1", {1, 5}, parameters}, 0.5);
    onednn::Builder builder(engine, mode);
    const layers::Tensor src{builder.allocate_kept(onednn::row_major_desc({2, 5})), {2, 5}, true};
    EXPECT_EQ(layer->build(builder, src).dst.memory.get(), src.memory.get());
    EXPECT_TRUE(builder.finish().calls().empty());
  }
}

// Five standard deviations of a binomial count.
TEST(DropoutMasks, DropTheRate) {
  for (const double rate : {0.001, 0.1, 0.5, 0.9}) {
    const auto mask = mask_values("dropout1", {1, 1000}, rate, 7, 20, 50);
    const auto dropped = static_cast<double>(std::count(mask.begin(), mask.end(), 0));
    const auto count = static_cast<double>(mask.size());
    EXPECT_NEAR(dropped, rate * count, 5.0 * std::sqrt(count * rate * (1.0 - rate))) << rate;
    EXPECT_EQ(static_cast<double>(std::count(mask.begin(), mask.end(), 1)) + dropped, count);
  }
}

// Neighbours in a row, units of the same number in neighbouring images, and steps are independent.
TEST(DropoutMasks, AreUncorrelated) {
  const auto mask = mask_values("dropout1", {1, 1000}, 0.5, 7, 2, 100);
  for (const std::size_t distance : {1u, 2u, 4u, 1000u, 100000u}) {
    double equal = 0;
    const std::size_t pairs = mask.size() - distance;
    for (std::size_t i = 0; i < pairs; ++i) equal += mask[i] == mask[i + distance];
    EXPECT_NEAR(equal, 0.5 * static_cast<double>(pairs), 5.0 * 0.5 * std::sqrt(static_cast<double>(pairs))) << distance;
  }
}

TEST(DropoutMasks, DifferBySeedLayerAndStepAndNothingElse) {
  const Shape image{1, 3, 5, 7};
  const auto mask = [&](const std::string& name, std::uint64_t seed, std::int64_t steps, std::int64_t batch) {
    return mask_values(name, image, 0.5, seed, steps, batch);
  };
  const std::vector<std::int32_t> one = mask("dropout1", 1, 1, 4);
  const std::set<std::vector<std::int32_t>> different{one, mask("dropout2", 1, 1, 4), mask("dropout1", 2, 1, 4),
                                                      mask("dropout1", std::uint64_t{1} << 32 | 1, 1, 4)};
  EXPECT_EQ(different.size(), 4u);
  const std::vector<std::int32_t> steps = mask("dropout1", 1, 3, 4);
  const auto size = static_cast<std::ptrdiff_t>(one.size());
  EXPECT_TRUE(std::equal(one.begin(), one.end(), steps.begin()));
  EXPECT_FALSE(std::equal(one.begin(), one.end(), steps.begin() + size));
  EXPECT_FALSE(std::equal(steps.begin() + size, steps.begin() + 2 * size, steps.begin() + 2 * size));
  // The first images of a larger batch have the masks of a smaller one.
  const std::vector<std::int32_t> more = mask("dropout1", 1, 1, 9);
  EXPECT_TRUE(std::equal(one.begin(), one.end(), more.begin()));
  EXPECT_EQ(masks_of("dropout1", image, 0.5, 1, 3, 4).shape, (Shape{3, 4, 3, 5, 7}));
}

}  // namespace
}  // namespace bnlab::layer_testing

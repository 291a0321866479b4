#include "layers/pool.h"

#include "layers/layer_testing.h"

namespace bnlab::layer_testing {
namespace {

struct Case {
  std::string name;
  Shape src;
  config::Pool pool;
};

reference::Window window_of(const config::Pool& pool) {
  const config::Extent stride = pool.stride.value_or(pool.kernel);
  return {{pool.kernel.height, pool.kernel.width},
          {stride.height, stride.width},
          {pool.padding.height, pool.padding.width}};
}

class PoolLayer : public ::testing::TestWithParam<Case> {
 protected:
  void check_max(Layout layout) {
    const Case& c = GetParam();
    std::mt19937_64 generator(3);
    LayerRun run([&](const auto& context) { return layers::make_max_pool(context, c.pool); }, c.src, layout);
    // Below zero, so that padding would win if it took part.
    const Array src = reference::random_uniform(c.src, generator, -2.0, -1.0);
    expect_close(run.forward(src), reference::max_pool_forward(src, window_of(c.pool)), "dst", 0.0);
    const Array diff_dst = random_array(run.dst_shape(), generator);
    expect_close(run.backward(diff_dst), reference::max_pool_backward(src, diff_dst, window_of(c.pool)), "diff_src");
  }

  void check_avg(Layout layout) {
    const Case& c = GetParam();
    std::mt19937_64 generator(4);
    LayerRun run([&](const auto& context) { return layers::make_avg_pool(context, c.pool); }, c.src, layout);
    const Array src = reference::random_uniform(c.src, generator, -1.0, 2.0);
    expect_close(run.forward(src), reference::avg_pool_forward(src, window_of(c.pool)), "dst");
    const Array diff_dst = random_array(run.dst_shape(), generator);
    expect_close(run.backward(diff_dst), reference::avg_pool_backward(c.src, diff_dst, window_of(c.pool)), "diff_src");
  }

  void check_global(Layout layout) {
    const Case& c = GetParam();
    std::mt19937_64 generator(5);
    LayerRun run([](const auto& context) { return layers::make_global_avg_pool(context); }, c.src, layout);
    const Shape flat{c.src[0], c.src[1]};
    ASSERT_EQ(run.dst_shape(), flat);
    const Array src = random_array(c.src, generator);
    expect_close(run.forward(src), reference::reshape(reference::global_avg_pool_forward(src), flat), "dst");
    const Array diff_dst = random_array({c.src[0], c.src[1], 1, 1}, generator);
    expect_close(run.backward(reference::reshape(diff_dst, flat)), reference::global_avg_pool_backward(c.src, diff_dst),
                 "diff_src");
  }
};

TEST_P(PoolLayer, MaximumInRowMajorLayout) { check_max(Layout::row_major); }
TEST_P(PoolLayer, MaximumInBlockedLayout) { check_max(Layout::blocked); }
TEST_P(PoolLayer, AverageInRowMajorLayout) { check_avg(Layout::row_major); }
TEST_P(PoolLayer, AverageInBlockedLayout) { check_avg(Layout::blocked); }
TEST_P(PoolLayer, GlobalAverageInRowMajorLayout) { check_global(Layout::row_major); }
TEST_P(PoolLayer, GlobalAverageInBlockedLayout) { check_global(Layout::blocked); }

std::vector<Case> cases() {
  return {
      {"two_by_two", {2, 32, 8, 8}, {}},
      {"one_channel", {2, 1, 6, 4}, {}},
      {"hundred_channels_batch_1", {1, 100, 6, 6}, {}},
      {"odd_size_rounds_down", {2, 17, 7, 5}, {}},
      {"window_differs", {2, 17, 7, 8}, {.kernel = {3, 2}}},
      {"windows_overlap", {2, 17, 9, 8}, {.kernel = {3, 3}, .stride = config::Extent{2, 2}}},
      {"gaps_between_windows", {2, 17, 8, 8}, {.kernel = {2, 2}, .stride = config::Extent{3, 3}}},
      {"stride_1", {2, 17, 5, 5}, {.kernel = {3, 3}, .stride = config::Extent{1, 1}}},
      {"padding", {2, 17, 7, 7}, {.kernel = {3, 3}, .stride = config::Extent{2, 2}, .padding = {1, 1}}},
      {"padding_differs", {2, 17, 6, 7}, {.kernel = {2, 3}, .stride = config::Extent{2, 1}, .padding = {1, 2}}},
      {"whole_image", {2, 17, 5, 4}, {.kernel = {5, 4}}},
      {"one_by_one_image", {3, 17, 1, 1}, {.kernel = {1, 1}}},
      {"one_by_one_image_padded", {3, 17, 1, 1}, {.kernel = {2, 2}, .padding = {1, 1}}},
  };
}

INSTANTIATE_TEST_SUITE_P(Shapes, PoolLayer, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

class MaxPoolLayer : public ::testing::TestWithParam<Layout> {};

TEST_P(MaxPoolLayer, GivesTheGradientOfEqualsToTheFirst) {
  const Shape shape{2, 17, 4, 4};
  std::mt19937_64 generator(6);
  LayerRun run([](const auto& context) { return layers::make_max_pool(context, config::Pool{}); }, shape, GetParam());
  const Array src = reference::full(shape, 0.5);
  run.forward(src);
  const Array diff_dst = random_array(run.dst_shape(), generator);
  expect_close(run.backward(diff_dst), reference::max_pool_backward(src, diff_dst, {}), "diff_src", 0.0);
}

INSTANTIATE_TEST_SUITE_P(Layouts, MaxPoolLayer, ::testing::Values(Layout::row_major, Layout::blocked),
                         [](const auto& test) { return test.param == Layout::row_major ? "plain" : "blocked"; });

}  // namespace
}  // namespace bnlab::layer_testing

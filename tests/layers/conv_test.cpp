#include "layers/conv.h"

#include "layers/layer_testing.h"

namespace bnlab::layer_testing {
namespace {

/// Zeros around the image, of each side its own number; the reference knows equal sides only.
struct Border {
  std::int64_t top = 0;
  std::int64_t bottom = 0;
  std::int64_t left = 0;
  std::int64_t right = 0;
};

struct Case {
  std::string name;
  Shape src;
  std::int64_t channels = 1;
  config::Extent kernel{3, 3};
  config::Extent stride{1, 1};
  config::Padding padding{};
  Border border{};  // what `padding` comes to
  std::int64_t groups = 1;
  bool bias = true;
  bool standardized = false;
};

// visit(index in the image, index in the image with its border)
template <typename Visit>
void for_each_pixel(const Shape& src, const Border& border, const Visit& visit) {
  const std::int64_t wide = src[3] + border.left + border.right;
  const std::int64_t high = src[2] + border.top + border.bottom;
  for (std::int64_t plane = 0; plane < src[0] * src[1]; ++plane)
    for (std::int64_t h = 0; h < src[2]; ++h)
      for (std::int64_t w = 0; w < src[3]; ++w)
        visit(static_cast<std::size_t>((plane * src[2] + h) * src[3] + w),
              static_cast<std::size_t>((plane * high + h + border.top) * wide + w + border.left));
}

Array with_border(const Array& src, const Border& border) {
  Array bordered = reference::zeros(
      {src.dim(0), src.dim(1), src.dim(2) + border.top + border.bottom, src.dim(3) + border.left + border.right});
  for_each_pixel(src.shape, border, [&](std::size_t i, std::size_t b) { bordered.values[b] = src.values[i]; });
  return bordered;
}

Array without_border(const Array& bordered, const Shape& shape, const Border& border) {
  Array src = reference::zeros(shape);
  for_each_pixel(shape, border, [&](std::size_t i, std::size_t b) { src.values[i] = bordered.values[b]; });
  return src;
}

class ConvLayer : public ::testing::TestWithParam<Case> {
 protected:
  void check(Layout layout) {
    const Case& c = GetParam();
    std::mt19937_64 generator(2);
    const config::Conv spec{
        .channels = c.channels, .kernel = c.kernel, .stride = c.stride, .padding = c.padding, .groups = c.groups};
    LayerRun run([&](const auto& context) { return layers::make_conv(context, spec, c.bias, c.standardized); }, c.src,
                 layout);
    Values values = run.randomize(generator);
    const Array src = random_array(c.src, generator);
    const Array bordered = with_border(src, c.border);
    const reference::ConvGeometry geometry{{c.stride.height, c.stride.width}, {0, 0}, c.groups};
    const Array weights = c.standardized ? reference::standardize(values["weights"]) : values["weights"];

    expect_close(run.forward(src),
                 reference::conv_forward(bordered, weights, c.bias ? &values["bias"] : nullptr, geometry), "dst");
    const Array diff_dst = random_array(run.dst_shape(), generator);
    auto expected = reference::conv_backward(bordered, weights, diff_dst, geometry);
    if (c.standardized)
      expected.diff_weights = reference::standardize_backward(values["weights"], expected.diff_weights);
    expect_close(run.backward(diff_dst), without_border(expected.diff_src, c.src, c.border), "diff_src");
    expect_close(run.diff("weights"), expected.diff_weights, "diff_weights");
    if (c.bias) expect_close(run.diff("bias"), expected.diff_bias, "diff_bias");
  }
};

TEST_P(ConvLayer, EqualsTheReferenceInRowMajorLayout) { check(Layout::row_major); }
TEST_P(ConvLayer, EqualsTheReferenceInBlockedLayout) { check(Layout::blocked); }

config::Padding number(std::int64_t height, std::int64_t width) { return {.same = false, .extent = {height, width}}; }
const config::Padding same{.same = true, .extent = {0, 0}};

std::vector<Case> cases() {
  return {
      {.name = "one_by_one_kernel", .src = {3, 17, 5, 6}, .channels = 100, .kernel = {1, 1}, .padding = same},
      {.name = "from_one_channel", .src = {2, 1, 9, 9}, .channels = 32, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "to_one_channel", .src = {2, 17, 7, 8}, .channels = 1, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "one_to_one_channel", .src = {1, 1, 4, 4}, .channels = 1, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "hundred_channels", .src = {2, 100, 6, 5}, .channels = 17, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "multiples_of_16", .src = {2, 32, 8, 8}, .channels = 64, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "standardized",
       .src = {2, 16, 8, 8},
       .channels = 33,
       .padding = same,
       .border = {1, 1, 1, 1},
       .standardized = true},
      {.name = "standardized_by_winograd",
       .src = {4, 32, 16, 16},
       .channels = 32,
       .padding = same,
       .border = {1, 1, 1, 1},
       .standardized = true},
      {.name = "standardized_groups",
       .src = {2, 6, 7, 5},
       .channels = 9,
       .kernel = {3, 1},
       .stride = {2, 1},
       .padding = number(1, 0),
       .border = {1, 1, 0, 0},
       .groups = 3,
       .standardized = true},
      {.name = "standardized_depthwise",
       .src = {2, 17, 6, 7},
       .channels = 17,
       .padding = same,
       .border = {1, 1, 1, 1},
       .groups = 17,
       .standardized = true},
      {.name = "standardized_one_to_one_channel",
       .src = {1, 1, 4, 4},
       .channels = 1,
       .padding = same,
       .border = {1, 1, 1, 1},
       .bias = false,
       .standardized = true},
      {.name = "without_bias",
       .src = {2, 16, 8, 8},
       .channels = 17,
       .padding = same,
       .border = {1, 1, 1, 1},
       .bias = false},
      // Enough channels and tiles for Winograd's convolution: of whole tiles of 4x4, of parts of tiles, of padded
      // channels, and for the gradient of the weights alone.
      {.name = "winograd", .src = {8, 32, 8, 12}, .channels = 64, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "winograd_parts", .src = {9, 40, 7, 9}, .channels = 33, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "winograd_no_padding", .src = {6, 35, 11, 14}, .channels = 34, .padding = number(0, 0)},
      {.name = "winograd_weights", .src = {8, 16, 9, 8}, .channels = 33, .padding = same, .border = {1, 1, 1, 1}},
      // Blocks of 8 channels, from an image, and with a half-empty block of 16 beside them.
      {.name = "blocks_of_8", .src = {3, 8, 7, 6}, .channels = 8, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "image_to_8", .src = {3, 1, 7, 6}, .channels = 8, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "colour_to_24", .src = {2, 3, 6, 6}, .channels = 24, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "blocks_of_8_to_16",
       .src = {3, 24, 7, 7},
       .channels = 16,
       .stride = {2, 2},
       .padding = same,
       .border = {1, 1, 1, 1},
       .bias = false},
      {.name = "batch_1", .src = {1, 17, 7, 7}, .channels = 100, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "one_by_one_image", .src = {3, 17, 1, 1}, .channels = 17, .padding = same, .border = {1, 1, 1, 1}},
      {.name = "one_by_one_image_batch_1",
       .src = {1, 1, 1, 1},
       .channels = 1,
       .kernel = {1, 1},
       .padding = number(0, 0)},
      {.name = "no_padding", .src = {2, 17, 7, 9}, .channels = 17, .padding = number(0, 0)},
      {.name = "kernel_as_large_as_the_image",
       .src = {2, 17, 5, 4},
       .channels = 8,
       .kernel = {5, 4},
       .padding = number(0, 0)},
      {.name = "padding_differs",
       .src = {2, 17, 7, 9},
       .channels = 17,
       .padding = number(0, 2),
       .border = {0, 0, 2, 2}},
      {.name = "tall_kernel",
       .src = {2, 17, 9, 8},
       .channels = 20,
       .kernel = {5, 3},
       .padding = same,
       .border = {2, 2, 1, 1}},
      {.name = "tall_kernel_padding",
       .src = {2, 3, 9, 8},
       .channels = 17,
       .kernel = {5, 3},
       .padding = number(2, 0),
       .border = {2, 2, 0, 0}},
      {.name = "stride_2_odd",
       .src = {2, 17, 9, 9},
       .channels = 17,
       .stride = {2, 2},
       .padding = same,
       .border = {1, 1, 1, 1}},
      // ceil(8 / 2) = 4 outputs reach over 9 values: one zero, at the end.
      {.name = "stride_2_even",
       .src = {2, 17, 8, 8},
       .channels = 17,
       .stride = {2, 2},
       .padding = same,
       .border = {0, 1, 0, 1}},
      {.name = "strides_differ",
       .src = {2, 17, 8, 9},
       .channels = 17,
       .stride = {1, 2},
       .padding = same,
       .border = {1, 1, 1, 1}},
      {.name = "stride_2_rounds_down", .src = {2, 17, 8, 8}, .channels = 17, .stride = {2, 2}, .padding = number(0, 0)},
      {.name = "stride_beyond_the_kernel",
       .src = {2, 17, 8, 8},
       .channels = 17,
       .kernel = {1, 1},
       .stride = {2, 2},
       .padding = same},
      {.name = "two_groups",
       .src = {2, 34, 6, 6},
       .channels = 20,
       .padding = same,
       .border = {1, 1, 1, 1},
       .groups = 2},
      {.name = "groups_of_16",
       .src = {2, 32, 6, 6},
       .channels = 64,
       .padding = same,
       .border = {1, 1, 1, 1},
       .groups = 2},
      {.name = "depthwise_17",
       .src = {2, 17, 6, 6},
       .channels = 17,
       .padding = same,
       .border = {1, 1, 1, 1},
       .groups = 17},
      {.name = "depthwise_100_stride_2",
       .src = {2, 100, 7, 7},
       .channels = 100,
       .stride = {2, 2},
       .padding = same,
       .border = {1, 1, 1, 1},
       .groups = 100},
      {.name = "depthwise_without_bias",
       .src = {1, 32, 6, 6},
       .channels = 32,
       .padding = same,
       .border = {1, 1, 1, 1},
       .groups = 32,
       .bias = false},
      {.name = "depthwise_multiplied",
       .src = {2, 17, 6, 6},
       .channels = 34,
       .padding = same,
       .border = {1, 1, 1, 1},
       .groups = 17},
  };
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvLayer, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace bnlab::layer_testing

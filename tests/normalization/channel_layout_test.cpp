#include "normalization/channel_layout.h"

#include "config/names.h"
#include "normalization/batch_testing.h"
#include "reference/bf16.h"

namespace bnlab::layer_testing {
namespace {

using normalization::channel_layout;
using normalization::kernel_desc;
using onednn::DataType;
using onednn::Desc;
using Tag = dnnl::memory::format_tag;

onednn::Tensor tensor_of(const Desc& desc, const Shape& shape) {
  return {dnnl::memory(desc, dnnl::engine(dnnl::engine::kind::cpu, 0)), shape, false};
}

TEST(ChannelLayout, KnowsPlainChannelsLastAndBlocks) {
  const Shape shape{3, 17, 5, 4};
  const auto expect = [&](const Desc& desc, std::int64_t blocks, std::int64_t lanes) {
    const auto layout = channel_layout(desc, shape);
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->images, 3);
    EXPECT_EQ(layout->channels, 17);
    EXPECT_EQ(layout->pixels, 20);
    EXPECT_EQ(layout->blocks, blocks);
    EXPECT_EQ(layout->lanes, lanes);
  };
  expect(onednn::row_major_desc(shape), 17, 1);
  expect(Desc(shape, DataType::f32, Tag::nhwc), 1, 17);
  expect(Desc(shape, DataType::f32, Tag::nChw16c), 2, 16);
  expect(Desc(shape, DataType::f32, Tag::nChw8c), 3, 8);
  EXPECT_FALSE(channel_layout(Desc(shape, DataType::f32, Tag::cdba), shape));
  EXPECT_FALSE(channel_layout(Desc(shape, DataType::bf16, Tag::nChw16c), shape));
}

TEST(ChannelLayout, OfVectorsHasTheChannelsSideBySide) {
  const auto layout = channel_layout(onednn::row_major_desc({60, 17}), {60, 17});
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->blocks, 1);
  EXPECT_EQ(layout->lanes, 17);
  EXPECT_EQ(layout->pixels, 1);
}

TEST(ChannelLayout, KernelsKeepALayoutThatTheyKnow) {
  for (const Shape& shape : {Shape{3, 17, 5, 4}, Shape{2, 32, 1, 1}, Shape{1, 1, 3, 3}})
    for (const Tag tag : {Tag::nchw, Tag::nhwc, Tag::nChw16c, Tag::nChw8c}) {
      const Desc desc(shape, DataType::f32, tag);
      EXPECT_TRUE(kernel_desc(tensor_of(desc, shape)) == desc) << reference::to_string(shape);
    }
  const Shape vectors{60, 17};
  EXPECT_TRUE(kernel_desc(tensor_of(onednn::row_major_desc(vectors), vectors)) == onednn::row_major_desc(vectors));
}

TEST(ChannelLayout, KernelsTakeBf16InTheSameLayoutOfF32) {
  for (const Shape& shape : {Shape{3, 17, 5, 4}, Shape{4, 32, 8, 8}})
    for (const Tag tag : {Tag::nchw, Tag::nhwc, Tag::nChw16c, Tag::nChw8c})
      EXPECT_TRUE(kernel_desc(tensor_of(Desc(shape, DataType::bf16, tag), shape)) == Desc(shape, DataType::f32, tag))
          << reference::to_string(shape);
  const Shape vectors{60, 17};
  EXPECT_TRUE(kernel_desc(tensor_of(onednn::row_major_desc(vectors, DataType::bf16), vectors)) ==
              onednn::row_major_desc(vectors));
}

TEST(ChannelLayout, KernelsTakeAnyOtherAsPlain) {
  const Shape shape{3, 17, 5, 4}, flat{3, 17 * 20};
  for (const DataType type : {DataType::f32, DataType::bf16}) {
    EXPECT_TRUE(kernel_desc(tensor_of(Desc(shape, type, Tag::cdba), shape)) == onednn::row_major_desc(shape));
    // Flattened images in blocks.
    EXPECT_TRUE(kernel_desc(tensor_of(Desc(shape, type, Tag::nChw16c), flat)) == onednn::row_major_desc(flat));
  }
}

// In a bf16 program src and diff_dst come as bf16, which f32 holds exactly, and dst and diff_src go as f32: so there is
// no rounding more than in an f32 program, but sums in another order.
class Bf16Kernel : public ::testing::TestWithParam<config::NormalizationType> {};

TEST_P(Bf16Kernel, EqualsItselfInF32) {
  if (!onednn::compat::has_fast_bf16())
    GTEST_SKIP() << "oneDNN has no bf16 instructions here: " << onednn::compat::cpu_isa();
  for (const Shape& shape : {Shape{3, 17, 5, 4}, Shape{2, 32, 8, 8}, Shape{60, 17}})
    for (const Layout layout : {Layout::row_major, Layout::blocked}) {
      if (shape.size() == 2 && GetParam() == config::NormalizationType::instance) continue;
      SCOPED_TRACE(reference::to_string(shape));
      config::NormalizationConfig config = config_of(GetParam());
      config.groups = 1;
      config.virtual_batch_size = 2;
      NormalizationRun f32(config, shape, Layout::row_major),
          bf16(config, shape, layout, onednn::Mode::train, nullptr, DataType::bf16);
      std::mt19937_64 generator(1), same(1);
      f32.run.randomize(generator);
      bf16.run.randomize(same);
      const Array src = reference::to_bf16(random_array(shape, generator));
      const Array diff_dst = reference::to_bf16(random_array(shape, generator));
      expect_close(bf16.run.forward(src), f32.run.forward(src), "dst", 1e-6);
      expect_close(bf16.run.backward(diff_dst), f32.run.backward(diff_dst), "diff_src", 1e-6);
      if (!config.affine || GetParam() == config::NormalizationType::noise) continue;
      expect_close(bf16.run.diff("gamma"), f32.run.diff("gamma"), "diff_gamma", 1e-6);
      expect_close(bf16.run.diff("beta"), f32.run.diff("beta"), "diff_beta", 1e-6);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Bf16Kernel,
                         ::testing::Values(config::NormalizationType::batch_renorm, config::NormalizationType::ghost,
                                           config::NormalizationType::group, config::NormalizationType::instance,
                                           config::NormalizationType::layer, config::NormalizationType::lp,
                                           config::NormalizationType::noise),
                         [](const auto& test) { return config::name_of(test.param); });

}  // namespace
}  // namespace bnlab::layer_testing

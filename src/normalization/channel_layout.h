#pragma once
// How bnlab's own kernels see the memory of a tensor.

#include <cstdint>
#include <optional>

#include "onednn/builder.h"

namespace bnlab::normalization {

/// Values of (N, C) or (N, C, H, W) in the order [image][block][pixel][lane], where channel = block * lanes + lane:
/// row-major (one lane), channels last (one block), or oneDNN's blocks of 8 or 16 channels. Lanes beyond the last
/// channel are padding, and stay zero.
struct ChannelLayout {
  std::int64_t images = 0;
  std::int64_t channels = 0;
  std::int64_t blocks = 0;
  std::int64_t pixels = 0;  // H * W
  std::int64_t lanes = 0;

  std::int64_t padded_channels() const { return blocks * lanes; }
  std::int64_t block_values() const { return pixels * lanes; }
  std::int64_t image_values() const { return blocks * block_values(); }
};

/// The layout of memory with descriptor `desc` for a tensor of this shape; nothing where it is of another kind or type.
std::optional<ChannelLayout> channel_layout(const onednn::Desc& desc, const onednn::Dims& shape,
                                            onednn::DataType type = onednn::DataType::f32);

/// The f32 descriptor of the tensor's own layout where that is a ChannelLayout, else of the row-major one.
onednn::Desc kernel_desc(const onednn::Tensor& tensor);

inline float* floats(const dnnl::memory& memory) {
  return memory ? static_cast<float*>(memory.get_data_handle()) : nullptr;
}

}  // namespace bnlab::normalization

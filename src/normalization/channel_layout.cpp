#include "normalization/channel_layout.h"

namespace bnlab::normalization {

using onednn::Desc;
using onednn::Dims;
using Tag = dnnl::memory::format_tag;

namespace {

Dims image_of(Dims shape) {
  shape.resize(4, 1);
  return shape;
}

}  // namespace

std::optional<ChannelLayout> channel_layout(const Desc& desc, const Dims& shape, onednn::DataType type) {
  const Dims image = image_of(shape);
  const std::int64_t images = image[0], channels = image[1], pixels = image[2] * image[3];
  const auto tagged = [&](Tag tag) { return Desc(image, type, tag); };
  const auto blocks_of = [&](std::int64_t lanes) {
    return ChannelLayout{images, channels, (channels + lanes - 1) / lanes, pixels, lanes};
  };
  const bool is_plain = desc == onednn::row_major_desc(shape, type) || desc == onednn::row_major_desc(image, type);
  if (is_plain && pixels > 1) return ChannelLayout{images, channels, channels, pixels, 1};
  if (is_plain || desc == tagged(Tag::nhwc)) return ChannelLayout{images, channels, 1, pixels, channels};
  if (desc == tagged(Tag::nChw16c)) return blocks_of(16);
  if (desc == tagged(Tag::nChw8c)) return blocks_of(8);
  return std::nullopt;
}

Desc kernel_desc(const onednn::Tensor& tensor) {
  const Desc desc = tensor.memory.get_desc();
  const auto type = onednn::compat::type_of(desc);
  const Dims image = image_of(tensor.shape);
  if (type != onednn::DataType::f32)
    for (const Tag tag : {Tag::nhwc, Tag::nChw16c, Tag::nChw8c})
      if (desc == Desc(image, type, tag)) return Desc(image, onednn::DataType::f32, tag);
  return channel_layout(desc, tensor.shape) ? desc : onednn::row_major_desc(tensor.shape);
}

}  // namespace bnlab::normalization

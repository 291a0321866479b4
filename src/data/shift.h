#pragma once
// A fixed change of images, which makes other data of the same kind.

#include <cstdint>

#include "config/run_config.h"
#include "data/dataset.h"

namespace bnlab::data {

/// Which file an image comes from; each has noise of its own.
enum class ImageSource : std::uint32_t { train = 0, test = 1 };

/// Changes one image (C, H, W), image `index` of its file, in this order:
///   rotation by so many degrees, counterclockwise about the centre ((W - 1) / 2, (H - 1) / 2), bilinear, 0 outside;
///   contrast c: 127.5 + c (v - 127.5); noise: v + 255 std n with n ~ N(0, 1), from (source, index) alone;
/// then rounds, halves away from 0, and clamps to 0 to 255.
void shift_image(const config::ShiftConfig& shift, const DatasetInfo& info, ImageSource source, std::int64_t index,
                 std::uint8_t* image);

/// Shifts all images of a dataset, whose validation images follow its training images in the file.
void apply_shift(const config::ShiftConfig& shift, Dataset& dataset);

}  // namespace bnlab::data

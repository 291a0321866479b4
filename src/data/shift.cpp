#include "data/shift.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "util/random.h"

namespace bnlab::data {
namespace {

constexpr std::uint64_t noise_seed = 1;  // the same shifted data for every seed of a run

/// (H, W), 0 outside.
class Plane {
 public:
  Plane(const std::uint8_t* values, std::int64_t height, std::int64_t width)
      : values_(values), height_(height), width_(width) {}

  /// Bilinear interpolation; x counts columns, y rows.
  double at(double x, double y) const {
    const double left = std::floor(x);
    const double top = std::floor(y);
    const double right_share = x - left;
    const double lower_share = y - top;
    const auto column = static_cast<std::int64_t>(left);
    const auto row = static_cast<std::int64_t>(top);
    const double upper = (1.0 - right_share) * pixel(column, row) + right_share * pixel(column + 1, row);
    const double lower = (1.0 - right_share) * pixel(column, row + 1) + right_share * pixel(column + 1, row + 1);
    return (1.0 - lower_share) * upper + lower_share * lower;
  }

 private:
  double pixel(std::int64_t column, std::int64_t row) const {
    const bool inside = column >= 0 && column < width_ && row >= 0 && row < height_;
    return inside ? static_cast<double>(values_[row * width_ + column]) : 0.0;
  }

  const std::uint8_t* values_;
  std::int64_t height_;
  std::int64_t width_;
};

void rotate(double degrees, const DatasetInfo& info, const std::uint8_t* image, std::vector<double>& dst) {
  const double angle = degrees * std::numbers::pi / 180.0;
  const double cosine = std::cos(angle);
  const double sine = std::sin(angle);
  const double centre_x = static_cast<double>(info.width - 1) / 2.0;
  const double centre_y = static_cast<double>(info.height - 1) / 2.0;
  auto out = dst.begin();
  for (std::int64_t c = 0; c < info.channels; ++c) {
    const Plane plane(image + c * info.height * info.width, info.height, info.width);
    for (std::int64_t row = 0; row < info.height; ++row)
      for (std::int64_t column = 0; column < info.width; ++column) {
        // Rows count downwards, so turning back, clockwise, takes the sign of a turn in the usual axes.
        const double dx = static_cast<double>(column) - centre_x;
        const double dy = static_cast<double>(row) - centre_y;
        *out++ = plane.at(centre_x + cosine * dx - sine * dy, centre_y + sine * dx + cosine * dy);
      }
  }
}

void shift_split(const config::ShiftConfig& shift, const Dataset& dataset, ImageSource source, std::int64_t first,
                 Split& split) {
  Filling<std::uint8_t> images(split.images.size());
  std::copy(split.images.begin(), split.images.end(), images.span().begin());
  for (std::int64_t n = 0; n < split.size(); ++n)
    shift_image(shift, dataset.info, source, first + n, images.span().data() + n * dataset.image_size());
  split.images = images.values();
}

}  // namespace

void shift_image(const config::ShiftConfig& shift, const DatasetInfo& info, ImageSource source, std::int64_t index,
                 std::uint8_t* image) {
  const auto size = static_cast<std::size_t>(info.channels * info.height * info.width);
  std::vector<double> values(image, image + size);
  if (shift.rotation != 0.0) rotate(shift.rotation, info, image, values);
  for (double& value : values) value = 127.5 + shift.contrast * (value - 127.5);
  if (shift.noise > 0.0) {
    RandomStream random(noise_seed, RandomPurpose::data_shift,
                        2 * static_cast<std::uint32_t>(index) + static_cast<std::uint32_t>(source));
    for (double& value : values) value += 255.0 * shift.noise * random.normal();
  }
  for (std::size_t i = 0; i < size; ++i)
    image[i] = static_cast<std::uint8_t>(std::clamp(std::round(values[i]), 0.0, 255.0));
}

void apply_shift(const config::ShiftConfig& shift, Dataset& dataset) {
  if (shift == config::ShiftConfig{}) return;
  if (shift.splits != config::ShiftedSplits::test) {
    shift_split(shift, dataset, ImageSource::train, 0, dataset.train);
    shift_split(shift, dataset, ImageSource::train, dataset.train.size(), dataset.validation);
  }
  shift_split(shift, dataset, ImageSource::test, 0, dataset.test);
}

}  // namespace bnlab::data

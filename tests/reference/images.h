#pragma once
// Changes of images in double precision, pixel by pixel from their definitions.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <numbers>
#include <vector>

namespace bnlab::reference {

struct Image {
  int channels = 1;
  int height = 1;
  int width = 1;
  std::vector<double> values = {};  // (C, H, W)

  double& at(int c, int y, int x) { return values[static_cast<std::size_t>((c * height + y) * width + x)]; }
  double at(int c, int y, int x) const { return values[static_cast<std::size_t>((c * height + y) * width + x)]; }
};

inline Image black(int channels, int height, int width) {
  return {channels, height, width, std::vector<double>(static_cast<std::size_t>(channels * height * width), 0.0)};
}

/// Zeros all around.
inline Image padded(const Image& src, int padding) {
  Image dst = black(src.channels, src.height + 2 * padding, src.width + 2 * padding);
  for (int c = 0; c < src.channels; ++c)
    for (int y = 0; y < src.height; ++y)
      for (int x = 0; x < src.width; ++x) dst.at(c, y + padding, x + padding) = src.at(c, y, x);
  return dst;
}

inline Image window(const Image& src, int top, int left, int height, int width) {
  Image dst = black(src.channels, height, width);
  for (int c = 0; c < src.channels; ++c)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) dst.at(c, y, x) = src.at(c, top + y, left + x);
  return dst;
}

inline Image mirrored(const Image& src) {
  Image dst = src;
  for (int c = 0; c < src.channels; ++c)
    for (int y = 0; y < src.height; ++y)
      for (int x = 0; x < src.width; ++x) dst.at(c, y, x) = src.at(c, y, src.width - 1 - x);
  return dst;
}

/// Counterclockwise as one sees it, about the middle of the image. A value between pixels is the sum of all pixels
/// under a tent of width 2, which is bilinear interpolation with zeros outside.
inline Image rotated(const Image& src, double degrees) {
  const std::complex<double> back = std::polar(1.0, -degrees * std::numbers::pi / 180.0);
  const double middle_x = (src.width - 1) / 2.0;
  const double middle_y = (src.height - 1) / 2.0;
  Image dst = black(src.channels, src.height, src.width);
  for (int y = 0; y < src.height; ++y)
    for (int x = 0; x < src.width; ++x) {
      const std::complex<double> from = std::complex<double>(x - middle_x, middle_y - y) * back;  // imaginary: upwards
      for (int v = 0; v < src.height; ++v)
        for (int u = 0; u < src.width; ++u) {
          const double weight = std::max(0.0, 1 - std::abs(middle_x + from.real() - u)) *
                                std::max(0.0, 1 - std::abs(middle_y - from.imag() - v));
          for (int c = 0; c < src.channels; ++c) dst.at(c, y, x) += weight * src.at(c, v, u);
        }
    }
  return dst;
}

/// Distances from mid-grey times `factor`, then `noise` added, one number for each value.
inline Image contrasted(Image image, double factor, const std::vector<double>& noise) {
  for (std::size_t i = 0; i < image.values.size(); ++i)
    image.values[i] = 127.5 * (1 - factor) + factor * image.values[i] + noise[i];
  return image;
}

}  // namespace bnlab::reference

#include "data/drawn_digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace bnlab::data {
namespace {

/// x to the right, y downwards. A digit's strokes lie in the unit square.
struct Point {
  double x = 0;
  double y = 0;
};

using Stroke = std::vector<Point>;
using Glyph = std::vector<Stroke>;

/// Part of an ellipse; angles in degrees from the right, counterclockwise.
Stroke arc(Point centre, double radius_x, double radius_y, double from, double to) {
  const int pieces = static_cast<int>(std::ceil(std::abs(to - from) / 24.0));
  Stroke stroke;
  for (int i = 0; i <= pieces; ++i) {
    const double angle = (from + (to - from) * i / pieces) * std::numbers::pi / 180.0;
    stroke.push_back({centre.x + radius_x * std::cos(angle), centre.y - radius_y * std::sin(angle)});
  }
  return stroke;
}

Stroke operator+(Stroke first, const Stroke& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::array<Glyph, 10> make_glyphs() {
  return {{
      {arc({0.5, 0.5}, 0.3, 0.5, 90, 450)},
      {{{0.32, 0.22}, {0.55, 0.0}, {0.55, 0.5}, {0.55, 1.0}}},
      {arc({0.5, 0.28}, 0.29, 0.28, 165, -35) + Stroke{{0.2, 1.0}, {0.5, 1.0}, {0.82, 1.0}}},
      {arc({0.46, 0.25}, 0.27, 0.25, 150, -90), arc({0.46, 0.74}, 0.32, 0.26, 90, -150)},
      {{{0.66, 1.0}, {0.66, 0.5}, {0.66, 0.0}, {0.4, 0.33}, {0.14, 0.67}, {0.5, 0.67}, {0.9, 0.67}}},
      {Stroke{{0.8, 0.0}, {0.55, 0.0}, {0.28, 0.0}, {0.24, 0.45}} + arc({0.46, 0.68}, 0.33, 0.32, 125, -145)},
      {arc({0.75, 0.7}, 0.53, 0.7, 100, 180) + arc({0.5, 0.7}, 0.28, 0.3, 180, -180)},
      {{{0.18, 0.0}, {0.5, 0.0}, {0.82, 0.0}, {0.6, 0.5}, {0.4, 1.0}}},
      {arc({0.5, 0.25}, 0.24, 0.25, 90, 450), arc({0.5, 0.75}, 0.3, 0.25, 90, 450)},
      {arc({0.5, 0.3}, 0.28, 0.3, 0, 360) + Stroke{{0.75, 0.65}, {0.66, 1.0}}},
  }};
}

double between(double low, double high, RandomStream& random) { return low + (high - low) * random.uniform(); }

/// How one digit is written: where a point of the unit square comes to lie, in pixels.
class Hand {
 public:
  explicit Hand(RandomStream& random) {
    const double height = between(14.0, 21.0, random);
    const double width = height * between(0.7, 1.1, random);
    const double slant = between(-0.35, 0.35, random);
    const double turn = between(-0.26, 0.26, random);  // radians, 15 degrees
    bend_x_ = between(-0.08, 0.08, random);
    bend_y_ = between(-0.08, 0.08, random);
    phase_x_ = between(0.0, 2.0 * std::numbers::pi, random);
    phase_y_ = between(0.0, 2.0 * std::numbers::pi, random);
    const double centre = (static_cast<double>(drawn_digit_size) - 1.0) / 2.0;
    centre_ = {centre + between(-3.0, 3.0, random), centre + between(-3.0, 3.0, random)};
    xx_ = std::cos(turn) * width;
    xy_ = (std::cos(turn) * -slant - std::sin(turn)) * height;
    yx_ = std::sin(turn) * width;
    yy_ = (std::sin(turn) * -slant + std::cos(turn)) * height;
  }

  Point place(Point p) const {
    const double x = p.x - 0.5 + bend_x_ * std::sin(5.0 * p.y + phase_x_);
    const double y = p.y - 0.5 + bend_y_ * std::sin(5.0 * p.x + phase_y_);
    return {centre_.x + xx_ * x + xy_ * y, centre_.y + yx_ * x + yy_ * y};
  }

 private:
  double bend_x_;
  double bend_y_;
  double phase_x_;
  double phase_y_;
  double xx_, xy_, yx_, yy_;  // scale, slant and turn in one matrix
  Point centre_;
};

double distance(double x, double y, Point from, Point to) {
  const double dx = to.x - from.x;
  const double dy = to.y - from.y;
  const double squared = dx * dx + dy * dy;
  const double along = squared > 0.0 ? std::clamp(((x - from.x) * dx + (y - from.y) * dy) / squared, 0.0, 1.0) : 0.0;
  const double away_x = x - from.x - along * dx;
  const double away_y = y - from.y - along * dy;
  return std::sqrt(away_x * away_x + away_y * away_y);
}

/// How much of each pixel is covered, from 0 to 1, row by row.
using Coverage = std::array<double, drawn_digit_size * drawn_digit_size>;

/// The pixels along one axis that a stroke between two coordinates can touch: [first, last).
struct Range {
  Range(double a, double b, double reach)
      : first(std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(std::min(a, b) - reach)))),
        last(std::min(drawn_digit_size, static_cast<std::int64_t>(std::ceil(std::max(a, b) + reach)) + 1)) {}
  std::int64_t first;
  std::int64_t last;
};

/// A line with round ends; its edge is one pixel wide.
void draw_line(Point from, Point to, double radius, Coverage& coverage) {
  const double reach = radius + 0.5;
  const Range rows(from.y, to.y, reach);
  const Range columns(from.x, to.x, reach);
  for (std::int64_t row = rows.first; row < rows.last; ++row)
    for (std::int64_t column = columns.first; column < columns.last; ++column) {
      const double covered = reach - distance(static_cast<double>(column), static_cast<double>(row), from, to);
      double& pixel = coverage[static_cast<std::size_t>(row * drawn_digit_size + column)];
      pixel = std::max(pixel, std::min(covered, 1.0));
    }
}

}  // namespace

void draw_digit(int digit, RandomStream& random, std::uint8_t* image) {
  static const std::array<Glyph, 10> glyphs = make_glyphs();
  const Hand hand(random);
  const double radius = between(0.5, 1.4, random);
  const double strength = between(140.0, 255.0, random);
  constexpr double noise = 20.0;  // standard deviation, of 255
  Coverage coverage{};
  for (const Stroke& stroke : glyphs.at(static_cast<std::size_t>(digit)))
    for (std::size_t i = 0; i + 1 < stroke.size(); ++i)
      draw_line(hand.place(stroke[i]), hand.place(stroke[i + 1]), radius, coverage);
  for (std::size_t i = 0; i < coverage.size(); ++i)
    image[i] =
        static_cast<std::uint8_t>(std::clamp(std::round(strength * coverage[i] + noise * random.normal()), 0.0, 255.0));
}

}  // namespace bnlab::data

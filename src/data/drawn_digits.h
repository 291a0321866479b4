#pragma once
#include <cstdint>

#include "util/random.h"

namespace bnlab::data {

constexpr std::int64_t drawn_digit_size = 28;  // height and width

/// Draws `digit` (0 to 9) into `image`, (28, 28) bytes: its strokes, bent, turned, slanted, scaled and moved at random,
/// with a pen of random width and strength, antialiased, under Gaussian noise.
void draw_digit(int digit, RandomStream& random, std::uint8_t* image);

}  // namespace bnlab::data

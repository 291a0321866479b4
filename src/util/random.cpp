#include "util/random.h"

#include <Random123/philox.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

namespace bnlab {

RandomStream::RandomStream(std::uint64_t seed, RandomPurpose purpose, std::uint32_t substream)
    : seed_(seed), purpose_(static_cast<std::uint32_t>(purpose)), substream_(substream) {}

std::uint32_t RandomStream::next_u32() {
  if (used_ == 4) {
    const philox4x32_ctr_t counter = {
        {static_cast<std::uint32_t>(block_), static_cast<std::uint32_t>(block_ >> 32), substream_, purpose_}};
    const philox4x32_key_t key = {{static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)}};
    const philox4x32_ctr_t output = philox4x32(counter, key);
    for (int i = 0; i < 4; ++i) buffer_[i] = output.v[i];
    ++block_;
    used_ = 0;
  }
  return buffer_[used_++];
}

double RandomStream::uniform() {
  const std::uint64_t high = next_u32();
  const std::uint64_t bits = high << 32 | next_u32();
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

double RandomStream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_normal_;
  }
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));  // 1 - u is never 0
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
  if (bound == 0) throw std::logic_error("RandomStream::below: the bound must be positive");
  if (bound <= 0xffffffffu) {  // Lemire 2019: the high half of a product, its low half tells where a bias would be
    std::uint64_t product = next_u32() * bound;
    if (static_cast<std::uint32_t>(product) < bound) {
      const auto narrow = static_cast<std::uint32_t>(bound);
      const std::uint32_t threshold = (0u - narrow) % narrow;
      while (static_cast<std::uint32_t>(product) < threshold) product = next_u32() * bound;
    }
    return product >> 32;
  }
  const std::uint64_t threshold = (std::uint64_t{0} - bound) % bound;  // 2^64 mod bound
  std::uint64_t bits;
  do {
    const std::uint64_t high = next_u32();
    bits = high << 32 | next_u32();
  } while (bits < threshold);
  return bits % bound;
}

void RandomStream::shuffle(std::span<std::uint32_t> values) {
  for (std::size_t remaining = values.size(); remaining > 1; --remaining)
    std::swap(values[remaining - 1], values[below(remaining)]);
}

std::uint32_t RandomStream::substream_of(std::string_view name) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

}  // namespace bnlab

#include "util/random.h"

#include <Random123/philox.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "util/target_clones.h"

namespace bnlab {
namespace {

constexpr std::size_t lanes = 16;  // blocks that philox_lanes computes side by side

/// Philox4x32-10 of `lanes` counters that follow on `first_block`; Random123 computes one at a time.
BNLAB_TARGET_CLONES
void philox_lanes(std::uint64_t seed, std::uint32_t purpose, std::uint32_t substream, std::uint64_t first_block,
                  std::uint32_t* __restrict words) {
  std::uint32_t a[lanes], b[lanes], c[lanes], d[lanes];
  for (std::size_t i = 0; i < lanes; ++i) {
    a[i] = static_cast<std::uint32_t>(first_block + i);
    b[i] = static_cast<std::uint32_t>((first_block + i) >> 32);
    c[i] = substream;
    d[i] = purpose;
  }
  auto key0 = static_cast<std::uint32_t>(seed);
  auto key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < lanes; ++i) {
      const std::uint64_t first = std::uint64_t{PHILOX_M4x32_0} * a[i];
      const std::uint64_t second = std::uint64_t{PHILOX_M4x32_1} * c[i];
      a[i] = static_cast<std::uint32_t>(second >> 32) ^ b[i] ^ key0;
      b[i] = static_cast<std::uint32_t>(second);
      c[i] = static_cast<std::uint32_t>(first >> 32) ^ d[i] ^ key1;
      d[i] = static_cast<std::uint32_t>(first);
    }
    key0 += PHILOX_W32_0;
    key1 += PHILOX_W32_1;
  }
  for (std::size_t i = 0; i < lanes; ++i) {
    words[4 * i] = a[i];
    words[4 * i + 1] = b[i];
    words[4 * i + 2] = c[i];
    words[4 * i + 3] = d[i];
  }
}

}  // namespace

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

void random_words(std::uint64_t seed, RandomPurpose purpose, std::uint32_t substream, std::uint64_t first_block,
                  std::span<std::uint32_t> words) {
  const auto number = static_cast<std::uint32_t>(purpose);
  while (words.size() >= 4 * lanes) {
    philox_lanes(seed, number, substream, first_block, words.data());
    first_block += lanes;
    words = words.subspan(4 * lanes);
  }
  if (words.empty()) return;
  std::uint32_t last[4 * lanes];
  philox_lanes(seed, number, substream, first_block, last);
  std::copy_n(last, words.size(), words.begin());
}

}  // namespace bnlab

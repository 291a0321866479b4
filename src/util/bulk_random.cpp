// The bulk generator: loops without branches or calls, that the compiler turns into vector code. Every operation is
// exact or correctly rounded IEEE arithmetic, so all instruction sets give the same bits.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "util/random.h"
#include "util/target_clones.h"

namespace bnlab {
namespace {

constexpr std::size_t group = 16;  // Philox counters that are encrypted side by side
constexpr std::size_t words_of_group = 4 * group;

/// Philox4x32-10 (Salmon et al. 2011) of the counters (block, substream, purpose) to (block + group - 1, ...). Words
/// are in 64-bit lanes, which the multiplication needs.
BNLAB_TARGET_CLONES
void encrypt(std::uint64_t seed, std::uint32_t purpose, std::uint32_t substream, std::uint64_t block,
             std::uint32_t* __restrict dst) {
  constexpr std::uint64_t low = 0xffffffffu;
  std::uint64_t c0[group], c1[group], c2[group], c3[group];
  for (std::size_t i = 0; i < group; ++i) {
    c0[i] = (block + i) & low;
    c1[i] = (block + i) >> 32;
    c2[i] = substream;
    c3[i] = purpose;
  }
  std::uint64_t key0 = seed & low, key1 = seed >> 32;
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < group; ++i) {
      const std::uint64_t a = 0xD2511F53u * (c0[i] & low), b = 0xCD9E8D57u * (c2[i] & low);
      c0[i] = b >> 32 ^ c1[i] ^ key0;
      c2[i] = a >> 32 ^ c3[i] ^ key1;
      c1[i] = b & low;
      c3[i] = a & low;
    }
    key0 = (key0 + 0x9E3779B9u) & low;
    key1 = (key1 + 0xBB67AE85u) & low;
  }
  for (std::size_t i = 0; i < group; ++i) {
    dst[4 * i] = static_cast<std::uint32_t>(c0[i]);
    dst[4 * i + 1] = static_cast<std::uint32_t>(c1[i]);
    dst[4 * i + 2] = static_cast<std::uint32_t>(c2[i]);
    dst[4 * i + 3] = static_cast<std::uint32_t>(c3[i]);
  }
}

BNLAB_TARGET_CLONES
void to_uniform(const std::uint32_t* __restrict words, std::size_t count, float* __restrict dst) {
  for (std::size_t i = 0; i < count; ++i)
    dst[i] = static_cast<float>(static_cast<std::int32_t>(words[i] >> 8)) * 0x1p-24f;
}

/// ln x for x in (0, 1], with the polynomial of Cephes' logf (Moshier 1989) around the nearest power of two.
[[gnu::always_inline]] inline float logarithm(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t shifted = bits - 0x3f3504f3u;  // sqrt(1/2): the mantissa goes to [sqrt(1/2), sqrt(2))
  const auto exponent = static_cast<float>(static_cast<std::int32_t>(shifted) >> 23);
  const float m = std::bit_cast<float>((shifted & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  const float square = m * m;
  return (m - 0.5f * square + square * m * p) + exponent * 0.693147180559945f;
}

/// Numbers 2k and 2k + 1 from words 2k and 2k + 1.
BNLAB_TARGET_CLONES
void to_normal(const std::uint32_t* __restrict words, std::size_t pairs, float* __restrict dst) {
  for (std::size_t k = 0; k < pairs; ++k) {
    const auto high = static_cast<std::int32_t>(words[2 * k] >> 8) + 1;  // 1 ... 2^24: its logarithm is finite
    const float square = -2.0f * logarithm(static_cast<float>(high) * 0x1p-24f);
    const float radius = std::sqrt(square > 0.0f ? square : 0.0f);
    // An angle of q quarters and a rest of at most an eighth of the circle either way.
    const auto turn = static_cast<std::int32_t>(words[2 * k + 1] >> 8);
    const std::int32_t q = (turn + (1 << 21)) >> 22;
    const float a = static_cast<float>(turn - (q << 22)) * 3.7450703e-7f;  // 2 pi / 2^24
    const float s = a * a;
    const float sine = a + a * s * (-1.6666654611e-1f + s * (8.3321608736e-3f - s * 1.9515295891e-4f));
    const float cosine =
        1.0f - 0.5f * s + s * s * (4.166664568298827e-2f + s * (-1.388731625493765e-3f + s * 2.443315711809948e-5f));
    const bool swap = (q & 1) != 0;
    const float x = swap ? sine : cosine, y = swap ? cosine : sine;
    dst[2 * k] = radius * (((q + 1) & 2) != 0 ? -x : x);
    dst[2 * k + 1] = radius * ((q & 2) != 0 ? -y : y);
  }
}

/// Numbers `first` to `first` + dst.size() - 1, from make(block, numbers): those of the `group` blocks from `block` on.
template <class T, class Make>
void copy_numbers(std::uint64_t first, std::span<T> dst, const Make& make) {
  std::array<T, words_of_group> numbers;
  std::size_t skipped = first % 4;
  std::uint64_t block = first / 4;
  for (std::size_t done = 0; done < dst.size(); block += group) {
    make(block, numbers.data());
    const std::size_t count = std::min(words_of_group - skipped, dst.size() - done);
    std::copy_n(numbers.begin() + static_cast<std::ptrdiff_t>(skipped), count,
                dst.begin() + static_cast<std::ptrdiff_t>(done));
    done += count;
    skipped = 0;
  }
}

}  // namespace

BulkRandom::BulkRandom(std::uint64_t seed, RandomPurpose purpose, std::uint32_t substream)
    : seed_(seed), purpose_(static_cast<std::uint32_t>(purpose)), substream_(substream) {}

void BulkRandom::words(std::uint64_t first, std::span<std::uint32_t> dst) const {
  copy_numbers(first, dst, [this](std::uint64_t block, std::uint32_t* words) {
    encrypt(seed_, purpose_, substream_, block, words);
  });
}

void BulkRandom::uniform(std::uint64_t first, std::span<float> dst) const {
  copy_numbers(first, dst, [this](std::uint64_t block, float* numbers) {
    std::array<std::uint32_t, words_of_group> words;
    encrypt(seed_, purpose_, substream_, block, words.data());
    to_uniform(words.data(), words_of_group, numbers);
  });
}

void BulkRandom::normal(std::uint64_t first, std::span<float> dst) const {
  copy_numbers(first, dst, [this](std::uint64_t block, float* numbers) {
    std::array<std::uint32_t, words_of_group> words;
    encrypt(seed_, purpose_, substream_, block, words.data());
    to_normal(words.data(), words_of_group / 2, numbers);
  });
}

}  // namespace bnlab

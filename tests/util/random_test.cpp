#include "util/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <numbers>
#include <numeric>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace bnlab {
namespace {

using Words = std::array<std::uint32_t, 4>;

/// Philox4x32-10 as Salmon et al. 2011 write it down.
Words naive_philox(Words counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xD2511F53ull * counter[0];
    const std::uint64_t b = 0xCD9E8D57ull * counter[2];
    const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    counter = {high(b) ^ counter[1] ^ key[0], low(b), high(a) ^ counter[3] ^ key[1], low(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

Words next_block(RandomStream& stream) {
  Words words{};
  for (std::uint32_t& word : words) word = stream.next_u32();
  return words;
}

TEST(Random, ReferenceGivesRandom123sKnownAnswers) {
  EXPECT_EQ(naive_philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(naive_philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(naive_philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, StreamStartsWithTheKnownAnswerForZero) {
  RandomStream stream(0, static_cast<RandomPurpose>(0), 0);
  EXPECT_EQ(next_block(stream), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

TEST(Random, StreamIsPhiloxOfBlockSubstreamAndPurposeUnderTheSeed) {
  RandomStream stream(0x299f31d0a4093822ull, RandomPurpose::noise, 0x13198a2e);
  for (std::uint32_t block = 0; block < 1000; ++block)
    ASSERT_EQ(next_block(stream), naive_philox({block, 0, 0x13198a2e, 4}, {0xa4093822, 0x299f31d0})) << block;
}

// The words of a stream, from any of them on, across the end of the counter's lower half too.
TEST(Random, ManyWordsAtATimeAreThoseOfTheStream) {
  const BulkRandom random(0x299f31d0a4093822ull, RandomPurpose::dropout, 0x13198a2e);
  for (const std::uint64_t first : {0ull, 1ull, 6ull, 20ull, 0x3ffffffc2ull, 7ull << 34})
    for (const std::size_t count : {0u, 1u, 3u, 4u, 63u, 64u, 65u, 1000u}) {
      std::vector<std::uint32_t> words(count + 1, 12345u);
      random.words(first, std::span(words).first(count));
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t block = (first + i) / 4;
        const Words expected =
            naive_philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 0x13198a2e, 3},
                         {0xa4093822, 0x299f31d0});
        ASSERT_EQ(words[i], expected[(first + i) % 4]) << first << " " << i;
      }
      EXPECT_EQ(words[count], 12345u);
    }
}

TEST(Random, ManyWordsAtATimeAreThoseThatTheStreamWalksThrough) {
  RandomStream stream(9, RandomPurpose::noise, RandomStream::substream_of("normalization1.units"));
  const BulkRandom random(9, RandomPurpose::noise, RandomStream::substream_of("normalization1.units"));
  std::vector<std::uint32_t> words(1003);
  random.words(0, words);
  for (std::size_t i = 0; i < words.size(); ++i) ASSERT_EQ(words[i], stream.next_u32()) << i;
}

/// Number i of a span that starts anywhere is number i of the stream, and nothing is written behind the span.
template <class Draw>
void expect_same_from_any_start(const std::vector<float>& all, const Draw& draw) {
  for (const std::size_t first : {0u, 1u, 2u, 3u, 5u, 62u, 63u, 64u, 65u, 997u})
    for (const std::size_t count : {0u, 1u, 2u, 3u, 63u, 64u, 65u, 131u, 1000u}) {
      std::vector<float> numbers(count + 1, 12345.0f);
      draw(first, std::span(numbers).first(count));
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(numbers[i], all[first + i]) << first << " " << i;
      EXPECT_EQ(numbers[count], 12345.0f) << first << " " << count;
    }
}

TEST(Random, ManyUniformsAreTheUpperBitsOfTheWords) {
  const BulkRandom random(3, RandomPurpose::noise, 17);
  constexpr std::size_t count = 100000;
  std::vector<std::uint32_t> words(count);
  std::vector<float> numbers(count);
  random.words(0, words);
  random.uniform(0, numbers);
  for (std::size_t i = 0; i < count; ++i)
    ASSERT_EQ(static_cast<double>(numbers[i]), std::floor(words[i] / 256.0) / 16777216.0) << i;
  expect_same_from_any_start(numbers, [&](std::uint64_t first, std::span<float> dst) { random.uniform(first, dst); });
}

// In double precision from the same words: sqrt(-2 ln u), u = (word / 2^8 + 1) / 2^24 in (0, 1], times cosine and sine.
TEST(Random, ManyNormalsAreBoxMullersOfTheWords) {
  const BulkRandom random(3, RandomPurpose::noise, 18);
  constexpr std::size_t count = 1 << 22;
  std::vector<std::uint32_t> words(count);
  std::vector<float> numbers(count);
  random.words(0, words);
  random.normal(0, numbers);
  double error = 0;
  for (std::size_t i = 0; i < count; i += 2) {
    const double radius = std::sqrt(-2 * std::log((std::floor(words[i] / 256.0) + 1) / 16777216.0));
    const double angle = 2 * std::numbers::pi * std::floor(words[i + 1] / 256.0) / 16777216.0;
    error = std::max({error, std::abs(static_cast<double>(numbers[i]) - radius * std::cos(angle)),
                      std::abs(static_cast<double>(numbers[i + 1]) - radius * std::sin(angle))});
  }
  ::testing::Test::RecordProperty("error", std::to_string(error * 1e6) + "e-6");
  EXPECT_LE(error, 1e-6);
  expect_same_from_any_start(numbers, [&](std::uint64_t first, std::span<float> dst) { random.normal(first, dst); });
}

// From far away in the stream as well, and from an odd place, where a pair begins before the span.
TEST(Random, ManyNormalsStartAnywhere) {
  const BulkRandom random(3, RandomPurpose::noise, 18);
  for (const std::uint64_t origin : {0ull, 1ull << 32, 7ull << 34, (1ull << 63) + 2}) {
    std::vector<float> all(2001), odd(2000), one(1);
    random.normal(origin, all);
    random.normal(origin + 1, odd);
    for (std::size_t i = 0; i < odd.size(); ++i) ASSERT_EQ(odd[i], all[i + 1]) << origin << " " << i;
    random.normal(origin + 777, one);
    EXPECT_EQ(one[0], all[777]);
  }
}

TEST(Random, StreamsOfAnotherSeedPurposeOrSubstreamShareNoDraws) {
  std::vector<RandomStream> streams;
  for (const std::uint64_t seed : {1ull, 2ull, 1ull << 32})
    for (const RandomPurpose purpose : {RandomPurpose::weights, RandomPurpose::batch_order})
      for (const std::uint32_t substream : {0u, 1u, 0x80000000u}) streams.emplace_back(seed, purpose, substream);
  std::set<Words> blocks;
  for (RandomStream& stream : streams)
    for (int i = 0; i < 100; ++i) blocks.insert(next_block(stream));
  EXPECT_EQ(blocks.size(), streams.size() * 100);
}

TEST(Random, NeighbouringSubstreamsAreUncorrelated) {
  constexpr int draws = 100000;
  RandomStream a(1, RandomPurpose::weights, 0);
  RandomStream b(1, RandomPurpose::weights, 1);
  double sum = 0;
  for (int i = 0; i < draws; ++i) sum += a.normal() * b.normal();
  EXPECT_LT(std::abs(sum / draws), 5 / std::sqrt(draws));  // five standard errors of a correlation of 0
}

TEST(Random, UniformHasTheMomentsOfItsDistribution) {
  constexpr int draws = 1000000;
  RandomStream stream(7, RandomPurpose::noise, 0);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < draws; ++i) {
    const double value = stream.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / draws, 1.0 / 2, 5 * std::sqrt(1.0 / 12 / draws));
  EXPECT_NEAR(squares / draws, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / draws));
}

TEST(Random, UniformUses53Bits) {
  RandomStream stream(7, RandomPurpose::noise, 0);
  RandomStream words(7, RandomPurpose::noise, 0);
  for (int i = 0; i < 100; ++i) {
    const double high = words.next_u32();
    const double low = words.next_u32() >> 11;
    ASSERT_EQ(stream.uniform(), std::ldexp(high, -32) + std::ldexp(low, -53));
  }
}

TEST(Random, NormalHasTheMomentsOfItsDistribution) {
  constexpr int draws = 1000000;
  RandomStream stream(7, RandomPurpose::weights, RandomStream::substream_of("dense1.weights"));
  std::array<double, 5> moments{};
  int beyond_two = 0;
  for (int i = 0; i < draws; ++i) {
    const double value = stream.normal();
    for (int power = 1; power <= 4; ++power) moments[static_cast<std::size_t>(power)] += std::pow(value, power) / draws;
    beyond_two += std::abs(value) > 2;
  }
  const double root = std::sqrt(draws);
  EXPECT_NEAR(moments[1], 0, 5 * 1 / root);
  EXPECT_NEAR(moments[2], 1, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(moments[3], 0, 5 * std::sqrt(15.0) / root);
  EXPECT_NEAR(moments[4], 3, 5 * std::sqrt(96.0) / root);
  const double expected = std::erfc(std::sqrt(2.0));
  EXPECT_NEAR(static_cast<double>(beyond_two) / draws, expected, 5 * std::sqrt(expected) / root);
}

TEST(Random, ConsecutiveNormalsAreUncorrelated) {
  constexpr int draws = 100000;
  RandomStream stream(3, RandomPurpose::weights, 0);
  double last = stream.normal();
  double sum = 0;
  double squares = 0;  // the two values of one Box-Muller draw share their radius when one is forgotten
  for (int i = 0; i < draws; ++i) {
    const double value = stream.normal();
    sum += last * value;
    squares += (last * last - 1) * (value * value - 1);
    last = value;
  }
  EXPECT_LT(std::abs(sum / draws), 5 / std::sqrt(draws));
  EXPECT_LT(std::abs(squares / draws), 5 * 2 / std::sqrt(draws));
}

TEST(Random, BelowIsUniform) {
  for (const std::uint64_t bound : {1ull, 2ull, 3ull, 10ull, 17ull}) {
    RandomStream stream(11, RandomPurpose::noise, static_cast<std::uint32_t>(bound));
    constexpr int draws = 200000;
    std::vector<int> counts(bound);
    for (int i = 0; i < draws; ++i) {
      const std::uint64_t value = stream.below(bound);
      ASSERT_LT(value, bound);
      ++counts[value];
    }
    const double expected = static_cast<double>(draws) / static_cast<double>(bound);
    for (const int count : counts) EXPECT_NEAR(count, expected, 5 * std::sqrt(expected) + 1e-9) << bound;
  }
}

TEST(Random, BelowHasNoBiasWhereTheBoundIsNoPowerOfTwo) {
  // A plain remainder would give the first third twice as often as the others, a plain product the multiples of 3.
  for (const std::uint64_t bound : {3ull << 30, 3ull << 62}) {
    RandomStream stream(5, RandomPurpose::noise, 0);
    constexpr int draws = 100000;
    std::map<std::uint64_t, int> thirds;
    std::map<std::uint64_t, int> remainders;
    for (int i = 0; i < draws; ++i) {
      const std::uint64_t value = stream.below(bound);
      ASSERT_LT(value, bound);
      ++thirds[value / (bound / 3)];
      ++remainders[value % 3];
    }
    for (std::uint64_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(thirds[i], draws / 3.0, 5 * std::sqrt(draws / 3.0)) << bound;
      EXPECT_NEAR(remainders[i], draws / 3.0, 5 * std::sqrt(draws / 3.0)) << bound;
    }
  }
}

TEST(Random, BelowRefusesZero) {
  RandomStream stream(5, RandomPurpose::noise, 0);
  EXPECT_THROW(stream.below(0), std::logic_error);
}

TEST(Random, ShuffleGivesEveryPermutationEquallyOften) {
  RandomStream stream(13, RandomPurpose::batch_order, 0);
  constexpr int draws = 24 * 5000;
  std::map<std::vector<std::uint32_t>, int> counts;
  for (int i = 0; i < draws; ++i) {
    std::vector<std::uint32_t> values = {0, 1, 2, 3};
    stream.shuffle(values);
    ++counts[values];
  }
  EXPECT_EQ(counts.size(), 24u);
  for (const auto& [values, count] : counts) EXPECT_NEAR(count, 5000, 5 * std::sqrt(5000.0));
}

TEST(Random, ShuffleOfNothingDrawsNothing) {
  RandomStream stream(0, static_cast<RandomPurpose>(0), 0);
  std::vector<std::uint32_t> one = {42};
  stream.shuffle({});
  stream.shuffle(one);
  EXPECT_EQ(one, std::vector<std::uint32_t>{42});
  EXPECT_EQ(stream.next_u32(), 0x6627e8d5u);
}

TEST(Random, SubstreamIsFnv1a) {
  EXPECT_EQ(RandomStream::substream_of(""), 0x811c9dc5u);
  EXPECT_EQ(RandomStream::substream_of("a"), 0xe40c292cu);
  EXPECT_EQ(RandomStream::substream_of("foobar"), 0xbf9cf968u);
}

}  // namespace
}  // namespace bnlab

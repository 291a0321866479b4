#include "util/peak_flops.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bnlab {
namespace {

// Enough sums that none waits for the one before: two units of four cycles each need eight.
constexpr int sums = 12;
constexpr std::int64_t rounds = 2000000;  // some ten milliseconds

struct Loop {
  float (*run)();  // the sum of all, so that the compiler leaves nothing out
  double flop;     // of one call
};

// Inlined into functions for the processors that have the instruction of `step`.
template <class Vector, class Step>
[[gnu::always_inline]] inline float repeat(const Vector& start, const Step& step) {
  Vector sum[sums];
  for (auto& one : sum) {
    one = start;
    __asm__("" : "+m"(one));  // for all that the compiler knows each is another
  }
  for (std::int64_t i = 0; i < rounds; ++i)
#pragma GCC unroll 16
    for (auto& one : sum) step(one);
  float total = 0;
  for (auto& one : sum) {
    __asm__("" : "+m"(one));  // every value of it counts
    total += one[0];
  }
  return total;
}

// Four values at a time on any processor.
float multiply_add() {
  using Vector __attribute__((vector_size(16))) = float;
  return repeat(Vector{1, 1, 1, 1}, [](Vector& sum) { sum = sum * 0.999f + 0.001f; });
}

#if defined(__x86_64__)

[[gnu::target("avx2,fma")]] float fma_avx2() {
  const __m256 factor = _mm256_set1_ps(0.999f);
  const __m256 term = _mm256_set1_ps(0.001f);
  return repeat(
      _mm256_set1_ps(1.0f), [&](__m256 & sum)
                                __attribute__((target("avx2,fma"))) { sum = _mm256_fmadd_ps(sum, factor, term); });
}

[[gnu::target("avx512f")]] float fma_avx512() {
  const __m512 factor = _mm512_set1_ps(0.999f);
  const __m512 term = _mm512_set1_ps(0.001f);
  return repeat(
      _mm512_set1_ps(1.0f), [&](__m512 & sum)
                                __attribute__((target("avx512f"))) { sum = _mm512_fmadd_ps(sum, factor, term); });
}

[[gnu::target("avx512f,avx512bf16")]] float dot_bf16() {
  const __m512bh factor = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.001f), _mm512_set1_ps(0.001f));
  return repeat(
      _mm512_set1_ps(0.0f), [&](__m512 & sum) __attribute__((target("avx512f,avx512bf16"))) {
        sum = _mm512_dpbf16_ps(sum, factor, factor);
      });
}

#endif

Loop f32_loop() {
  const double values = 2.0 * sums * static_cast<double>(rounds);
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {fma_avx512, 16 * values};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {fma_avx2, 8 * values};
#endif
  return {multiply_add, 4 * values};
}

double rate(const Loop& loop, int threads) {
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    float total = 0;
    const auto start = std::chrono::steady_clock::now();
#pragma omp parallel for num_threads(threads) reduction(+ : total)
    for (int thread = 0; thread < threads; ++thread) total += loop.run();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (total != 0) best = std::max(best, loop.flop * threads / seconds);
  }
  return best;
}

}  // namespace

double peak_f32_flops(int threads) { return rate(f32_loop(), threads); }

double peak_bf16_flops(int threads) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bf16"))
    return rate({dot_bf16, 2.0 * 32 * sums * static_cast<double>(rounds)}, threads);
#endif
  return 0;
}

}  // namespace bnlab

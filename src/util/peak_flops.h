#pragma once

namespace bnlab {

/// Floating-point operations per second that `threads` cores reach together with nothing but fused multiply-adds on
/// registers, the best of several tries of some milliseconds. What a kernel reaches is compared with it.
double peak_f32_flops(int threads);
/// The same with dot products of bf16 pairs; 0 where the processor has none.
double peak_bf16_flops(int threads);

}  // namespace bnlab

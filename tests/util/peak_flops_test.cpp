#include "util/peak_flops.h"

#include <gtest/gtest.h>

namespace bnlab {
namespace {

// No processor does less than a multiply-add of four values in ten cycles of 1 GHz, none more than 64 of 32 values in
// one of 6 GHz.
TEST(PeakFlops, IsOfAProcessor) {
  for (const double flops : {peak_f32_flops(1), peak_f32_flops(2)}) {
    EXPECT_GT(flops, 0.8e9);
    EXPECT_LT(flops, 2.5e13);
  }
  if (const double flops = peak_bf16_flops(1); flops != 0) {
    EXPECT_GT(flops, 0.8e9);
  }
}

}  // namespace
}  // namespace bnlab

#include "fuzz/datasets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bnlab::fuzz::cifar100_target({data, size});
  return 0;
}

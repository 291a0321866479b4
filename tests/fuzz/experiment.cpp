#include "fuzz/configs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bnlab::fuzz::experiment_target({data, size});
  return 0;
}

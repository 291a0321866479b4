#include "fuzz/configs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bnlab::fuzz::config_target({data, size});
  return 0;
}

#include "util/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab {
namespace {

TEST(RequireMemory, RefusesMoreThanThereIs) {
  EXPECT_NO_THROW(require_memory(std::uint64_t{1} << 20, "the weights"));
  const std::string error = test::error_text<RunError>([] { require_memory(std::uint64_t{1} << 60, "the weights"); });
  test::expect_contains(error, "out of memory: the weights need 1073741824.0 GiB, and ");
  test::expect_contains(error, "GiB are left");
}

TEST(ZeroedMemory, BeginsOnAPageAndIsZero) {
  for (const Backing backing : {Backing::at_once, Backing::when_touched})
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{5000}, std::size_t{1} << 22}) {
      const ZeroedMemory memory = zeroed_memory(bytes, backing);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.get()) % 4096, 0u);
      const auto* values = static_cast<const unsigned char*>(memory.get());
      EXPECT_TRUE(std::all_of(values, values + bytes, [](unsigned char value) { return value == 0; }));
    }
}

}  // namespace
}  // namespace bnlab

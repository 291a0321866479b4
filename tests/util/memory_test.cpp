#include "util/memory.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace bnlab

#include "util/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab {
namespace {

TEST(RequireMemory, RefusesMoreThanThereIs) {
  EXPECT_NO_THROW(require_memory({{"the weights", std::uint64_t{1} << 20}}));
  const std::string error = test::error_text<RunError>([] {
    require_memory({{"the weights", std::uint64_t{1} << 60}, {"the outputs", std::uint64_t{1} << 31}});
  });
  test::expect_contains(error,
                        "out of memory: 1073741826.0 GiB are needed (the weights 1073741824.0 GiB, the outputs 2.0 "
                        "GiB), and ");
  test::expect_contains(error, "GiB are free");
}

TEST(RequireMemory, RefusesPartsOfWhichEachIsThere) {
  const std::uint64_t left = memory_left();
  ASSERT_LT(left, std::numeric_limits<std::uint64_t>::max());
  const std::uint64_t most = left / 10 * 8;  // others take and give memory meanwhile
  EXPECT_NO_THROW(require_memory({{"one", left / 2}}));
  EXPECT_THROW(require_memory({{"one", most}, {"two", most}}), RunError);
}

using Files = std::vector<std::pair<std::string, std::string>>;

std::uint64_t left_with(const Files& files) {
  const test::TemporaryFolder root;
  for (const auto& [name, text] : files) {
    std::filesystem::create_directories((root / name).parent_path());
    test::write_text(root / name, text);
  }
  return memory_left(root.path());
}

const std::pair<std::string, std::string> machine{"proc/meminfo",
                                                  "MemTotal:  9000 kB\nMemFree:  10 kB\nMemAvailable:    4000 kB\n"};
constexpr std::uint64_t of_machine = 4000 << 10;
constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

TEST(MemoryLeft, IsWhatTheMachineHasWithoutGroups) {
  EXPECT_EQ(left_with({machine}), of_machine);
  EXPECT_EQ(left_with({}), unlimited);
  EXPECT_EQ(left_with({{"proc/meminfo", "MemTotal:  9000 kB\n"}}), unlimited);
  EXPECT_EQ(left_with({machine, {"proc/self/cgroup", "0::/a\n"}}), of_machine);
  EXPECT_EQ(left_with({machine, {"proc/self/cgroup", "no colons\n"}}), of_machine);
}

TEST(MemoryLeft, IsTheLeastOfAGroupAndThoseItLiesIn) {
  const std::string groups = "sys/fs/cgroup/";
  Files files{machine,
              {"proc/self/cgroup", "0::/a/b\n"},
              {groups + "a/b/memory.max", "max\n"},
              {groups + "a/b/memory.current", "100000\n"}};
  EXPECT_EQ(left_with(files), of_machine);
  files.push_back({groups + "a/memory.max", "3000000\n"});
  EXPECT_EQ(left_with(files), of_machine) << "what it uses is not known";
  files.push_back({groups + "a/memory.current", "1000000\n"});
  EXPECT_EQ(left_with(files), 2000000u);
  files[2].second = "150000\n";
  EXPECT_EQ(left_with(files), 50000u);
  files[3].second = "150001\n";
  EXPECT_EQ(left_with(files), 0u) << "more than the limit, for a moment";
  files[1].second = "0::/../a\n";
  EXPECT_EQ(left_with(files), 2000000u) << "as seen from inside of a container";
  files.push_back({groups + "memory.max", "1000001\n"});
  files.push_back({groups + "memory.current", "1000000\n"});
  EXPECT_EQ(left_with(files), 1u);
}

TEST(MemoryLeft, ReadsGroupsOfTheFirstVersion) {
  const std::string group = "sys/fs/cgroup/memory/x:y/";  // a name may hold what parts the line
  Files files{machine,
              {"proc/self/cgroup", "5:cpu,cpuacct:/other\n4:memory:/x:y\n0::/\n"},
              {group + "memory.limit_in_bytes", "2000000\n"},
              {group + "memory.usage_in_bytes", "500000\n"}};
  EXPECT_EQ(left_with(files), 1500000u);
  files[1].second = "4:memory,hugetlb:/x:y";
  EXPECT_EQ(left_with(files), 1500000u);
  files[2].second = "9223372036854771712\n";  // none
  EXPECT_EQ(left_with(files), of_machine);
}

TEST(MemoryLeft, CountsCachesOfFilesAsLeft) {
  const std::string stat = "anon 7\nactive_file 100000\ninactive_file 20000\n";
  Files files{machine,
              {"proc/self/cgroup", "0::/a\n"},
              {"sys/fs/cgroup/a/memory.max", "1000000\n"},
              {"sys/fs/cgroup/a/memory.current", "900000\n"},
              {"sys/fs/cgroup/a/memory.stat", stat}};
  EXPECT_EQ(left_with(files), 220000u);
  files = {machine,
           {"proc/self/cgroup", "4:memory:/\n"},
           {"sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000\n"},
           {"sys/fs/cgroup/memory/memory.usage_in_bytes", "900000\n"},
           {"sys/fs/cgroup/memory/memory.stat", "active_file 1\ntotal_active_file 30000\ntotal_inactive_file 4000\n"}};
  EXPECT_EQ(left_with(files), 134000u);
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

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "fuzz/targets.h"

namespace bnlab::fuzz {
namespace {

const fs::path here = source_folder / "tests/fuzz";

/// Empty where there is no such folder.
std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    files.push_back(entry->path());
  std::sort(files.begin(), files.end());
  return files;
}

class FuzzReplay : public ::testing::TestWithParam<Target> {
 protected:
  /// How many of the files were read without an error.
  std::size_t replay(const std::vector<fs::path>& files) {
    std::size_t were_read = 0;
    for (const fs::path& file : files) {
      SCOPED_TRACE(file.string());
      std::ifstream stream(file, std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
      EXPECT_TRUE(stream.is_open());
      EXPECT_NO_THROW(were_read +=
                      GetParam().run(Bytes(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size())));
    }
    return were_read;
  }
};

// A seed that nothing reads any more leads no fuzzing into what lies behind.
TEST_P(FuzzReplay, Seeds) {
  const std::vector<fs::path> seeds = files_in(here / "seeds" / GetParam().name);
  ASSERT_FALSE(seeds.empty()) << here / "seeds" / GetParam().name;
  const std::size_t were_read = replay(seeds);
  EXPECT_GT(were_read, 0u) << "every seed is refused";
}

TEST_P(FuzzReplay, Findings) { replay(files_in(here / "findings" / GetParam().name)); }

INSTANTIATE_TEST_SUITE_P(Targets, FuzzReplay, ::testing::ValuesIn(targets),
                         [](const auto& instance) { return std::string(instance.param.name); });

// A program of tests/fuzz and a folder of seeds or findings that no target replays would be forgotten.
TEST(FuzzTargets, AreReplayed) {
  std::set<std::string> names, sources;
  for (const Target& target : targets) names.insert(target.name);
  for (const fs::path& file : files_in(here))
    if (file.extension() == ".cpp" && file.stem() != "replay_test") sources.insert(file.stem().string());
  EXPECT_EQ(sources, names);
  for (const char* folder : {"seeds", "findings"})
    for (const fs::path& of_target : files_in(here / folder))
      EXPECT_TRUE(names.contains(of_target.filename().string())) << of_target;
}

// What the fuzzing programs call a finding.
TEST(FuzzTargets, AcceptNoOtherErrors) {
  EXPECT_TRUE(accepts([] {}));
  EXPECT_FALSE(accepts([] { throw DataError("a file"); }));
  EXPECT_THROW(accepts([] { throw std::bad_alloc(); }), std::bad_alloc);
  EXPECT_THROW(accepts([] { throw std::length_error("a size"); }), std::length_error);
  EXPECT_THROW(require_accepted("again", [] { throw ConfigError("a config"); }), std::logic_error);
}

}  // namespace
}  // namespace bnlab::fuzz

#include "util/output_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab {
namespace {

namespace fs = std::filesystem;

TEST(OutputFile, WritesInPieces) {
  const test::TemporaryFolder folder;
  std::string expected;
  OutputFile file(folder / "f");
  for (int i = 0; i < 10'000; ++i) {
    const std::string piece = std::to_string(i) + std::string(static_cast<std::size_t>(i % 50), 'x') + "\n";
    expected += piece;
    file.write(piece);
  }
  EXPECT_FALSE(fs::exists(folder / "f"));
  file.finish();
  EXPECT_EQ(test::read_text(folder / "f"), expected);
  EXPECT_FALSE(fs::exists(folder / "f.tmp"));
}

TEST(OutputFile, LeavesTheOldFileUntilTheEnd) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "f", "old");
  {
    OutputFile file(folder / "f");
    file.write(std::string(200'000, 'x'));
    EXPECT_EQ(test::read_text(folder / "f"), "old");
  }
  EXPECT_EQ(test::read_text(folder / "f"), "old");
  EXPECT_FALSE(fs::exists(folder / "f.tmp"));
}

TEST(OutputFile, NamesWhatCanNotBeWritten) {
  const test::TemporaryFolder folder;
  EXPECT_THROW(OutputFile(folder / "none/f"), RunError);
  OutputFile full("/dev/full");
  full.write("x");
  EXPECT_THROW(full.finish(), RunError);
  EXPECT_TRUE(fs::exists("/dev/full"));
}

}  // namespace
}  // namespace bnlab

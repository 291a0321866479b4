#include "util/csv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "util/errors.h"
#include "util/random.h"
#include "util/test_files.h"

namespace bnlab {
namespace {

using test::error_text;
using test::expect_contains;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;

TEST(CsvWriter, WritesHeaderAndRows) {
  const TemporaryFolder folder;
  CsvWriter csv(folder / "f.csv", {"step", "split", "loss"});
  csv.add(std::int64_t{10}).add("train").add(0.25).end_row();
  csv.add(std::numeric_limits<std::int64_t>::min()).add("").add(-1e-30).end_row();
  EXPECT_EQ(read_text(folder / "f.csv"), "step,split,loss\n10,train,0.25\n-9223372036854775808,,-1e-30\n");
}

TEST(CsvWriter, QuotesWhatNeedsIt) {
  const TemporaryFolder folder;
  CsvWriter csv(folder / "f.csv", {"a,b", "c"});
  csv.add("x,y").add("say \"hi\"").end_row();
  csv.add("two\nlines").add("\r").end_row();
  csv.add("plain text").add("'single'").end_row();
  EXPECT_EQ(read_text(folder / "f.csv"),
            "\"a,b\",c\n\"x,y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\\u000d\nplain text,'single'\n");
}

TEST(CsvWriter, WritesNumbersAsPrintfDoes) {
  const TemporaryFolder folder;
  std::vector<double> values = {0.0,          -0.0, 1.0,  100.0,   1e9,   123456789.0,
                                1234567890.0, 1e-4, 1e-5, 1.0 / 3, 2e300, 5e-324};
  RandomStream stream(1, RandomPurpose::noise, 0);
  for (int i = 0; i < 2000; ++i)
    values.push_back(std::ldexp(stream.normal(), static_cast<int>(stream.below(200)) - 100));
  std::string expected = "v\n";
  CsvWriter csv(folder / "f.csv", {"v"});
  for (const double value : values) {
    csv.add(value).end_row();
    char text[64];
    std::snprintf(text, sizeof text, "%.9g\n", value);
    expected += text;
  }
  EXPECT_EQ(read_text(folder / "f.csv"), expected);
}

TEST(CsvWriter, NineDigitsBringAFloatBack) {
  const TemporaryFolder folder;
  CsvWriter csv(folder / "f.csv", {"v"});
  const float value = 0.1f + std::numeric_limits<float>::epsilon();
  csv.add(static_cast<double>(value)).end_row();
  EXPECT_EQ(std::stof(read_text(folder / "f.csv").substr(2)), value);
}

TEST(CsvWriter, WritesNonFiniteNumbers) {
  const TemporaryFolder folder;
  constexpr double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CsvWriter csv(folder / "f.csv", {"a", "b", "c", "d"});
  csv.add(nan).add(std::copysign(nan, -1.0)).add(inf).add(-inf).end_row();
  EXPECT_EQ(read_text(folder / "f.csv"), "a,b,c,d\nnan,nan,inf,-inf\n");
}

TEST(CsvWriter, HandsOverWholeRowsOnly) {
  const TemporaryFolder folder;
  CsvWriter csv(folder / "f.csv", {"a", "b"});
  csv.add("1").add("2").end_row();
  csv.add("3");
  EXPECT_EQ(read_text(folder / "f.csv"), "a,b\n1,2\n");
}

TEST(CsvWriter, RefusesARowOfAnotherLength) {
  const TemporaryFolder folder;
  CsvWriter short_row(folder / "f.csv", {"a", "b"});
  EXPECT_THROW(short_row.add("1").end_row(), std::logic_error);
  CsvWriter long_row(folder / "g.csv", {"a", "b"});
  EXPECT_THROW(long_row.add("1").add("2").add("3").end_row(), std::logic_error);
  EXPECT_EQ(read_text(folder / "f.csv"), "a,b\n");
  EXPECT_EQ(read_text(folder / "g.csv"), "a,b\n");
}

TEST(CsvWriter, ReplacesAnExistingFile) {
  const TemporaryFolder folder;
  write_text(folder / "f.csv", "something longer than the header\n");
  CsvWriter csv(folder / "f.csv", {"a"});
  EXPECT_EQ(read_text(folder / "f.csv"), "a\n");
  EXPECT_EQ(csv.bytes(), 2u);
}

TEST(CsvWriter, ContinuesFromACheckpoint) {
  const TemporaryFolder folder;
  std::uint64_t checkpoint = 0;
  {
    CsvWriter csv(folder / "f.csv", {"a", "b"});
    csv.add("1").add("2").end_row();
    checkpoint = csv.bytes();
    csv.add("3").add("4").end_row();
  }
  CsvWriter csv(folder / "f.csv", {"a", "b"}, checkpoint);
  EXPECT_EQ(read_text(folder / "f.csv"), "a,b\n1,2\n");
  csv.add("5").add("6").end_row();
  EXPECT_EQ(read_text(folder / "f.csv"), "a,b\n1,2\n5,6\n");
  EXPECT_EQ(csv.bytes(), 12u);
}

TEST(CsvWriter, RefusesToContinueInTheMiddleOfARow) {
  const test::TemporaryFolder folder;
  const auto path = folder / "a.csv";
  const std::string text = "step\n1\n22\n";
  test::write_text(path, text);
  EXPECT_THROW(CsvWriter(path, {"step"}, text.size() - 1), RunError);
  EXPECT_THROW(CsvWriter(path, {"step"}, text.size() - 2), RunError);
  EXPECT_EQ(test::read_text(path), text);
}

TEST(CsvWriter, RefusesToContinueAnotherFile) {
  const TemporaryFolder folder;
  const std::string path = (folder / "f.csv").string();
  write_text(path, "a,b\n1,2\n");
  const std::string header = error_text<RunError>([&] { CsvWriter(path, {"a", "c"}, 8); });
  expect_contains(header, path);
  expect_contains(header, "expected the header 'a,c', found 'a,b'");
  expect_contains(error_text<RunError>([&] { CsvWriter(path, {"a", "b"}, 9); }), "at least 9 bytes, found 8");
  EXPECT_THROW(CsvWriter(path, {"a", "b"}, 3), RunError);  // inside the header
  EXPECT_THROW(CsvWriter((folder / "none.csv"), {"a", "b"}, 4), RunError);
  EXPECT_EQ(read_text(path), "a,b\n1,2\n");
}

TEST(CsvWriter, NamesAFileThatCannotBeWritten) {
  const TemporaryFolder folder;
  const std::string path = (folder / "none/f.csv").string();
  expect_contains(error_text<RunError>([&] { CsvWriter(path, {"a"}); }), path + ": cannot write: No such file");
  expect_contains(error_text<RunError>([&] { CsvWriter("/dev/full", {"a"}); }),
                  "/dev/full: is not a regular file; nothing is written to it");
}

TEST(CsvWriter, KeepsWholeRowsWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  CsvWriter csv(folder / "f.csv", {"a"});
  csv.add("first").end_row();
  {
    const test::FileSizeLimit limit(10);  // two bytes into the next row
    expect_contains(error_text<RunError>([&] { csv.add("second").end_row(); }),
                    (folder / "f.csv").string() + ": cannot write: File too large");
  }
  EXPECT_EQ(read_text(folder / "f.csv"), "a\nfirst\n");
  EXPECT_EQ(csv.bytes(), 8u);
}

TEST(CsvWriter, SyncFindsThatTheFileWasRemoved) {
  const TemporaryFolder folder;
  CsvWriter csv(folder / "f.csv", {"a"});
  csv.add("first").end_row();
  csv.sync();
  EXPECT_EQ(read_text(folder / "f.csv"), "a\nfirst\n");
  std::filesystem::remove(folder / "f.csv");
  csv.add("second").end_row();  // into a file without a name
  expect_contains(error_text<RunError>([&] { csv.sync(); }),
                  (folder / "f.csv").string() + ": cannot write: the file was removed");
}

}  // namespace
}  // namespace bnlab

#include "data/idx.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "data/idx_files.h"
#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::data {
namespace {

using test::error_text;
using test::expect_contains;
using test::gzip_bytes;
using test::idx_bytes;
using test::TemporaryFolder;
using test::write_text;

std::string counting(std::size_t size) {
  std::string values(size, '\0');
  std::iota(values.begin(), values.end(), '\0');
  return values;
}

IdxArray read(const std::filesystem::path& path, int dimensions) {
  BackgroundSha256 sum;
  return read_idx(path, dimensions, sum);
}

std::string refusal_of(const std::string& bytes, int dimensions) {
  const TemporaryFolder folder;
  std::string texts[2];
  for (const bool packed : {false, true}) {
    write_text(folder / "file", packed ? gzip_bytes(bytes) : bytes);
    texts[packed] = error_text<DataError>([&] { read(folder / "file", dimensions); });
    expect_contains(texts[packed], (folder / "file").string() + ": ");
  }
  EXPECT_EQ(texts[0], texts[1]);
  return texts[0];
}

TEST(Idx, ReadsPlainAndGzip) {
  const TemporaryFolder folder;
  const std::string bytes = idx_bytes({3, 2, 5}, counting(30));
  write_text(folder / "plain", bytes);
  write_text(folder / "packed", gzip_bytes(bytes));
  write_text(folder / "two members", gzip_bytes(bytes.substr(0, 20)) + gzip_bytes(bytes.substr(20)));
  for (const char* name : {"plain", "packed", "two members"}) {
    const IdxArray array = read(folder / name, 3);
    EXPECT_EQ(array.shape, (std::vector<std::int64_t>{3, 2, 5}));
    std::vector<std::uint8_t> expected(30);
    std::iota(expected.begin(), expected.end(), std::uint8_t{0});
    EXPECT_EQ(array.values, expected);
  }
}

TEST(Idx, ReadsLabelsAndNothing) {
  const TemporaryFolder folder;
  write_text(folder / "labels", idx_bytes({4}, "\x01\x02\x03\x04"));
  EXPECT_EQ(read(folder / "labels", 1).values, (std::vector<std::uint8_t>{1, 2, 3, 4}));
  write_text(folder / "empty", idx_bytes({0}, ""));
  EXPECT_TRUE(read(folder / "empty", 1).values.empty());
}

TEST(Idx, ReadsLabelsOfEveryIntegerType) {
  const TemporaryFolder folder;
  const auto labels = [&](const std::string& bytes) {
    write_text(folder / "labels", bytes);
    BackgroundSha256 sum;
    return read_idx_labels(folder / "labels", sum);
  };
  const auto header = [](char type, char dimensions, const std::string& extents) {
    return std::string("\0\0", 2) + type + dimensions + extents;
  };
  using Labels = std::vector<std::int64_t>;
  const std::string three("\0\0\0\3", 4), two("\0\0\0\2", 4);
  EXPECT_EQ(labels(header(8, 1, three) + "\x01\xff\x03"), (Labels{1, 255, 3}));
  EXPECT_EQ(labels(header(9, 1, three) + "\x01\xff\x80"), (Labels{1, -1, -128}));
  EXPECT_EQ(labels(header(11, 1, two) + std::string("\1\0\xff\xfe", 4)), (Labels{256, -2}));
  EXPECT_EQ(labels(header(12, 1, two) + std::string("\x80\0\0\0\0\1\0\0", 8)), (Labels{-2147483648, 65536}));
  // The first column, as QMNIST has it.
  EXPECT_EQ(labels(header(8, 2, two + three) + "\x01\x02\x03\x04\x05\x06"), (Labels{1, 4}));
  EXPECT_TRUE(labels(header(8, 1, std::string(4, '\0'))).empty());
  for (const std::string& wrong :
       {header(13, 1, three) + std::string(12, '\0'), header(8, 3, three + two + two) + std::string(12, '\0'),
        header(8, 2, two + std::string(4, '\0')), header(12, 1, two) + "1234567", header(12, 1, two) + "123456789",
        std::string("\0\0\x08", 3)})
    EXPECT_THROW(labels(wrong), DataError);
}

TEST(Idx, SumsTheUnpackedFile) {
  const TemporaryFolder folder;
  const std::string bytes = idx_bytes({3, 2, 5}, counting(30));
  Sha256 expected;
  expected.update({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  write_text(folder / "packed", gzip_bytes(bytes));
  BackgroundSha256 sum;
  read_idx(folder / "packed", 3, sum);
  EXPECT_EQ(sum.hex(), expected.hex());
}

TEST(Idx, RefusesAnotherMagicNumber) {
  const std::string images = idx_bytes({3, 2, 5}, counting(30));
  const std::string labels = idx_bytes({30, 1, 1}, counting(30));
  expect_contains(refusal_of(images, 1), "expected 0x00000801 (unsigned bytes, 1 dimensions), found 0x00000803");
  expect_contains(refusal_of(idx_bytes({30}, counting(30)), 3), "expected 0x00000803");
  for (const std::size_t at : {0u, 1u, 2u, 3u}) {
    std::string damaged = images;
    damaged[at] = '\x0d';
    expect_contains(refusal_of(damaged, 3), "wrong magic number");
  }
  expect_contains(refusal_of("<html>not found, sorry</html>", 3), "wrong magic number");
}

TEST(Idx, RefusesAFileCutAtAnyByte) {
  const std::string whole = idx_bytes({3, 2, 5}, counting(30));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string text = refusal_of(whole.substr(0, size), 3);
    expect_contains(text, size < 16 ? "cut off: expected a header of 16 bytes, found " + std::to_string(size)
                                    : "cut off: expected 30 bytes of values, found " + std::to_string(size - 16));
  }
}

TEST(Idx, RefusesGzipCutAtAnyByte) {
  const TemporaryFolder folder;
  const std::string whole = gzip_bytes(idx_bytes({3, 2, 5}, counting(30)));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_text(folder / "f.gz", whole.substr(0, size));
    expect_contains(error_text<DataError>([&] { read(folder / "f.gz", 3); }), (folder / "f.gz").string() + ": cut off");
  }
}

TEST(Idx, RefusesBytesAfterTheEnd) {
  const TemporaryFolder folder;
  const std::string bytes = idx_bytes({3, 2, 5}, counting(30));
  expect_contains(refusal_of(bytes + "x", 3), "too long: expected 30 bytes of values, found more");
  write_text(folder / "f.gz", gzip_bytes(bytes) + "x");
  expect_contains(error_text<DataError>([&] { read(folder / "f.gz", 3); }), "after the gzip data");
}

TEST(Idx, RefusesDimensionsThatOverflow) {
  expect_contains(
      refusal_of(idx_bytes({0xffffffff, 0xffffffff, 0xffffffff}, ""), 3),
      "too large: expected at most 1073741824 values, found dimensions 4294967295 x 4294967295 x 4294967295");
  expect_contains(refusal_of(idx_bytes({0x80000000, 0x80000000, 4}, ""), 3), "too large");  // 2^64: 0 when it wraps
  expect_contains(refusal_of(idx_bytes({1, 1, (1u << 30) + 1}, ""), 3), "too large");
}

TEST(Idx, TakesNoMemoryForWhatAHeaderOnlyClaims) {
  expect_contains(refusal_of(idx_bytes({1, 1, 1u << 30}, "12345"), 3), "expected 1073741824 bytes of values, found 5");
}

TEST(Idx, NamesAFileThatIsNotThere) {
  const TemporaryFolder folder;
  expect_contains(error_text<DataError>([&] { read(folder / "none", 3); }), (folder / "none").string());
}

}  // namespace
}  // namespace bnlab::data

#include "util/npz.h"

#include <gtest/gtest.h>
#include <zip.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using test::expect_contains;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;

void expect_equal(const NpzArrays& found, const NpzArrays& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, array] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found.at(name).shape, array.shape) << name;
    EXPECT_EQ(found.at(name).values, array.values) << name;
  }
}

NpzArrays one_of_each() {
  return {{"float", {{2, 3}, std::vector<float>{1.5f, -0.0f, 3e38f, 1e-45f, 0.1f, -7.0f}}},
          {"double", {{1, 2, 1}, std::vector<double>{0.1, -1e300}}},
          {"int", {{2}, std::vector<std::int32_t>{-2147483647 - 1, 2147483647}}},
          {"long", {{}, std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min()}}},
          {"unsigned", {{1}, std::vector<std::uint64_t>{~0ull}}},
          {"layers/conv1.weights", {{0, 5}, std::vector<float>{}}}};
}

/// An .npy file with this header text, padded as NumPy does.
std::string npy_with_header(std::string header, std::string_view data) {
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + std::string(data);
}

/// An archive of any entries, made without the code under test.
void write_zip(const fs::path& path, const std::vector<std::pair<std::string, std::string>>& entries,
               zip_int32_t method = ZIP_CM_STORE) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  ASSERT_NE(archive, nullptr);
  for (const auto& [name, bytes] : entries) {
    const zip_int64_t index =
        zip_file_add(archive, name.c_str(), zip_source_buffer(archive, bytes.data(), bytes.size(), 0), 0);
    ASSERT_GE(index, 0);
    ASSERT_EQ(zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0), 0);
  }
  ASSERT_EQ(zip_close(archive), 0);
}

/// What read_npz says of an archive whose one entry is `npy`.
std::string refusal_of(const std::string& npy) {
  const TemporaryFolder folder;
  write_zip(folder / "f.npz", {{"a.npy", npy}});
  const std::string text = error_text<DataError>([&] { read_npz(folder / "f.npz"); });
  expect_contains(text, (folder / "f.npz").string() + ": entry \"a.npy\": ");
  return text;
}

TEST(Npy, IsWhatNumpyWrites) {
  // numpy.save of numpy.array([[1, 2]], dtype="<f4"), NumPy 1.24.
  const std::string expected =
      std::string("\x93NUMPY\x01\x00v\x00", 10) +
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }                                                "
      "          \n" +
      std::string("\x00\x00\x80\x3f\x00\x00\x00\x40", 8);
  EXPECT_EQ(npy_bytes({{1, 2}, std::vector<float>{1, 2}}), expected);
}

TEST(Npy, WritesShapesAsPythonTuples) {
  expect_contains(npy_bytes({{}, std::vector<double>{1}}), "{'descr': '<f8', 'fortran_order': False, 'shape': (), }");
  expect_contains(npy_bytes({{3}, std::vector<std::int32_t>(3)}),
                  "'descr': '<i4', 'fortran_order': False, 'shape': (3,), }");
  expect_contains(npy_bytes({{3, 0, 2}, std::vector<std::int64_t>{}}),
                  "'<i8', 'fortran_order': False, 'shape': (3, 0, 2), }");
  expect_contains(npy_bytes({{1}, std::vector<std::uint64_t>(1)}), "'<u8'");
}

TEST(Npy, AlignsTheValues) {
  for (std::int64_t dimensions = 0; dimensions < 100; ++dimensions) {
    const std::vector<std::int64_t> shape(static_cast<std::size_t>(dimensions), 1);
    const std::string bytes = npy_bytes({shape, std::vector<float>(1)});
    EXPECT_EQ((bytes.size() - 4) % 64, 0u);
    const std::size_t length = static_cast<std::uint8_t>(bytes[8]) + 256u * static_cast<std::uint8_t>(bytes[9]);
    EXPECT_EQ(length, bytes.size() - 4 - 10);
    EXPECT_EQ(bytes[bytes.size() - 5], '\n');
  }
}

TEST(Npy, RefusesAShapeThatDoesNotFitTheValues) {
  EXPECT_THROW(npy_bytes({{2, 2}, std::vector<float>(3)}), std::logic_error);
  EXPECT_THROW(npy_bytes({{-1, -1}, std::vector<float>(1)}), std::logic_error);
  EXPECT_THROW(npy_bytes({{1ll << 32, 1ll << 32}, std::vector<float>{}}), std::logic_error);
}

TEST(Npz, BringsEverythingBack) {
  const TemporaryFolder folder;
  write_npz(folder / "f.npz", one_of_each());
  expect_equal(read_npz(folder / "f.npz"), one_of_each());
}

TEST(Npz, KeepsTheBitsOfNotANumber) {
  const TemporaryFolder folder;
  const float nan = -std::numeric_limits<float>::quiet_NaN();
  write_npz(folder / "f.npz", {{"a", {{1}, std::vector<float>{nan}}}});
  const NpzArrays found = read_npz(folder / "f.npz");
  EXPECT_EQ(std::memcmp(std::get<std::vector<float>>(found.at("a").values).data(), &nan, sizeof nan), 0);
}

TEST(Npz, MayBeEmpty) {
  const TemporaryFolder folder;
  write_npz(folder / "f.npz", {});
  EXPECT_EQ(read_text(folder / "f.npz").substr(0, 4), "PK\x05\x06");
  EXPECT_TRUE(read_npz(folder / "f.npz").empty());
}

TEST(Npz, IsTheSameEveryTimeAndEverywhere) {
  const TemporaryFolder folder;
  const char* zones[] = {"UTC", "Asia/Kolkata", "America/New_York"};
  std::string first;
  for (const char* zone : zones) {
    const test::EnvironmentGuard guard("TZ", zone);
    tzset();
    write_npz(folder / "f.npz", one_of_each());
    if (first.empty()) first = read_text(folder / "f.npz");
    EXPECT_EQ(read_text(folder / "f.npz"), first) << zone;
  }
  tzset();
}

TEST(Npz, StoresAndStampsWith1980) {
  const TemporaryFolder folder;
  write_npz(folder / "f.npz", {{"a", {{1}, std::vector<float>{1}}}});
  const std::string bytes = read_text(folder / "f.npz");
  EXPECT_EQ(bytes.substr(8, 6), std::string("\x00\x00\x00\x00\x21\x00", 6));  // method, time, date of the first entry
  expect_contains(bytes, npy_bytes({{1}, std::vector<float>{1}}));
}

TEST(Npz, ReplacesAFileInOneStep) {
  const TemporaryFolder folder;
  write_npz(folder / "f.npz", {{"a", {{1}, std::vector<float>{1}}}});
  const std::string old = read_text(folder / "f.npz");
  {
    const test::FileSizeLimit limit(1000);
    const std::string text = error_text<RunError>([&] {
      write_npz(folder / "f.npz", {{"a", {{1000}, std::vector<float>(1000)}}});
    });
    expect_contains(text, (folder / "f.npz").string());
  }
  EXPECT_EQ(read_text(folder / "f.npz"), old);
}

TEST(Npz, ReadsHeadersInAnyOrderAndSpacing) {
  const TemporaryFolder folder;
  const std::string data(8, '\0');
  write_zip(folder / "f.npz",
            {{"a.npy", npy_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", data)},
             {"b.npy", npy_with_header("{ 'shape':(1,2),'fortran_order':False,'descr':'<f4'}", data)},
             {"c.npy", npy_with_header("{'descr':'<i8','fortran_order':False,'shape':( )}", data)}});
  expect_equal(read_npz(folder / "f.npz"), {{"a", {{2}, std::vector<float>(2)}},
                                            {"b", {{1, 2}, std::vector<float>(2)}},
                                            {"c", {{}, std::vector<std::int64_t>(1)}}});
}

TEST(Npz, RefusesAFileCutAtAnyByte) {
  const TemporaryFolder folder;
  write_npz(folder / "whole.npz", {{"a", {{2}, std::vector<float>{1, 2}}}, {"b", {{}, std::vector<std::int32_t>{7}}}});
  const std::string whole = read_text(folder / "whole.npz");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_text(folder / "f.npz", whole.substr(0, size));
    expect_contains(error_text<DataError>([&] { read_npz(folder / "f.npz"); }), (folder / "f.npz").string());
  }
}

TEST(Npz, NeverGivesOtherValuesForADamagedFile) {
  const TemporaryFolder folder;
  const NpzArrays arrays = {{"a", {{2}, std::vector<float>{1, 2}}}, {"b", {{}, std::vector<std::int32_t>{7}}}};
  write_npz(folder / "whole.npz", arrays);
  const std::string whole = read_text(folder / "whole.npz");
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      write_text(folder / "f.npz", damaged);
      try {
        const NpzArrays found = read_npz(folder / "f.npz");
        expect_equal(found, arrays);  // a time stamp, say
      } catch (const DataError& error) {
        expect_contains(error.what(), (folder / "f.npz").string());
        ++refused;
      }
    }
  }
  // All of the values and headers at least, which the checksums cover.
  EXPECT_GT(refused, static_cast<int>(2 * 3 * npy_bytes(arrays.at("b")).size()));
}

TEST(Npz, RefusesWhatIsNoArchive) {
  const TemporaryFolder folder;
  write_text(folder / "f.npz", "this is some text and not an archive at all");
  expect_contains(error_text<DataError>([&] { read_npz(folder / "f.npz"); }), "not a complete .npz");
  write_text(folder / "f.npz", "");
  expect_contains(error_text<DataError>([&] { read_npz(folder / "f.npz"); }), "empty file");
  expect_contains(error_text<DataError>([&] { read_npz(folder / "none.npz"); }), "No such file");
}

TEST(Npz, RefusesOtherEntries) {
  const TemporaryFolder folder;
  const std::string npy = npy_bytes({{100}, std::vector<float>(100)});
  write_zip(folder / "f.npz", {{"a.txt", npy}});
  expect_contains(error_text<DataError>([&] { read_npz(folder / "f.npz"); }), "ends with .npy");
  write_zip(folder / "f.npz", {{"a.npy", npy}}, ZIP_CM_DEFLATE);
  expect_contains(error_text<DataError>([&] { read_npz(folder / "f.npz"); }), "compressed entries are not supported");
}

// Each of its twelve entries lies in the one before: unpacked they are five times the file, and more of them any
// number.
TEST(Npz, RefusesEntriesInEntries) {
  const fs::path file = fs::path(BNLAB_SOURCE_DIR) / "tests/fuzz/findings/npz/entries_in_entries";
  expect_contains(error_text<DataError>([&] { read_npz(file); }), "exceed the size of the file");
}

TEST(Npz, RefusesADamagedNpyHeader) {
  const auto refusal = [](const char* header) { return refusal_of(npy_with_header(header, std::string(8, '\0'))); };
  expect_contains(refusal("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }"), "Fortran order");
  for (const char* descr : {">f4", "<f2", "|b1", "<i2", "<c8", "|O", ""})
    expect_contains(refusal((std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': (2,)}").c_str()),
                    std::string("type \"") + descr + "\" is not supported");
  expect_contains(refusal("{'descr': '<f4', 'shape': (2,)}"), "is missing");
  expect_contains(refusal("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}"), "appears twice");
  expect_contains(refusal("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}"), "a key other");
  expect_contains(refusal("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x"), "text after");
  for (const char* header :
       {"", "{", "{'descr", "{'descr'", "{'descr':", "{'descr': <f4", "{'descr': '<f4' 'shape': (2,)}",
        "{'fortran_order': 0}", "{'shape': 2}", "{'shape': (2}", "{'shape': (2", "{'shape': (,)}", "{'shape': (-2,)}",
        "{'shape': (9223372036854775808,)}", "{'shape': (2.0,)}"})
    expect_contains(refusal(header), "the .npy header is damaged");
  expect_contains(refusal("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -2)}"), "not negative");
  std::string shape;
  for (int i = 0; i < 33; ++i) shape += "1,";
  expect_contains(refusal(("{'shape': (" + shape + ")}").c_str()), "more than 32 dimensions");
}

TEST(Npz, RefusesAShapeThatDoesNotFitTheBytes) {
  const auto refusal = [](const char* shape, std::size_t bytes) {
    return refusal_of(npy_with_header(std::string("{'descr': '<f4', 'fortran_order': False, 'shape': ") + shape + "}",
                                      std::string(bytes, '\0')));
  };
  expect_contains(refusal("(3,)", 8), "expected 3 values of 4 bytes, as its shape says, found 8 bytes");
  expect_contains(refusal("(2,)", 12), "found 12 bytes");
  expect_contains(refusal("(2,)", 9), "found 9 bytes");
  expect_contains(refusal("(0,)", 4), "expected 0 values");
  expect_contains(refusal("(4611686018427387906,)", 8), "expected 4611686018427387906 values");  // times 4: 8 mod 2^64
  expect_contains(refusal("(4294967296, 4294967296)", 0), "too many elements");
  expect_contains(refusal("(4294967296, 4294967296, 0)", 0), "too many elements");
}

TEST(Npz, RefusesADamagedNpyStart) {
  const std::string whole = npy_bytes({{1}, std::vector<float>{1}});
  for (std::size_t size = 0; size < whole.size(); ++size) refusal_of(whole.substr(0, size));
  std::string version_two = whole;
  version_two[6] = 2;
  expect_contains(refusal_of(version_two), "version 1.0");
  std::string long_header = whole;
  long_header[9] = '\x7f';
  expect_contains(refusal_of(long_header), "cut off inside the .npy header");
}

TEST(Npz, RefusesAFileLargerThanTheMemory) {
  const test::TemporaryFolder folder;
  const auto path = folder / "sparse.npz";
  test::write_text(path, "");
  std::error_code error;
  std::filesystem::resize_file(path, std::uintmax_t{1} << 40, error);
  if (error) GTEST_SKIP() << "no file of a terabyte here: " << error.message();
  const std::string text = test::error_text<DataError>([&] { read_npz(path); });
  expect_contains(text, path.string());
  expect_contains(text, "too large for the memory: 1024.0 GiB");
}

}  // namespace
}  // namespace bnlab

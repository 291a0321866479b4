#include "util/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using test::expect_contains;
using test::gzip_bytes;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;

constexpr std::uint64_t plenty = 1 << 30;

std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

/// Bytes that gzip can hardly shrink, longer than FileReader's buffer.
std::string noisy_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& c : bytes) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return bytes;
}

// ---- reading -------------------------------------------------------------------------------------------------------

TEST(ReadFile, GivesTheBytes) {
  const TemporaryFolder folder;
  for (const std::size_t size : {0u, 1u, 4095u, 4096u, 4097u, 1000000u}) {
    const std::string bytes = noisy_bytes(size);
    write_text(folder / "f", bytes);
    EXPECT_EQ(text_of(read_file(folder / "f", plenty)), bytes);
  }
}

TEST(ReadFile, KeepsGzip) {
  const TemporaryFolder folder;
  write_text(folder / "f", gzip_bytes("text"));
  EXPECT_EQ(text_of(read_file(folder / "f", plenty)), gzip_bytes("text"));
}

TEST(ReadFile, BoundsTheSize) {
  const TemporaryFolder folder;
  write_text(folder / "f", "12345");
  EXPECT_EQ(read_file(folder / "f", 5).size(), 5u);
  const std::string text = error_text<DataError>([&] { read_file(folder / "f", 4); });
  expect_contains(text, (folder / "f").string());
  expect_contains(text, "at most 4 bytes");
  EXPECT_THROW(read_file(folder / "f", 0), DataError);
  EXPECT_THROW(read_file("/dev/zero", 1000), DataError);  // a size of 0 and no end
}

TEST(ReadFile, NamesAFileThatCannotBeRead) {
  const TemporaryFolder folder;
  const std::string missing = error_text<DataError>([&] { read_file(folder / "none", plenty); });
  expect_contains(missing, (folder / "none").string());
  expect_contains(missing, "No such file");
  expect_contains(error_text<DataError>([&] { read_file(folder.path(), plenty); }), "Is a directory");
}

TEST(ReadMaybeGzip, UnpacksGzipAndKeepsPlainFiles) {
  const TemporaryFolder folder;
  for (const std::size_t size : {0u, 1u, 2u, 4095u, 4096u, 4097u, 1000000u}) {
    const std::string bytes = noisy_bytes(size);
    write_text(folder / "plain", bytes);
    write_text(folder / "packed", gzip_bytes(bytes));
    EXPECT_EQ(text_of(read_maybe_gzip(folder / "plain", plenty)), bytes);
    EXPECT_EQ(text_of(read_maybe_gzip(folder / "packed", plenty)), bytes);
  }
}

TEST(ReadMaybeGzip, UnpacksSeveralMembers) {
  const TemporaryFolder folder;
  const std::string long_part = noisy_bytes(300000);
  write_text(folder / "f", gzip_bytes("one ") + gzip_bytes("") + gzip_bytes(long_part) + gzip_bytes(" two"));
  EXPECT_EQ(text_of(read_maybe_gzip(folder / "f", plenty)), "one " + long_part + " two");
}

TEST(ReadMaybeGzip, BoundsTheUnpackedSize) {
  const TemporaryFolder folder;
  write_text(folder / "bomb", gzip_bytes(std::string(10000000, '\0')));
  EXPECT_LT(fs::file_size(folder / "bomb"), 20000u);
  EXPECT_THROW(read_maybe_gzip(folder / "bomb", 1000000), DataError);
  EXPECT_THROW(read_maybe_gzip(folder / "bomb", 9999999), DataError);
  EXPECT_EQ(read_maybe_gzip(folder / "bomb", 10000000).size(), 10000000u);
}

TEST(ReadMaybeGzip, RefusesAStreamCutAtAnyByte) {
  const TemporaryFolder folder;
  const std::string whole = gzip_bytes("some text, some text, some more text") + gzip_bytes("and a second member");
  const std::size_t first = gzip_bytes("some text, some text, some more text").size();
  for (std::size_t size = 2; size < whole.size(); ++size) {
    if (size == first) continue;  // a whole file of one member
    write_text(folder / "f", whole.substr(0, size));
    const std::string text = error_text<DataError>([&] { read_maybe_gzip(folder / "f", plenty); });
    expect_contains(text, (folder / "f").string());
    // One byte of a second member is not yet known to be one.
    expect_contains(text, size == first + 1 ? "after the gzip data" : "cut off");
  }
}

TEST(ReadMaybeGzip, RefusesBytesAfterTheEnd) {
  const TemporaryFolder folder;
  for (const std::string& tail : {std::string("x"), std::string("garbage"), std::string(100, '\0')}) {
    write_text(folder / "f", gzip_bytes("text") + tail);
    expect_contains(error_text<DataError>([&] { read_maybe_gzip(folder / "f", plenty); }), "after the gzip data");
  }
}

TEST(ReadMaybeGzip, NeverGivesOtherBytesForADamagedStream) {
  const TemporaryFolder folder;
  const std::string bytes = "some text, some text, some more text";
  const std::string whole = gzip_bytes(bytes);
  int refused = 0;
  for (std::size_t at = 2; at < whole.size(); ++at) {
    for (const int bit : {0, 3, 7}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
      write_text(folder / "f", damaged);
      try {
        // A time stamp in the header, say, or the bits that fill the last byte of the deflate data.
        EXPECT_EQ(text_of(read_maybe_gzip(folder / "f", plenty)), bytes) << at;
      } catch (const DataError& error) {
        expect_contains(error.what(), (folder / "f").string());
        ++refused;
      }
    }
  }
  EXPECT_GE(refused, 3 * static_cast<int>(whole.size() - 10) - 3);  // all but the header and that last byte
}

TEST(ReadMaybeGzip, RefusesGarbageWithTheMagicNumber) {
  const TemporaryFolder folder;
  write_text(folder / "f", "\x1f\x8b" + noisy_bytes(1000));
  expect_contains(error_text<DataError>([&] { read_maybe_gzip(folder / "f", plenty); }), "damaged");
}

TEST(FileReader, GivesTheFilePieceByPiece) {
  const TemporaryFolder folder;
  const std::string bytes = noisy_bytes(700001);
  write_text(folder / "plain", bytes);
  write_text(folder / "packed", gzip_bytes(bytes.substr(0, 300000)) + gzip_bytes(bytes.substr(300000)));
  for (const char* name : {"plain", "packed"}) {
    FileReader reader(folder / name);
    std::string found;
    std::vector<std::uint8_t> piece(16);
    std::size_t got;
    while ((got = reader.read(piece)) == piece.size()) {
      found.append(piece.begin(), piece.end());
      piece.resize(piece.size() * 3 / 2);
    }
    found.append(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
    EXPECT_EQ(found, bytes) << name;
    EXPECT_EQ(reader.read(piece), 0u);
  }
}

// ---- writing -------------------------------------------------------------------------------------------------------

TEST(WriteFileAtomically, WritesAndReplaces) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "f", "first, and longer");
  EXPECT_EQ(read_text(folder / "f"), "first, and longer");
  write_file_atomically(folder / "f", "second");
  EXPECT_EQ(read_text(folder / "f"), "second");
  EXPECT_FALSE(fs::exists(folder / "f.tmp"));
}

TEST(WriteFileAtomically, FollowsNoLinkOnItsWay) {
  const TemporaryFolder folder;
  const auto path = folder / "file", victim = folder / "victim", temporary = folder / "file.tmp";
  write_text(victim, "mine");
  for (const bool symbolic : {true, false}) {
    if (symbolic)
      fs::create_symlink(victim, temporary);
    else
      fs::create_hard_link(victim, temporary);
    write_file_atomically(path, "text");
    EXPECT_EQ(read_text(victim), "mine");
    EXPECT_EQ(read_text(path), "text");
    EXPECT_FALSE(fs::is_symlink(path));
  }
  ASSERT_EQ(mkfifo(temporary.c_str(), 0600), 0);
  write_file_atomically(path, "more");
  EXPECT_EQ(read_text(path), "more");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 2);
}

TEST(WriteFileAtomically, ManyAtOnce) {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  std::vector<std::string> texts;
  for (const char c : {'a', 'b', 'c', 'd'}) texts.emplace_back(100000, c);
  std::vector<std::jthread> writers;
  for (const std::string& text : texts)
    writers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) EXPECT_NO_THROW(write_file_atomically(path, text));
    });
  write_file_atomically(path, texts[0]);
  for (int i = 0; i < 200; ++i) {
    const std::string found = read_text(path);
    EXPECT_NE(std::find(texts.begin(), texts.end(), found), texts.end()) << "a file that is not whole";
  }
  writers.clear();
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(ReadFile, RefusesAPipe) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  expect_contains(error_text<DataError>([&] { read_file(folder / "pipe", 100); }), "is a pipe");
}

TEST(WriteFileAtomically, WritesIntoTheWorkingFolder) {
  const TemporaryFolder folder;
  const test::WorkingFolderGuard guard(folder.path());
  write_file_atomically("f", "text");
  EXPECT_EQ(read_text(folder / "f"), "text");
}

TEST(WriteFileAtomically, NamesAFolderThatIsNotThere) {
  const TemporaryFolder folder;
  const std::string text = error_text<RunError>([&] { write_file_atomically(folder / "none" / "f", "text"); });
  expect_contains(text, (folder / "none" / "f").string());
  expect_contains(text, "No such file");
}

TEST(WriteFileAtomically, NamesATargetThatIsAFolder) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "f");
  expect_contains(error_text<RunError>([&] { write_file_atomically(folder / "f", "text"); }), (folder / "f").string());
  EXPECT_FALSE(fs::exists(folder / "f.tmp"));
}

TEST(WriteFileAtomically, KeepsTheOldFileWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "f", "old");
  {
    const test::FileSizeLimit limit(1000);
    const std::string text = error_text<RunError>([&] { write_file_atomically(folder / "f", std::string(2000, 'x')); });
    expect_contains(text, (folder / "f").string() + ": cannot write: File too large");
  }
  EXPECT_EQ(read_text(folder / "f"), "old");
  EXPECT_FALSE(fs::exists(folder / "f.tmp"));
}

// ---- SHA-256 -------------------------------------------------------------------------------------------------------

std::string sha256_of(const std::string& text, std::size_t piece) {
  Sha256 sum;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const std::string part = text.substr(at, piece);
    sum.update({reinterpret_cast<const std::uint8_t*>(part.data()), part.size()});
  }
  return sum.hex();
}

TEST(Sha256, GivesTheKnownAnswersOfFips180) {
  EXPECT_EQ(sha256_of("", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 5),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

}  // namespace
}  // namespace bnlab

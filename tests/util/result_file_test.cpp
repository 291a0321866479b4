#include "util/result_file.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/csv.h"
#include "util/file.h"
#include "util/test_files.h"

namespace bnlab {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using test::expect_contains;

/// A folder with one name of each kind.
struct EachKind {
  EachKind() {
    test::write_text(folder / "file", "text");
    test::write_text(folder / "outside", "mine");
    fs::create_directory(folder / "folder");
    fs::create_symlink("outside", folder / "link");
    fs::create_symlink("folder", folder / "link to a folder");
    fs::create_symlink("nowhere", folder / "dangling");
    EXPECT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  }
  test::TemporaryFolder folder;
};

TEST(ResultFile, Kinds) {
  const EachKind all;
  EXPECT_EQ(kind_of(all.folder / "file"), FileKind::file);
  EXPECT_EQ(kind_of(all.folder / "folder"), FileKind::folder);
  for (const char* name : {"link", "link to a folder", "dangling"})
    EXPECT_EQ(kind_of(all.folder / name), FileKind::link) << name;
  EXPECT_EQ(kind_of(all.folder / "pipe"), FileKind::other);
  EXPECT_EQ(kind_of("/dev/null"), FileKind::other);
  for (const char* name : {"nothing", "nothing/below", "file/below"})
    EXPECT_EQ(kind_of(all.folder / name), FileKind::missing) << name;
  const std::string too_long(300, 'x');
  expect_contains(error_text<ReadError>([&] { kind_of(all.folder / too_long); }), "cannot look at: ");
}

TEST(ResultFile, NamesInAFolder) {
  const EachKind all;
  EXPECT_EQ(names_in(all.folder.path()),
            (std::vector<std::string>{"dangling", "file", "folder", "link", "link to a folder", "outside", "pipe"}));
  EXPECT_TRUE(names_in(all.folder / "nothing").empty());
  expect_contains(error_text<ReadError>([&] { names_in(all.folder / "link to a folder"); }), "is a symbolic link");
  expect_contains(error_text<ReadError>([&] { names_in(all.folder / "file"); }), "is not a folder");
}

TEST(ResultFile, ReadsNothingButARegularFile) {
  const EachKind all;
  EXPECT_EQ(read_file(all.folder / "file", 100, Place::results).size(), 4u);
  for (const char* name : {"link", "link to a folder", "dangling"})
    expect_contains(error_text<ReadError>([&] { read_file(all.folder / name, 100, Place::results); }),
                    "is a symbolic link");
  for (const char* name : {"pipe", "folder"})
    expect_contains(error_text<ReadError>([&] { read_file(all.folder / name, 100, Place::results); }), name);
  // A file that is missing is no file that can't be read.
  try {
    read_file(all.folder / "nothing", 100, Place::results);
    ADD_FAILURE();
  } catch (const ReadError&) {
    ADD_FAILURE();
  } catch (const DataError&) {
  }
}

TEST(ResultFile, WritesToNothingButARegularFile) {
  const EachKind all;
  for (const char* name : {"link", "dangling", "pipe", "folder"}) {
    expect_contains(
        error_text<RunError>([&] { open_result_to_write(all.folder / name, O_WRONLY | O_CREAT | O_APPEND); }), name);
    EXPECT_THROW(CsvWriter(all.folder / name, {"step"}), RunError) << name;
    EXPECT_THROW(CsvWriter(all.folder / name, {"step"}, 5), RunError) << name;
  }
  EXPECT_EQ(test::read_text(all.folder / "outside"), "mine");
  EXPECT_FALSE(fs::exists(all.folder / "nowhere"));
  EXPECT_TRUE(open_result_to_write(all.folder / "new", O_WRONLY | O_CREAT).valid());
  EXPECT_TRUE(open_result_to_write(all.folder / "file", O_WRONLY | O_TRUNC).valid());
  EXPECT_EQ(fs::file_size(all.folder / "file"), 0u);
}

TEST(WriteOutput, ReplacesWhatIsOursAlone) {
  const EachKind all;
  const auto is_ours = [](std::string_view text) { return text.starts_with("ours"); };
  const auto write = [&](const std::string& name) { write_output("--csv", all.folder / name, "ours 2", is_ours); };
  expect_contains(error_text<ConfigError>([&] { write("file"); }), "--csv: " + (all.folder / "file").string());
  EXPECT_EQ(test::read_text(all.folder / "file"), "text");
  for (const char* before : {"", "ours 1"}) {
    test::write_text(all.folder / "file", before);
    write("file");
    EXPECT_EQ(test::read_text(all.folder / "file"), "ours 2");
  }
  write("new");
  EXPECT_EQ(test::read_text(all.folder / "new"), "ours 2");
  EXPECT_THROW(write("pipe"), RunError) << "nobody reads it";
  EXPECT_NO_THROW(write_output("--csv", "/dev/null", "ours", is_ours));
  // A link of one's own is written through, but not one that came with a folder of results.
  EXPECT_THROW(write("link"), ConfigError);
  test::write_text(all.folder / "outside", "ours 1");
  write("link");
  EXPECT_TRUE(fs::is_symlink(all.folder / "link"));
  EXPECT_EQ(test::read_text(all.folder / "outside"), "ours 2");
  test::write_text(all.folder / "experiment.json", "{}");
  for (const char* name : {"link", "dangling", "pipe"})
    expect_contains(error_text<ConfigError>([&] { write(name); }), "in a folder of results");
}

}  // namespace
}  // namespace bnlab

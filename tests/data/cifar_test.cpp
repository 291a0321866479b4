#include "data/cifar.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "util/errors.h"
#include "util/file.h"
#include "util/test_files.h"

namespace bnlab::data {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using test::expect_contains;
using test::TemporaryFolder;
using test::write_text;

const std::vector<std::string> files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                        "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};

/// Pixel `i` of image `n` of file `file`.
std::uint8_t pixel(std::size_t file, std::size_t n, std::size_t i) {
  return static_cast<std::uint8_t>((file * 41 + n * 17 + i * 3 + i / 1024 * 5) % 256);
}

std::string records(std::size_t file, std::size_t count) {
  std::string bytes;
  for (std::size_t n = 0; n < count; ++n) {
    bytes += static_cast<char>((file + n) % 10);
    for (std::size_t i = 0; i < 3072; ++i) bytes += static_cast<char>(pixel(file, n, i));
  }
  return bytes;
}

void write_cifar10(const fs::path& folder) {
  fs::create_directories(folder);
  for (std::size_t file = 0; file < files.size(); ++file)
    write_text(folder / files[file], records(file, file < 5 ? 3 : 2));
}

config::DatasetConfig config_of(const fs::path& folder) {
  config::DatasetConfig config;
  config.name = "cifar10";
  config.path = folder.string();
  return config;
}

std::string refusal_of(const fs::path& folder) {
  return error_text<DataError>([&] { load(config_of(folder)); });
}

TEST(Cifar10, ReadsTheSixFiles) {
  const TemporaryFolder folder;
  write_cifar10(folder.path());
  const Dataset dataset = load(config_of(folder.path()));
  EXPECT_EQ(dataset.image_size(), 3072);
  ASSERT_EQ(dataset.train.size(), 15);
  ASSERT_EQ(dataset.test.size(), 2);
  EXPECT_EQ(dataset.validation.size(), 0);
  ASSERT_EQ(dataset.train.images.size(), 15u * 3072);
  ASSERT_EQ(dataset.test.images.size(), 2u * 3072);
  for (std::size_t n = 0; n < 15; ++n) {
    EXPECT_EQ(dataset.train.labels[n], (n / 3 + n % 3) % 10);
    for (std::size_t i = 0; i < 3072; ++i) ASSERT_EQ(dataset.train.images[n * 3072 + i], pixel(n / 3, n % 3, i));
  }
  EXPECT_EQ(dataset.test.labels, (std::vector<Label>{5, 6}));
  for (std::size_t i = 0; i < 2 * 3072; ++i) ASSERT_EQ(dataset.test.images[i], pixel(5, i / 3072, i % 3072));
}

TEST(Cifar10, SumsTheFilesInOrder) {
  const TemporaryFolder folder;
  write_cifar10(folder.path());
  Sha256 expected;
  for (const std::string& name : files) expected.update(read_file(folder / name, 1 << 20));
  const std::string sum = expected.hex();
  config::DatasetConfig config = config_of(folder.path());
  EXPECT_EQ(load(config).sha256, sum);
  config.limit = 5;
  config.validation = 2;
  config.shift.contrast = 0.5;
  EXPECT_EQ(load(config).sha256, sum);
}

TEST(Cifar10, AppliesLimitAndValidation) {
  const TemporaryFolder folder;
  write_cifar10(folder.path());
  config::DatasetConfig config = config_of(folder.path());
  config.limit = 8;
  config.validation = 3;
  const Dataset dataset = load(config);
  ASSERT_EQ(dataset.train.size(), 5);
  ASSERT_EQ(dataset.train.images.size(), 5u * 3072);
  ASSERT_EQ(dataset.validation.size(), 3);
  ASSERT_EQ(dataset.validation.images.size(), 3u * 3072);
  EXPECT_EQ(dataset.validation.images.front(), pixel(1, 2, 0));
  EXPECT_EQ(dataset.validation.images.back(), pixel(2, 1, 3071));
  config.limit = 16;
  expect_contains(error_text<ConfigError>([&] { load(config); }), "dataset.limit: must be from 0 to 15");
}

TEST(Cifar10, NamesTheDamagedFile) {
  const struct {
    const char* file;
    std::string bytes;
    const char* expected;
  } damages[] = {
      {"data_batch_1.bin", "", "expected images, found an empty file"},
      {"data_batch_2.bin", records(1, 3).substr(0, 3 * 3073 - 1),
       "cut off, or not of this format: expected records of "
       "3073 bytes, found 9218 bytes"},
      {"data_batch_3.bin", records(2, 3) + "x", "found 9220 bytes, 1 more than 3 records"},
      {"data_batch_4.bin", records(3, 2), "expected 3 images, as many as in data_batch_1.bin, found 2"},
      {"data_batch_5.bin", records(4, 2) + '\x0a' + records(4, 1).substr(1),
       "expected labels from 0 to 9, found 10 at index 2"},
      {"test_batch.bin", "\xff" + records(5, 1).substr(1), "expected labels from 0 to 9, found 255 at index 0"},
      {"test_batch.bin", "\x1f\x8b", "cut off"},
  };
  for (const auto& damage : damages) {
    const TemporaryFolder folder;
    write_cifar10(folder.path());
    write_text(folder / damage.file, damage.bytes);
    const std::string text = refusal_of(folder.path());
    expect_contains(text, (folder / damage.file).string() + ": ");
    expect_contains(text, damage.expected);
  }
}

TEST(Cifar10, NamesAMissingFile) {
  for (const std::string& name : files) {
    const TemporaryFolder folder;
    write_cifar10(folder.path());
    fs::remove(folder / name);
    const std::string text = refusal_of(folder.path());
    expect_contains(text, (folder / name).string() + ": not found");
    expect_contains(text, "scripts/fetch_data.sh cifar10");
  }
  const TemporaryFolder empty;
  const std::string text = refusal_of(empty.path());
  expect_contains(text, "cifar10: no files of this dataset in ");
  expect_contains(text, (empty / "cifar-10-batches-bin").string());
}

}  // namespace
}  // namespace bnlab::data

#include "data/dataset.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "data/dataset_testing.h"
#include "data/idx_files.h"
#include "data/images_testing.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/test_files.h"

namespace bnlab::data {
namespace {

// ---- the table -----------------------------------------------------------------------------------------------------

TEST(DatasetTable, KnowsItsDatasets) {
  std::vector<std::string> names;
  for (const DatasetInfo& info : datasets()) names.push_back(info.name);
  EXPECT_EQ(names, (std::vector<std::string>{"mnist", "fashion_mnist", "cifar10", "cifar100", "idx", "npz",
                                             "gaussian_regression", "gaussian_clusters", "drawn_digits"}));
  for (const std::string& name : names) {
    if (name == "idx" || name == "npz") {  // of which the files say all
      expect_contains(error_text<ConfigError>([&] { dataset_info(named(name)); }), "dataset.path: must be set");
      continue;
    }
    const DatasetInfo info = dataset_info(named(name));
    EXPECT_EQ(info.name, name);
    EXPECT_EQ(info.classes, name == "cifar100" ? 100 : 10);
    EXPECT_EQ(info.has_floats, name.find("gaussian") != std::string::npos);
    EXPECT_EQ(info.has_targets, name == "gaussian_regression");
    EXPECT_EQ(info.has_images(), name.find("gaussian") == std::string::npos);
  }
  for (const char* name : {"mnist", "fashion_mnist", "drawn_digits"}) {
    const DatasetInfo info = dataset_info(named(name));
    EXPECT_EQ((std::vector{info.channels, info.height, info.width}), (std::vector<std::int64_t>{1, 28, 28}));
  }
  for (const char* name : {"cifar10", "cifar100"}) {
    const DatasetInfo info = dataset_info(named(name));
    EXPECT_EQ((std::vector{info.channels, info.height, info.width}), (std::vector<std::int64_t>{3, 32, 32}));
  }
}

TEST(DatasetTable, TakesTheSizesOfVectorsFromTheConfig) {
  for (const char* name : {"gaussian_regression", "gaussian_clusters"}) {
    config::DatasetConfig config = named(name);
    config.synthetic.dimensions = 17;
    config.synthetic.outputs = 256;
    const DatasetInfo info = dataset_info(config);
    EXPECT_EQ((std::vector{info.channels, info.height, info.width, info.classes}),
              (std::vector<std::int64_t>{17, 1, 1, 256}));
  }
}

TEST(DatasetTable, NamesTheValidNames) {
  const std::string text = error_text<ConfigError>([] { dataset_info(named("mnits")); });
  EXPECT_EQ(text,
            "dataset.name: must be one of mnist, fashion_mnist, cifar10, cifar100, idx, npz, gaussian_regression, "
            "gaussian_clusters, drawn_digits, got \"mnits\"; did you mean \"mnist\"?");
  EXPECT_THROW(load_named("mnits"), ConfigError);
  EXPECT_THROW(locate(named("mnits")), ConfigError);
}

TEST(DatasetTable, RefusesWhatIsForImages) {
  const auto refusal = [](const auto& change) {
    config::DatasetConfig config = named("gaussian_clusters");
    change(config);
    EXPECT_THROW(load(config), ConfigError);
    return error_text<ConfigError>([&] { dataset_info(config); });
  };
  EXPECT_EQ(refusal([](auto& config) { config.scaling = config::Scaling::binary; }),
            "dataset.scaling: binary is for images; the examples of gaussian_clusters are vectors of numbers");
  expect_contains(refusal([](auto& config) { config.augmentation.flip = true; }), "dataset.augmentation: ");
  expect_contains(refusal([](auto& config) { config.augmentation.crop_padding = 1; }), "dataset.augmentation: ");
  expect_contains(refusal([](auto& config) { config.shift.rotation = 5; }), "dataset.shift: ");
  expect_contains(refusal([](auto& config) { config.shift.contrast = 0.5; }), "dataset.shift: ");
  expect_contains(refusal([](auto& config) { config.shift.noise = 0.5; }), "dataset.shift: ");
}

TEST(DatasetTable, RefusesSizesThatDoNotFit) {
  config::DatasetConfig config = named("mnist");
  config.augmentation.crop_padding = 27;
  EXPECT_NO_THROW(dataset_info(config));
  config.augmentation.crop_padding = 28;
  EXPECT_EQ(error_text<ConfigError>([&] { dataset_info(config); }),
            "dataset.augmentation.crop_padding: must be less than 28, the size of the images of mnist, got 28");
  config = named("gaussian_regression");
  config.synthetic.dimensions = 100000;
  config.synthetic.test_examples = 10737;
  EXPECT_NO_THROW(dataset_info(config));
  config.synthetic.test_examples = 10738;
  EXPECT_EQ(error_text<ConfigError>([&] { dataset_info(config); }),
            "dataset.synthetic.test_examples: must be at most 10737, because an example of gaussian_regression has "
            "100000 values, got 10738");
  config = named("drawn_digits");
  config.synthetic.examples = 10'000'000;
  expect_contains(error_text<ConfigError>([&] { dataset_info(config); }), "dataset.synthetic.examples: ");
}

// ---- reading -------------------------------------------------------------------------------------------------------

TEST(Dataset, ReadsTheFourFiles) {
  const TemporaryFolder folder;
  write_mnist(folder.path(), 12, 3);
  const Dataset dataset = load_from(folder.path());
  EXPECT_EQ(dataset.info.name, "mnist");
  EXPECT_EQ(dataset.image_size(), 784);
  ASSERT_EQ(dataset.train.size(), 12);
  EXPECT_EQ(dataset.validation.size(), 0);
  ASSERT_EQ(dataset.test.size(), 3);
  ASSERT_EQ(dataset.train.images.size(), 12u * 784);
  ASSERT_EQ(dataset.test.images.size(), 3u * 784);
  for (std::size_t i = 0; i < dataset.train.images.size(); ++i) ASSERT_EQ(dataset.train.images[i], i / 784);
  for (std::size_t i = 0; i < dataset.test.images.size(); ++i) ASSERT_EQ(dataset.test.images[i], 100 + i / 784);
  EXPECT_EQ(dataset.train.labels, (std::vector<Label>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1}));
  EXPECT_EQ(dataset.test.labels, (std::vector<Label>{0, 1, 2}));
}

TEST(Dataset, SumsTheUnpackedFilesInOrder) {
  const TemporaryFolder folder;
  write_mnist(folder.path(), 12, 3);
  Sha256 expected;
  for (const char* name :
       {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"})
    expected.update(read_file(folder / name, 1 << 20));
  const std::string sum = expected.hex();
  EXPECT_EQ(load_from(folder.path()).sha256, sum);
  // Packed or not, whole or limited: the same data.
  write_text(folder / "train-images-idx3-ubyte.gz", test::gzip_bytes(read_text(folder / "train-images-idx3-ubyte")));
  fs::remove(folder / "train-images-idx3-ubyte");
  EXPECT_EQ(load_from(folder.path(), "mnist", 5, 2).sha256, sum);
}

TEST(Dataset, NamesTheDamagedFile) {
  const struct {
    const char* file;
    std::string bytes;
    const char* expected;
  } damages[] = {
      {"train-images-idx3-ubyte", test::flat_images(12, 0) + "x", "too long"},
      {"train-images-idx3-ubyte", test::counting_labels(12), "wrong magic number"},
      {"train-images-idx3-ubyte", test::idx_bytes({12, 27, 28}, std::string(12 * 27 * 28, 'x')),
       "expected images of 28 x 28, found 27 x 28"},
      {"train-images-idx3-ubyte", test::idx_bytes({0, 28, 28}, ""), "expected images, found none"},
      {"train-labels-idx1-ubyte", test::counting_labels(11),
       "expected 12 labels, one for each image of train-images-idx3-ubyte, found 11"},
      {"train-labels-idx1-ubyte", test::idx_bytes({12}, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x01\x02"),
       "expected labels from 0 to 9, found 10 at index 9"},
      {"t10k-images-idx3-ubyte", test::flat_images(3, 0).substr(0, 1000), "cut off"},
      {"t10k-images-idx3-ubyte", "\x1f\x8bgarbage that looks like gzip", "damaged gzip data"},
      {"t10k-labels-idx1-ubyte", test::counting_labels(4), "expected 3 labels"},
      {"t10k-labels-idx1-ubyte", "", "cut off"},
  };
  for (const auto& damage : damages) {
    const TemporaryFolder folder;
    write_mnist(folder.path(), 12, 3);
    write_text(folder / damage.file, damage.bytes);
    const std::string text = refusal_of(folder.path());
    expect_contains(text, (folder / damage.file).string() + ": ");
    expect_contains(text, damage.expected);
  }
}

TEST(Dataset, NamesAMissingFile) {
  const TemporaryFolder folder;
  write_mnist(folder.path(), 12, 3);
  fs::remove(folder / "t10k-labels-idx1-ubyte");
  const std::string text = refusal_of(folder.path());
  expect_contains(text, (folder / "t10k-labels-idx1-ubyte").string() + ": not found");
  expect_contains(text, "scripts/fetch_data.sh mnist");
}

// ---- limits and validation -----------------------------------------------------------------------------------------

TEST(Dataset, AppliesLimitAndValidation) {
  const TemporaryFolder folder;
  write_mnist(folder.path(), 12, 3);
  const struct {
    std::int64_t limit, validation, train;
  } cases[] = {{0, 0, 12}, {12, 0, 12}, {7, 0, 7}, {0, 4, 8}, {7, 4, 3}, {1, 0, 1}, {0, 11, 1}};
  for (const auto& [limit, validation, train] : cases) {
    const Dataset dataset = load_from(folder.path(), "mnist", limit, validation);
    ASSERT_EQ(dataset.train.size(), train);
    ASSERT_EQ(dataset.validation.size(), validation);
    EXPECT_EQ(dataset.test.size(), 3);
    ASSERT_EQ(dataset.train.images.size(), static_cast<std::size_t>(train) * 784);
    ASSERT_EQ(dataset.validation.images.size(), static_cast<std::size_t>(validation) * 784);
    EXPECT_EQ(dataset.train.images.back(), train - 1);
    if (validation > 0) {
      EXPECT_EQ(dataset.validation.images.front(), train);
      EXPECT_EQ(dataset.validation.images.back(), train + validation - 1);
      EXPECT_EQ(dataset.validation.labels.front(), train % 10);
    }
  }
}

TEST(Dataset, UsesTheFirstTestImages) {
  const TemporaryFolder folder;
  write_mnist(folder.path(), 12, 3);
  config::DatasetConfig config;
  config.name = "mnist";
  config.path = folder.path().string();
  const Dataset whole = load(config);
  config.test_limit = 2;
  const Dataset limited = load(config);
  EXPECT_EQ(limited.train.size(), 12);
  ASSERT_EQ(limited.test.size(), 2);
  EXPECT_TRUE(std::equal(limited.test.images.begin(), limited.test.images.end(), whole.test.images.begin()));
  EXPECT_EQ(limited.test.images.size(), std::size_t{2 * 784});
  EXPECT_TRUE(std::equal(limited.test.labels.begin(), limited.test.labels.end(), whole.test.labels.begin()));
  config.test_limit = 4;
  EXPECT_EQ(error_text<ConfigError>([&] { load(config); }),
            "dataset.test_limit: must be from 1 to 3, the test images of mnist, got 4");
}

TEST(Dataset, RefusesCountsThatDoNotFit) {
  const TemporaryFolder folder;
  write_mnist(folder.path(), 12, 3);
  const auto refusal = [&](std::int64_t limit, std::int64_t validation) {
    return error_text<ConfigError>([&] { load_from(folder.path(), "mnist", limit, validation); });
  };
  EXPECT_EQ(refusal(13, 0), "dataset.limit: must be from 0 to 12, the training images of mnist, got 13");
  expect_contains(refusal(-1, 0), "dataset.limit: ");
  EXPECT_EQ(refusal(0, 12),
            "dataset.validation: must be at least 0 and less than 12, the training images in use, got 12");
  expect_contains(refusal(5, 5), "less than 5");
  expect_contains(refusal(0, -1), "got -1");
}

// ---- the real files ------------------------------------------------------------------------------------------------

void expect_whole(const Dataset& dataset) {
  EXPECT_EQ(dataset.train.size(), 60000);
  EXPECT_EQ(dataset.test.size(), 10000);
  EXPECT_EQ(dataset.train.images.size(), 60000u * 784);
  EXPECT_EQ(dataset.test.images.size(), 10000u * 784);
}

TEST(RealData, FashionMnistIsWhole) {
  if (!fs::exists(debian_fashion_mnist)) GTEST_SKIP() << "Fashion-MNIST (dataset-fashion-mnist) is not installed";
  const Dataset dataset = load_from(debian_fashion_mnist, "fashion_mnist");
  expect_whole(dataset);
  std::vector<int> counts(10);
  for (const Label label : dataset.train.labels) ++counts[label];
  EXPECT_EQ(counts, std::vector<int>(10, 6000));
  const auto [mean, std] = test::channel_moments(dataset, 0);
  EXPECT_NEAR(mean, 0.2860, 5e-5);  // the constants that training scripts pass to torchvision's Normalize
  EXPECT_NEAR(std, 0.3530, 5e-5);
}

TEST(RealData, MnistIsWhole) {
  Dataset dataset;
  try {
    dataset = load_named("mnist");
  } catch (const DataError& error) {
    const std::string text = error.what();
    if (text.find("no files of this dataset") == std::string::npos) throw;  // there, but damaged
    GTEST_SKIP() << text;
  }
  expect_whole(dataset);
  const auto [mean, std] = test::channel_moments(dataset, 0);
  EXPECT_NEAR(mean, 0.1307, 5e-5);
  EXPECT_NEAR(std, 0.3081, 5e-5);
}

TEST(RealData, Cifar10IsWhole) {
  Dataset dataset;
  try {
    dataset = load_named("cifar10");
  } catch (const DataError& error) {
    const std::string text = error.what();
    if (text.find("no files of this dataset") == std::string::npos) throw;  // there, but damaged
    GTEST_SKIP() << text;
  }
  ASSERT_EQ(dataset.train.size(), 50000);
  ASSERT_EQ(dataset.test.size(), 10000);
  EXPECT_EQ(dataset.train.images.size(), 50000u * 3072);
  EXPECT_EQ(dataset.test.images.size(), 10000u * 3072);
  std::vector<int> counts(10);
  for (const Label label : dataset.train.labels) ++counts[label];
  EXPECT_EQ(counts, std::vector<int>(10, 5000));
  // The constants that training scripts pass to torchvision's Normalize: red, green, blue.
  const double means[] = {0.4914, 0.4822, 0.4465};
  const double stds[] = {0.2470, 0.2435, 0.2616};
  for (std::int64_t c = 0; c < 3; ++c) {
    const auto [mean, std] = test::channel_moments(dataset, c);
    EXPECT_NEAR(mean, means[c], 1e-4);
    EXPECT_NEAR(std, stds[c], 1e-4);
  }
}

}  // namespace
}  // namespace bnlab::data

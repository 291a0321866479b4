// Where the files of a data set are looked for.
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "data/dataset_testing.h"

namespace bnlab::data {
namespace {

TEST(DatasetSearch, TakesThePathItselfOrTheNameBelowIt) {
  for (const char* below : {"", "fashion_mnist", "fashion-mnist"}) {
    const TemporaryFolder folder;
    write_mnist(folder / below, 12, 3);
    EXPECT_EQ(load_from(folder.path(), "fashion_mnist").train.size(), 12) << below;
  }
}

TEST(DatasetSearch, DoesNotFallBackFromAPath) {
  EmptySurroundings empty;
  write_mnist("data/mnist", 12, 3);
  const fs::path wrong = empty.folder / "elsewhere";
  const std::string text = refusal_of(wrong);
  expect_contains(text, "mnist: no files of this dataset in ");
  expect_contains(text, (wrong / "mnist").string());
  expect_contains(text, "scripts/fetch_data.sh mnist");
  EXPECT_EQ(text.find("data/mnist"), std::string::npos) << text;
}

TEST(DatasetSearch, PrefersTheEnvironment) {
  EmptySurroundings empty;
  write_mnist("data/mnist", 12, 3);
  write_mnist("environment/mnist", 11, 3);
  EXPECT_EQ(load_named("mnist").train.size(), 12);
  {
    const test::EnvironmentGuard guard("BNLAB_DATA", "environment");
    EXPECT_EQ(load_named("mnist").train.size(), 11);
  }
  {
    const test::EnvironmentGuard guard("BNLAB_DATA", "not there");
    EXPECT_EQ(load_named("mnist").train.size(), 12);
  }
  {
    const test::EnvironmentGuard guard("BNLAB_DATA", "");
    EXPECT_EQ(load_named("mnist").train.size(), 12);
  }
}

TEST(DatasetSearch, TakesARootOnlyByItsName) {
  EmptySurroundings empty;
  write_mnist("mnist", 12, 3);
  write_mnist("fashion-mnist", 11, 3);
  for (const char* slash : {"", "/"}) {
    const std::string mnist = std::string("mnist") + slash;
    const std::string fashion = std::string("fashion-mnist") + slash;
    {
      const test::EnvironmentGuard guard("BNLAB_DATA", mnist.c_str());
      EXPECT_EQ(load_named("mnist").train.size(), 12);
    }
    const test::EnvironmentGuard guard("BNLAB_DATA", fashion.c_str());
    EXPECT_EQ(load_named("fashion_mnist").train.size(), 11);
  }
}

TEST(DatasetSearch, NeverTakesMnistForFashionMnist) {
  EmptySurroundings empty;
  write_mnist("data/mnist", 12, 3);
  write_mnist("data", 12, 3);
  const test::EnvironmentGuard guard("BNLAB_DATA", "data/mnist");
  if (fs::exists(debian_fashion_mnist)) {
    EXPECT_NE(load_named("fashion_mnist").train.size(), 12);
  } else {
    EXPECT_THROW(load_named("fashion_mnist"), DataError);
  }
}

TEST(DatasetSearch, NamesTheFoldersSearched) {
  if (fs::exists("/usr/share/datasets/mnist")) GTEST_SKIP() << "MNIST is installed: it can't be missing";
  EmptySurroundings empty;
  const test::EnvironmentGuard guard("BNLAB_DATA", "/no/such/folder");
  const std::string text = error_text<DataError>([] { load_named("mnist"); });
  EXPECT_EQ(
      text,
      "mnist: no files of this dataset in /no/such/folder/mnist, /usr/share/datasets/mnist, data/mnist; looked for "
      "train-images-idx3-ubyte or train-images.idx3-ubyte (the same for labels and t10k), with or without .gz, in "
      "lower or upper case; get them with: scripts/fetch_data.sh mnist, or name their folder in dataset.path or "
      "BNLAB_DATA");
}

TEST(DatasetSearch, FindsTheFoldersOfEachDataset) {
  EmptySurroundings empty;
  const test::EnvironmentGuard guard("BNLAB_DATA", "environment");
  EXPECT_EQ(locate(named("cifar10")), std::nullopt);
  for (const char* folder : {"cifar10", "cifar-10", "cifar-10-batches-bin"}) {
    fs::create_directories(fs::path("environment") / folder);
    write_text(fs::path("environment") / folder / "test_batch.bin", "");
    EXPECT_EQ(locate(named("cifar10")), fs::path("environment") / folder);
    fs::remove_all("environment");
  }
  for (const char* name : {"gaussian_regression", "gaussian_clusters", "drawn_digits"})
    EXPECT_EQ(locate(named(name)), fs::path()) << name;
}

}  // namespace
}  // namespace bnlab::data

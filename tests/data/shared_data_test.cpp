#include "data/shared_data.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "util/test_files.h"

namespace bnlab::data {
namespace {

config::DatasetConfig config_of(const std::string& name) {
  config::DatasetConfig config;
  config.name = name;
  config.synthetic.examples = 50;
  config.synthetic.test_examples = 21;
  config.synthetic.dimensions = 17;
  config.synthetic.outputs = 3;
  return config;
}

/// The environment of a run that inherits `descriptor`.
test::EnvironmentGuard inheriting(int descriptor) { return {shared_data_variable, std::to_string(descriptor).c_str()}; }

void expect_same(const Split& one, const Split& other) {
  EXPECT_EQ(one.images, other.images);
  EXPECT_EQ(one.labels, other.labels);
  EXPECT_EQ(one.values, other.values);
  EXPECT_EQ(one.targets, other.targets);
}

TEST(SharedData, IsTheDataItself) {
  for (const char* name : {"gaussian_regression", "gaussian_clusters", "drawn_digits"}) {
    config::DatasetConfig config = config_of(name);
    const posix::Descriptor memory = share(config);
    ASSERT_TRUE(memory.valid());
    const auto guard = inheriting(memory.get());
    config.limit = 40;  // what is done to the data when they have been read is the run's own
    config.validation = 10;
    const auto found = inherited(config);
    ASSERT_TRUE(found) << name;
    const Dataset whole = load_whole(config);
    expect_same(found->train, whole.train);
    expect_same(found->test, whole.test);
    EXPECT_EQ(found->sha256, whole.sha256);
    const Dataset loaded = load(config);
    EXPECT_EQ(loaded.info.meaning, whole.info.meaning);
    EXPECT_EQ(loaded.train.size(), 30);
    EXPECT_EQ(loaded.validation.size(), 10);
  }
}

TEST(SharedData, IsTakenForTheSameSourceOnly) {
  const config::DatasetConfig config = config_of("drawn_digits");
  const posix::Descriptor memory = share(config);
  const auto guard = inheriting(memory.get());
  config::DatasetConfig other = config;
  other.synthetic.seed = 9;
  EXPECT_FALSE(inherited(other));
  other = config;
  other.path = "elsewhere";
  EXPECT_FALSE(inherited(other));
  EXPECT_FALSE(inherited(config_of("gaussian_clusters")));
  other = config;
  other.scaling = config::Scaling::binary;
  other.shift.noise = 1;
  other.augmentation.flip = true;
  EXPECT_TRUE(inherited(other));
}

TEST(SharedData, CannotBeWrittenTo) {
  const posix::Descriptor memory = share(config_of("drawn_digits"));
  EXPECT_EQ(::write(memory.get(), "x", 1), -1);
  EXPECT_EQ(ftruncate(memory.get(), 0), -1);
  EXPECT_EQ(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0), MAP_FAILED);
  EXPECT_NE(fcntl(memory.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(SharedData, IsNoneWhereTheDataCannotBeRead) {
  config::DatasetConfig config = config_of("mnist");
  config.path = "/no/such/folder";
  EXPECT_FALSE(share(config).valid());
  EXPECT_FALSE(share(config_of("no such dataset")).valid());
}

TEST(SharedData, IgnoresOtherDescriptors) {
  const config::DatasetConfig config = config_of("drawn_digits");
  for (const char* text : {"", "x", "-1", "0", "12345", "99999999999999999999"}) {
    const test::EnvironmentGuard guard(shared_data_variable, text);
    EXPECT_FALSE(inherited(config)) << text;
    EXPECT_EQ(load(config).train.size(), 50);
  }
}

}  // namespace
}  // namespace bnlab::data

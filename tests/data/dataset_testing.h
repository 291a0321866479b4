#pragma once
// How the tests of data sets load them.

#include <cstdint>
#include <filesystem>
#include <string>

#include "data/dataset.h"
#include "data/idx_files.h"
#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::data {

namespace fs = std::filesystem;
using test::error_text;
using test::expect_contains;
using test::read_text;
using test::TemporaryFolder;
using test::write_mnist;
using test::write_text;

inline const fs::path debian_fashion_mnist = "/usr/share/datasets/fashion-mnist";

inline Dataset load_from(const fs::path& folder, const std::string& name = "mnist", std::int64_t limit = 0,
                         std::int64_t validation = 0) {
  config::DatasetConfig config;
  config.name = name;
  config.path = folder.string();
  config.limit = limit;
  config.validation = validation;
  return load(config);
}

/// Searches for the files.
inline Dataset load_named(const std::string& name) { return load_from({}, name); }

inline std::string refusal_of(const fs::path& folder) {
  return error_text<DataError>([&] { load_from(folder); });
}

/// Nothing but the Debian packages to be found: an empty working folder, no BNLAB_DATA.
struct EmptySurroundings {
  TemporaryFolder folder;
  test::EnvironmentGuard environment{"BNLAB_DATA", nullptr};
  test::WorkingFolderGuard working_folder{folder.path()};
};

inline config::DatasetConfig named(const std::string& name) {
  config::DatasetConfig config;
  config.name = name;
  return config;
}

}  // namespace bnlab::data

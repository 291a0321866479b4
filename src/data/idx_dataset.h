#pragma once
// Datasets in four IDX files: MNIST, Fashion-MNIST, and a user's own.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"

namespace bnlab::data {

/// The folder where one of the four files of MNIST is in it; nothing where there is none.
std::optional<std::filesystem::path> find_mnist(const std::filesystem::path& folder);
/// The names that find_mnist() looks for, in words.
std::string mnist_names();
/// Reads the four files, images and classes as `info` says. Throws DataError.
Dataset read_mnist(const DatasetInfo& info, const std::filesystem::path& folder, const config::DatasetConfig& config);

/// The folder where files whose names are those of an IDX dataset are in it: SPLIT-images-idx3-ubyte and
/// SPLIT-labels-idx1-ubyte (or -idx2-int), where SPLIT is train, and test or t10k, with or without something before it,
/// `config.prefix`.
std::optional<std::filesystem::path> find_own_idx(const std::filesystem::path& folder);
std::string own_idx_names();
/// Size of the images and number of classes, from the header of the training images and from the labels. Throws
/// DataError where a file is missing or damaged, ConfigError where `config.prefix` has to choose.
DatasetInfo inspect_own_idx(const DatasetInfo& info, const std::filesystem::path& folder,
                            const config::DatasetConfig& config);
Dataset read_own_idx(const DatasetInfo& info, const std::filesystem::path& folder, const config::DatasetConfig& config);

}  // namespace bnlab::data

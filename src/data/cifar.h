#pragma once
// The binary versions of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records of a label (CIFAR-100: the coarse one, then
// the fine one) and the red, green and blue planes of an image.

#include <filesystem>
#include <optional>
#include <string>

#include "config/run_config.h"
#include "data/dataset.h"

namespace bnlab::data {

/// The folder where one of the six files is in it; nothing where there is none.
std::optional<std::filesystem::path> find_cifar10(const std::filesystem::path& folder);
/// The names that find_cifar10() looks for, in words.
std::string cifar10_names();
/// Reads data_batch_1.bin to data_batch_5.bin and test_batch.bin. The official files have 10,000 records each; any
/// number is taken, equal in the training files. Throws DataError with the file and what is wrong: missing, not of
/// whole records (cut off), empty, another number of records, a label that is no class.
Dataset read_cifar10(const DatasetInfo& info, const std::filesystem::path& folder, const config::DatasetConfig& config);

/// The same for train.bin and test.bin.
std::optional<std::filesystem::path> find_cifar100(const std::filesystem::path& folder);
std::string cifar100_names();
/// With the number of classes that `config.labels` has.
DatasetInfo choose_cifar100(const DatasetInfo& info, const config::DatasetConfig& config);
Dataset read_cifar100(const DatasetInfo& info, const std::filesystem::path& folder,
                      const config::DatasetConfig& config);

}  // namespace bnlab::data

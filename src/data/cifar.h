#pragma once
// The binary version of CIFAR-10 (Krizhevsky 2009): records of a label and the red, green and blue planes of an image.

#include <filesystem>

#include "data/dataset.h"

namespace bnlab::data {

/// Whether one of the six files is in the folder.
bool holds_cifar10(const std::filesystem::path& folder);

/// Reads data_batch_1.bin to data_batch_5.bin and test_batch.bin. The official files have 10,000 records each; any
/// number is taken, equal in the training files. Throws DataError with the file and what is wrong: missing, not of
/// whole records (cut off), empty, another number of records, a label that is no class.
Dataset read_cifar10(const DatasetInfo& info, const std::filesystem::path& folder);

}  // namespace bnlab::data

#pragma once
// A user's own dataset in an .npz: the arrays x_train, y_train, x_test, y_test.

#include <filesystem>
#include <optional>
#include <string>

#include "config/run_config.h"
#include "data/dataset.h"

namespace bnlab::data {

/// The path where it is an .npz, or the only .npz in it where it is a folder; nothing where there is none.
std::optional<std::filesystem::path> find_npz(const std::filesystem::path& path);
std::string npz_names();

/// Size of the inputs, from the header of x_train, and number of classes, from the labels. x: unsigned bytes or floats
/// (f4, f8) of (N, H, W), (N, H, W, C) or (N, C, H, W), told apart by `config.channels` where their sizes don't tell,
/// or (N, D). y: integers of (N) or (N, 1). Throws DataError where the file is damaged or holds other arrays,
/// ConfigError where `config.channels` has to choose.
DatasetInfo inspect_npz(const DatasetInfo& info, const std::filesystem::path& file,
                        const config::DatasetConfig& config);
/// Floats become f4. Throws DataError for values that are no finite f4, too.
Dataset read_npz_dataset(const DatasetInfo& info, const std::filesystem::path& file,
                         const config::DatasetConfig& config);

}  // namespace bnlab::data

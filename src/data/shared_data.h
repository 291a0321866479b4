#pragma once
// One copy of a dataset for the runs of a sweep: the sweep reads it into memory that has no name, its runs inherit the
// descriptor and map it. Nothing on disk can be stale or exchanged, and a seal keeps everyone from writing to it.

#include <optional>
#include <string>

#include "config/run_config.h"
#include "data/dataset.h"
#include "util/posix.h"

namespace bnlab::data {

/// The environment's variable that tells a run the number of the descriptor.
inline const char* const shared_data_variable = "BNLAB_SHARED_DATA";

/// What of the config decides which data load_whole() gives: two configs of one text can share them.
std::string source_of(const config::DatasetConfig& config);

/// The data that load_whole() gives, in memory that is sealed against writing; the descriptor is not inherited by
/// itself. Not valid() where the data can't be read, or the memory can't be had: each run then reads for itself, and
/// says why.
posix::Descriptor share(const config::DatasetConfig& config);

/// The data out of the descriptor that this process has inherited, without a copy, where there is one that is sealed,
/// whole, and of this config's source.
std::optional<Dataset> inherited(const config::DatasetConfig& config);

}  // namespace bnlab::data

#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "experiments/executor.h"
#include "util/posix.h"

namespace bnlab::experiments {

/// The datasets of a sweep's runs, each in memory once (data/shared_data.h): from the start of the first run that
/// learns it until that of the last.
class SharedDatasets {
 public:
  explicit SharedDatasets(const std::vector<Task>& tasks);

  /// The descriptor that the run of `task` is to inherit, open until the next call; -1 where it reads for itself: it is
  /// the only one with this dataset, or the data or the memory can't be had. Call once for each task.
  int descriptor_for(const Task& task);

 private:
  struct Source {
    std::size_t left = 0;  // runs that have not begun
    bool was_read = false;
    posix::Descriptor memory = {};
  };
  std::map<std::string, Source> sources_;  // by data::source_of()
  posix::Descriptor last_;                 // of a dataset that no further run needs
};

}  // namespace bnlab::experiments

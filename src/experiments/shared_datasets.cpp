#include "experiments/shared_datasets.h"

#include <utility>

#include "data/shared_data.h"

namespace bnlab::experiments {

SharedDatasets::SharedDatasets(const std::vector<Task>& tasks) {
  for (const Task& task : tasks) ++sources_[data::source_of(task.dataset)].left;
}

int SharedDatasets::descriptor_for(const Task& task) {
  last_.close();
  const auto found = sources_.find(data::source_of(task.dataset));
  if (found == sources_.end()) return -1;
  Source& source = found->second;
  if (!source.was_read && source.left > 1) source.memory = data::share(task.dataset);
  source.was_read = true;
  const int descriptor = source.memory.get();
  if (--source.left > 0) return descriptor;
  last_ = std::move(source.memory);
  sources_.erase(found);
  return descriptor;
}

}  // namespace bnlab::experiments

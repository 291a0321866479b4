#include "cli/output_guard.h"

#include <fmt/format.h>

#include <filesystem>

#include "experiments/comparison.h"
#include "experiments/sweep.h"
#include "training/run_directory.h"
#include "util/errors.h"
#include "util/file.h"

namespace bnlab::cli {

namespace fs = std::filesystem;

void refuse_to_replace(const std::string& option, const std::string& file,
                       const std::function<bool(std::string_view)>& is_ours) {
  if (file.empty() || file == "-") return;
  std::error_code error;
  const fs::path target = fs::weakly_canonical(fs::absolute(file, error), error);  // where it would be written
  if (fs::is_directory(target, error)) throw ConfigError(fmt::format("{}: {} is a folder", option, file));
  fs::path folder = target;
  for (int i = 0; i < 3; ++i) {  // SWEEP/runs/RUN/train.csv
    folder = folder.parent_path();
    if ((experiments::is_sweep(folder) && experiments::is_file_of_a_sweep(folder, target)) ||
        (experiments::is_run(folder) && training::is_file_of_a_run(folder, target)))
      throw ConfigError(fmt::format("{}: {} is a file of {}; choose another name", option, file, folder.string()));
  }
  refuse_foreign_output(option, file, is_ours);
  refuse_foreign_output(option, target, is_ours);  // "new/../file", where there is no folder "new"
}

}  // namespace bnlab::cli

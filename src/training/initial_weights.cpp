#include "training/initial_weights.h"

#include <fmt/format.h>

#include <optional>

#include "config/initializations.h"
#include "config/names.h"
#include "training/run_summary.h"
#include "training/trainer.h"
#include "util/errors.h"
#include "util/home.h"
#include "util/result_file.h"

namespace bnlab::training {

namespace fs = std::filesystem;

fs::path initial_weights(const std::string& from, const fs::path& directory) {
  if (!from.starts_with(config::run_prefix)) return with_home(from, "initialization.from");
  const std::string start = from.substr(std::string_view(config::run_prefix).size()) + "_";
  fs::path runs = fs::absolute(directory).lexically_normal();
  if (!runs.has_filename()) runs = runs.parent_path();
  runs = runs.parent_path();
  for (const std::string& name : names_in(runs)) {
    if (!name.starts_with(start)) continue;
    const auto end = read_end(runs / name / "run.json");
    const auto status = end ? end->status : std::nullopt;
    if (status == RunStatus::completed) return runs / name;
    throw DataError(fmt::format("initialization.from: {}: the run in {} has not completed{}", from,
                                (runs / name).string(), status ? "; its status is " + config::name_of(*status) : ""));
  }
  throw ConfigError(fmt::format("initialization.from: {}: no directory in {} has a name that begins with {}", from,
                                runs.string(), start));
}

}  // namespace bnlab::training

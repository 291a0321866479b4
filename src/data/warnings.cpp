#include "data/warnings.h"

#include <fmt/format.h>

#include "data/dataset.h"

namespace bnlab::data {

std::vector<std::string> warnings(const config::DatasetConfig& config) {
  const bool has_synthetic = config.synthetic != config::SyntheticConfig{};
  if (config.path.empty() && !has_synthetic) return {};
  const auto place = locate(config);
  const bool is_made = place && place->empty();
  if (is_made && !config.path.empty())
    return {fmt::format("dataset.path: {} has no effect: {} is generated", config.path, config.name)};
  if (!is_made && has_synthetic)
    return {fmt::format("dataset.synthetic: has no effect: {} is read from files", config.name)};
  return {};
}

}  // namespace bnlab::data

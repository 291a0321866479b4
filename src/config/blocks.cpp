#include "config/run_config.h"

namespace bnlab::config {

std::vector<const std::vector<Block>*> inner_layers(const Block& block) {
  if (const auto* repeat = std::get_if<Repeat>(&block.spec)) return {&repeat->layers};
  if (const auto* residual = std::get_if<Residual>(&block.spec)) return {&residual->body};
  std::vector<const std::vector<Block>*> lists;
  if (const auto* concat = std::get_if<Concat>(&block.spec))
    for (const std::vector<Block>& branch : concat->branches) lists.push_back(&branch);
  return lists;
}

}  // namespace bnlab::config

#include "network/expand.h"

#include <optional>

#include "util/overloaded.h"

namespace bnlab::network {
namespace {

using config::Block;

class Expander {
 public:
  Expander(const config::NetworkConfig& network, config::Placement placement)
      : network_(network), placement_(placement) {}

  std::vector<Atom> expand(const std::vector<Block>& blocks) {
    add(blocks);
    return std::move(atoms_);
  }

 private:
  void add(const std::vector<Block>& blocks) {
    for (const Block& block : blocks)
      std::visit(
          Overloaded{
              [&](const config::Repeat& repeat) {
                for (std::int64_t i = 0; i < repeat.count; ++i) add(repeat.layers);
              },
              [&](const config::DenseBlock& b) { add_block(static_cast<const config::Dense&>(b), b.activation); },
              [&](const config::ConvBlock& b) { add_block(static_cast<const config::Conv&>(b), b.activation); },
              [&](const config::Normalization&) { atoms_.emplace_back(Site{}); },
              [&](const config::ActivationBlock& b) {
                atoms_.emplace_back(ActivationAtom{b.function.value_or(network_.activation)});
              },
              [&](const config::Residual& b) { atoms_.emplace_back(&b); },
              [&](const config::Concat& b) { atoms_.emplace_back(&b); },
              [&](const auto& spec) { atoms_.emplace_back(spec); },
          },
          block.spec);
  }

  template <class Linear>
  void add_block(const Linear& linear, const std::optional<config::Activation>& activation) {
    const Atom function = ActivationAtom{activation.value_or(network_.activation)};
    atoms_.emplace_back(linear);
    const bool before = placement_ == config::Placement::before_activation;
    atoms_.push_back(before ? Atom(Site{}) : function);
    atoms_.push_back(before ? function : Atom(Site{}));
  }

  const config::NetworkConfig& network_;
  config::Placement placement_;
  std::vector<Atom> atoms_;
};

}  // namespace

std::vector<Atom> expand(const config::NetworkConfig& network, config::Placement placement,
                         const std::vector<Block>& blocks) {
  return Expander(network, placement).expand(blocks);
}

}  // namespace bnlab::network

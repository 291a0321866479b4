#include "network/assemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "layers/activation.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/flatten.h"
#include "layers/pool.h"
#include "util/errors.h"

namespace bnlab::network {
namespace {

using config::Activation;
using config::Block;
using config::LayerMask;
using config::NormalizationType;
using config::Placement;
using layers::Dims;
using layers::LayerContext;

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

/// A normalization with its number; `active` where the mask and the type let it be.
struct Site {
  std::int64_t number = 0;
  bool active = false;
};
struct ActivationAtom {
  Activation function = Activation::identity;
};
/// A block that is one layer.
using Atom = std::variant<config::Dense, config::Conv, config::MaxPool, config::AvgPool, config::GlobalAvgPool,
                          config::Flatten, Site, ActivationAtom>;

class Expander {
 public:
  Expander(const config::NetworkConfig& network, Placement placement) : network_(network), placement_(placement) {}

  std::vector<Atom> expand() {
    expand(network_.layers);
    return std::move(atoms_);
  }
  std::int64_t sites() const { return sites_; }

 private:
  void expand(const std::vector<Block>& blocks) {
    for (const Block& block : blocks)
      std::visit(
          Overloaded{
              [&](const config::Repeat& repeat) {
                for (std::int64_t i = 0; i < repeat.count; ++i) expand(repeat.layers);
              },
              [&](const config::DenseBlock& b) { add_block(static_cast<const config::Dense&>(b), b.activation); },
              [&](const config::ConvBlock& b) { add_block(static_cast<const config::Conv&>(b), b.activation); },
              [&](const config::Normalization&) { atoms_.emplace_back(Site{++sites_}); },
              [&](const config::ActivationBlock& b) {
                atoms_.emplace_back(ActivationAtom{b.function.value_or(network_.activation)});
              },
              [&](const auto& spec) {
                if constexpr (std::is_constructible_v<Atom, decltype(spec)>)
                  atoms_.emplace_back(spec);
                else
                  throw ConfigError("network.layers: a block that can't be built yet");
              },
          },
          block.spec);
  }

  template <class Linear>
  void add_block(const Linear& linear, const std::optional<Activation>& activation) {
    const Atom site = Site{++sites_};
    const Atom function = ActivationAtom{activation.value_or(network_.activation)};
    atoms_.emplace_back(linear);
    const bool before = placement_ == Placement::before_activation;
    atoms_.push_back(before ? site : function);
    atoms_.push_back(before ? function : site);
  }

  const config::NetworkConfig& network_;
  Placement placement_;
  std::vector<Atom> atoms_;
  std::int64_t sites_ = 0;
};

bool in_mask(const LayerMask& mask, std::int64_t site, std::int64_t sites) {
  switch (mask.kind) {
    case LayerMask::Kind::all:
      return true;
    case LayerMask::Kind::none:
      return false;
    case LayerMask::Kind::first:
      return site == 1;
    case LayerMask::Kind::last:
      return site == sites;
    case LayerMask::Kind::list:
      return std::find(mask.list.begin(), mask.list.end(), site) != mask.list.end();
    case LayerMask::Kind::every:
      return site % mask.every == 0;
  }
  return false;
}

/// Throws unless at least one site is in the mask, and every site that it names is there.
void check_mask(const LayerMask& mask, std::int64_t sites) {
  if (sites == 0)
    throw ConfigError(
        "normalization.type: the network has no place to normalize (dense_block, conv_block, normalization); "
        "the type must be none");
  if (mask.kind == LayerMask::Kind::every && mask.every > sites)
    throw ConfigError(
        fmt::format("normalization.mask.every: must be at most {}, the normalization sites of the network, "
                    "got {}",
                    sites, mask.every));
  if (mask.kind != LayerMask::Kind::list) return;
  for (const std::int64_t site : mask.list)
    if (site < 1 || site > sites)
      throw ConfigError(
          fmt::format("normalization.mask: the network has {} normalization sites, got site {}", sites, site));
}

class Assembler {
 public:
  Assembler(const config::NormalizationConfig& normalization, Dims shape, layers::Parameters& parameters,
            normalization::NormalizationStates& states)
      : normalization_(normalization), shape_(std::move(shape)), parameters_(parameters), states_(states) {}

  LayerList assemble(const std::vector<Atom>& atoms) {
    for (std::size_t i = 0; i < atoms.size(); ++i) add(atoms, i);
    return std::move(layers_);
  }

 private:
  void add(const std::vector<Atom>& atoms, std::size_t i) {
    using namespace layers;
    std::visit(
        Overloaded{
            [&](const config::Dense& spec) { push(make_dense(context("dense"), spec, has_bias(spec, atoms, i))); },
            [&](const config::Conv& spec) { push(make_conv(context("conv"), spec, has_bias(spec, atoms, i))); },
            [&](const config::MaxPool& spec) { push(make_max_pool(context("max_pool"), spec)); },
            [&](const config::AvgPool& spec) { push(make_avg_pool(context("avg_pool"), spec)); },
            [&](const config::GlobalAvgPool&) { push(make_global_avg_pool(context("global_avg_pool"))); },
            [&](const config::Flatten&) { push(make_flatten(context("flatten"))); },
            [&](const ActivationAtom& atom) {
              push(make_activation(context("activation"), atom.function, i > 0 && fuses(atoms, i - 1)));
            },
            [&](const Site& site) {
              if (!site.active) return;
              const LayerContext here{fmt::format("normalization{}", site.number), shape_, parameters_};
              push(normalization::make_normalization({here, normalization_, states_, fuses(atoms, i)}));
            },
        },
        atoms[i]);
  }

  LayerContext context(const std::string& kind) {
    return {fmt::format("{}{}", kind, ++count_[kind]), shape_, parameters_};
  }

  void push(std::unique_ptr<layers::Layer> layer) {
    shape_ = layer->dst_shape();
    layers_.push_back(std::move(layer));
  }

  template <class Linear>
  bool has_bias(const Linear& spec, const std::vector<Atom>& atoms, std::size_t i) const {
    const Site* next = following<Site>(atoms, i);
    const bool absorbed = next && next->active && normalization::absorbs_bias(normalization_.type);
    return spec.bias.value_or(!absorbed);
  }

  // Whether atom i is a normalization that may apply the ReLU behind it.
  bool fuses(const std::vector<Atom>& atoms, std::size_t i) const {
    const Site* site = std::get_if<Site>(&atoms[i]);
    const ActivationAtom* next = following<ActivationAtom>(atoms, i);
    return site && site->active && next && next->function == Activation::relu &&
           normalization::can_fuse_relu(normalization_.type);
  }

  template <class T>
  static const T* following(const std::vector<Atom>& atoms, std::size_t i) {
    return i + 1 < atoms.size() ? std::get_if<T>(&atoms[i + 1]) : nullptr;
  }

  const config::NormalizationConfig& normalization_;
  Dims shape_;
  layers::Parameters& parameters_;
  normalization::NormalizationStates& states_;
  std::map<std::string, int> count_;
  LayerList layers_;
};

}  // namespace

LayerList assemble(const config::NetworkConfig& network, const config::NormalizationConfig& normalization,
                   const Dims& input_shape, std::int64_t classes, layers::Parameters& parameters,
                   normalization::NormalizationStates& states) {
  Expander expander(network, normalization.placement);
  std::vector<Atom> atoms = expander.expand();
  for (Atom& atom : atoms)
    if (Site* site = std::get_if<Site>(&atom))
      site->active =
          normalization.type != NormalizationType::none && in_mask(normalization.mask, site->number, expander.sites());

  LayerList list = Assembler(normalization, input_shape, parameters, states).assemble(atoms);
  const Dims output = list.empty() ? input_shape : list.back()->dst_shape();
  if (output != Dims{1, classes})
    throw ConfigError(
        fmt::format("network: {}: the output must have the shape ({}), one value for each class of the "
                    "dataset, got {}",
                    list.empty() ? "layers" : list.back()->name(), classes, layers::shape_text(output)));
  if (normalization.type != NormalizationType::none) check_mask(normalization.mask, expander.sites());
  if (parameters.all().empty()) throw ConfigError("network.layers: nothing to train: no layer has parameters");
  return list;
}

}  // namespace bnlab::network

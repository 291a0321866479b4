#include "network/assemble.h"

#include <fmt/format.h>

#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "layers/activation.h"
#include "layers/concat.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/pool.h"
#include "layers/recurrent.h"
#include "layers/residual.h"
#include "network/batch_sizes.h"
#include "network/expand.h"
#include "network/initialization.h"
#include "network/layer_mask.h"
#include "network/parameter_overrides.h"
#include "normalization/local_response.h"
#include "normalization/step_normalization.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/overloaded.h"

namespace bnlab::network {
namespace {

using config::Activation;
using config::Block;
using config::NormalizationType;
using layers::Dims;
using layers::LayerContext;
using layers::LayerList;

/// Makes layers in network order. Sites are numbered as they come.
class Assembler {
 public:
  /// `sites`: how many the network has; only a mask of the last one asks. Adds to `assembly`, all but its layers.
  Assembler(const config::NetworkConfig& network, const config::NormalizationConfig& normalization, std::int64_t sites,
            Dims shape, Assembly& assembly)
      : network_(network),
        normalization_(normalization),
        normalizes_(normalization.type != NormalizationType::none),
        total_sites_(sites),
        shape_(std::move(shape)),
        parameters_(assembly.parameters),
        places_(assembly.places),
        normalizations_(assembly.normalizations),
        states_(assembly.states) {}

  LayerList assemble() {
    if (normalization_.normalize_input && normalizes_) {
      normalizations_.push_back({.name = "input_normalization", .behind = {}});
      push(normalization::make_normalization(
          {{normalizations_.back().name, shape_, parameters_}, normalization_, states_, false}));
    }
    LayerList rest = assemble(network_.layers);
    std::move(rest.begin(), rest.end(), std::back_inserter(layers_));
    set_roles();
    return std::move(layers_);
  }

  std::int64_t sites() const { return sites_; }

 private:
  bool standardizes(const config::Conv& spec) const {
    return spec.weight_standardization.value_or(network_.weight_standardization.value_or(false));
  }
  static bool standardizes(const config::Dense&) { return false; }

  auto conv_maker() const {
    return [this](const LayerContext& context, const config::Conv& spec, bool bias) {
      return layers::make_conv(context, spec, bias, standardizes(spec));
    };
  }

  // The layers of a list of blocks, for images of shape_; shape_ becomes that of the output.
  LayerList assemble(const std::vector<Block>& blocks, bool is_residual_body = false) {
    LayerList outer = std::exchange(layers_, {});
    const std::vector<Atom> atoms = expand(network_, normalization_.placement, blocks);
    std::size_t last_site = atoms.size();
    for (std::size_t i = 0; i < atoms.size(); ++i)
      if (std::holds_alternative<Site>(atoms[i])) last_site = i;
    for (std::size_t i = 0; i < atoms.size(); ++i)
      add(atoms, i, is_residual_body && i == last_site && normalization_.zero_gamma_residual);
    return std::exchange(layers_, std::move(outer));
  }

  void add(const std::vector<Atom>& atoms, std::size_t i, bool zero_gamma) {
    using namespace layers;
    std::visit(Overloaded{
                   [&](const config::Dense& spec) {
                     push_linear(make_dense, "dense", spec, has_bias(spec, atoms, i), is_normalized(atoms, i));
                   },
                   [&](const config::Conv& spec) {
                     push_linear(conv_maker(), "conv", spec, has_bias(spec, atoms, i), is_normalized(atoms, i));
                   },
                   [&](const config::MaxPool& spec) { push(make_max_pool(context("max_pool"), spec)); },
                   [&](const config::AvgPool& spec) { push(make_avg_pool(context("avg_pool"), spec)); },
                   [&](const config::GlobalAvgPool&) { push(make_global_avg_pool(context("global_avg_pool"))); },
                   [&](const config::Flatten&) { push(make_flatten(context("flatten"))); },
                   [&](const config::LocalResponse& spec) {
                     push(normalization::make_local_response(context("local_response"), spec));
                   },
                   [&](const ActivationAtom& atom) {
                     push(make_activation(context("activation"), atom.function, network_.negative_slope,
                                          i > 0 && fuses(atoms, i - 1, sites_)));
                   },
                   [&](const config::Dropout& spec) {
                     const LayerContext here = context("dropout");
                     if (const double rate = spec.rate.value_or(network_.dropout); rate > 0)
                       push(make_dropout(here, rate));
                   },
                   [&](const config::Residual* spec) { add_residual(*spec); },
                   [&](const config::Concat* spec) { add_concat(*spec); },
                   [&](const config::Recurrent& spec) {
                     const LayerContext here = context("recurrent");
                     const std::int64_t number = ++sites_;
                     const config::NormalizationConfig none{};
                     if (is_active(number)) normalizations_.push_back({site_name(number), here.name, true});
                     push(make_recurrent(
                         here, spec, network_.negative_slope,
                         normalization::step_normalization(site_name(number), is_active(number) ? normalization_ : none,
                                                           parameters_, states_)));
                     last_with_weights_ = layers_.back().get();
                   },
                   [&](const Site&) {
                     const std::int64_t number = ++sites_;
                     if (is_active(number)) add_normalization(number, fuses(atoms, i, number), zero_gamma);
                   },
               },
               atoms[i]);
  }

  void add_normalization(std::int64_t number, bool relu_follows, bool zero_gamma = false) {
    config::NormalizationConfig config = normalization_;
    if (zero_gamma) config.initial_gamma = 0;
    normalizations_.push_back({.name = site_name(number), .behind = layers_.empty() ? "" : layers_.back()->name()});
    push(normalization::make_normalization({{site_name(number), shape_, parameters_}, config, states_, relu_follows}));
  }

  void add_residual(const config::Residual& spec) {
    const LayerContext here = context("residual");
    const std::size_t first_parameter = parameters_.all().size();
    layers::Sequence body(assemble(spec.body, true), here.src_shape);
    set_branch_role(first_parameter);
    const Dims target = shape_;
    shape_ = here.src_shape;
    layers::Sequence shortcut(assemble_shortcut(here, spec, target), here.src_shape);
    if (shortcut.dst_shape() != target)
      throw ConfigError(fmt::format("network: {}: the body turns {} into {}, and the shortcut into {}; both must agree",
                                    here.name, layers::shape_text(here.src_shape), layers::shape_text(target),
                                    layers::shape_text(shortcut.dst_shape())));
    push(layers::make_residual(here, std::move(body), std::move(shortcut), layers::factor_of(network_, spec)));
  }

  LayerList assemble_shortcut(const LayerContext& residual, const config::Residual& spec, const Dims& target) {
    const Dims& src = residual.src_shape;
    const config::Shortcut kind = spec.shortcut.value_or(network_.shortcut);
    if (src == target || kind == config::Shortcut::identity) return {};
    if (src.size() != target.size())
      throw ConfigError(fmt::format("network: {}: the body turns {} into {}; no shortcut does", residual.name,
                                    layers::shape_text(src), layers::shape_text(target)));
    const bool is_image = src.size() == 4;
    const std::int64_t stride = is_image ? (src[2] + target[2] - 1) / target[2] : 1;
    LayerList outer = std::exchange(layers_, {});
    if (kind == config::Shortcut::padding) {
      if (!is_image || target[1] < src[1])
        throw ConfigError(
            fmt::format("network: {}: a padding shortcut needs images and no fewer channels, got {} and {}",
                        residual.name, layers::shape_text(src), layers::shape_text(target)));
      const Dims reduced{1, target[1], (src[2] + stride - 1) / stride, (src[3] + stride - 1) / stride};
      push(layers::make_padding_shortcut(context("padding_shortcut"), reduced, stride));
    } else {
      const std::int64_t number = sites_ + 1;
      const bool normalized = spec.shortcut_normalization && is_active(number);
      const bool bias = !(normalized && config::row_of(normalization_.type).absorbs_bias);
      if (is_image) {
        const config::Conv conv{.channels = target[1], .kernel = {1, 1}, .stride = {stride, stride}, .padding = {}};
        push_linear(conv_maker(), "conv", conv, bias, normalized);
      } else {
        push_linear(layers::make_dense, "dense", config::Dense{.units = target[1]}, bias, normalized);
      }
      if (spec.shortcut_normalization) ++sites_;
      if (normalized) add_normalization(number, false);
    }
    return std::exchange(layers_, std::move(outer));
  }

  void add_concat(const config::Concat& spec) {
    const LayerContext here = context("concat");
    std::vector<layers::Sequence> branches;
    for (const std::vector<Block>& branch : spec.branches) {
      shape_ = here.src_shape;
      branches.emplace_back(assemble(branch), here.src_shape);
    }
    push(layers::make_concat(here, std::move(branches)));
  }

  // Parameters are declared in network order, so those of a branch stand together.
  void set_branch_role(std::size_t first_parameter) {
    ++branches_;
    places_.resize(parameters_.all().size());
    std::vector<BranchRole*> weights;
    for (std::size_t i = first_parameter; i < places_.size(); ++i)
      if (parameters_.all()[i]->kind == layers::ParameterKind::weights && places_[i].role.layers_in_branch == 0)
        weights.push_back(&places_[i].role);
    for (BranchRole* role : weights) role->layers_in_branch = static_cast<int>(weights.size());
    if (!weights.empty()) weights.back()->last_in_branch = true;
  }

  void set_roles() {
    places_.resize(parameters_.all().size());
    BranchRole* last = nullptr;
    for (std::size_t i = 0; i < places_.size(); ++i) {
      places_[i].role.branches = branches_;
      if (parameters_.all()[i]->kind == layers::ParameterKind::weights) last = &places_[i].role;
    }
    if (last) last->is_output = true;
    if (last_with_weights_) last_with_weights_->keep_output_in_f32();
  }

  LayerContext context(const std::string& kind) {
    return {fmt::format("{}{}", kind, ++count_[kind]), shape_, parameters_};
  }
  static std::string site_name(std::int64_t number) { return fmt::format("normalization{}", number); }

  void push(std::unique_ptr<layers::Layer> layer) {
    shape_ = layer->dst_shape();
    layers_.push_back(std::move(layer));
  }

  /// `normalized`: a normalization follows it directly.
  template <class Make, class Spec>
  void push_linear(const Make& make, const char* kind, const Spec& spec, bool bias, bool normalized) {
    const std::size_t first = parameters_.all().size();
    push(make(context(kind), spec, bias));
    last_with_weights_ = layers_.back().get();
    places_.resize(parameters_.all().size());
    for (std::size_t i = first; i < places_.size(); ++i) {
      places_[i].is_normalized = normalized;
      places_[i].is_standardized = standardizes(spec) && parameters_.all()[i]->kind == layers::ParameterKind::weights;
    }
  }

  bool is_active(std::int64_t site) const { return normalizes_ && in_mask(normalization_.mask, site, total_sites_); }

  template <class Linear>
  bool has_bias(const Linear& spec, const std::vector<Atom>& atoms, std::size_t i) const {
    const bool absorbed = is_normalized(atoms, i) && config::row_of(normalization_.type).absorbs_bias;
    return spec.bias.value_or(!absorbed);
  }

  // Whether a normalization follows atom i, which is linear, directly.
  bool is_normalized(const std::vector<Atom>& atoms, std::size_t i) const {
    return following<Site>(atoms, i) && is_active(sites_ + 1);
  }

  // Whether atom i is a normalization, site `number`, that may apply the ReLU that follows.
  bool fuses(const std::vector<Atom>& atoms, std::size_t i, std::int64_t number) const {
    const ActivationAtom* next = following<ActivationAtom>(atoms, i);
    return std::holds_alternative<Site>(atoms[i]) && is_active(number) && next && next->function == Activation::relu &&
           config::row_of(normalization_.type).fuses_relu;
  }

  template <class T>
  static const T* following(const std::vector<Atom>& atoms, std::size_t i) {
    return i + 1 < atoms.size() ? std::get_if<T>(&atoms[i + 1]) : nullptr;
  }

  const config::NetworkConfig& network_;
  const config::NormalizationConfig& normalization_;
  bool normalizes_;
  std::int64_t total_sites_;
  Dims shape_;
  layers::Parameters& parameters_;
  std::vector<ParameterPlace>& places_;
  std::vector<NormalizationPlace>& normalizations_;
  normalization::NormalizationStates& states_;
  std::map<std::string, int> count_;
  std::int64_t sites_ = 0;
  int branches_ = 0;
  LayerList layers_;
  layers::Layer* last_with_weights_ = nullptr;
};

/// How many sites the network has: with residual shortcuts, that depends on the shapes.
std::int64_t count_sites(const config::NetworkConfig& network, const config::NormalizationConfig& normalization,
                         const Dims& input_shape) {
  Assembly unused;
  config::NormalizationConfig none = normalization;
  none.type = NormalizationType::none;
  Assembler assembler(network, none, 0, input_shape, unused);
  assembler.assemble();
  return assembler.sites();
}

}  // namespace

Dims image_shape(const data::DatasetInfo& dataset) { return {1, dataset.channels, dataset.height, dataset.width}; }

std::vector<LayerShape> Assembly::shapes() const {
  std::vector<LayerShape> shapes;
  for (const layers::Layer* layer : layers.all())
    shapes.push_back({layer->name(), layer->kind(), layer->dst_shape(), layer->activation()});
  return shapes;
}

std::unique_ptr<Assembly> assemble(const config::RunConfig& config, const data::DatasetInfo& dataset) {
  const config::NormalizationConfig& normalization = config.normalization;
  const bool normalizes = normalization.type != NormalizationType::none;
  if (!normalizes && normalization.normalize_input)
    throw ConfigError(
        "normalization.normalize_input: needs a normalization.type other than none; to normalize the "
        "input alone, set normalization.mask to \"none\"");
  const Dims input_shape = image_shape(dataset);
  const bool is_last = normalizes && normalization.mask.kind == config::LayerMask::Kind::last;
  const std::int64_t sites = is_last ? count_sites(config.network, normalization, input_shape) : 0;
  auto assembly = std::make_unique<Assembly>();
  Assembler assembler(config.network, normalization, sites, input_shape, *assembly);
  assembly->layers = layers::Sequence(assembler.assemble(), input_shape);
  if (normalizes) check_mask(normalization, assembler.sites());
  const layers::Sequence& list = assembly->layers;
  if (list.dst_shape() != Dims{1, dataset.classes})
    throw ConfigError(
        fmt::format("network: {}: the output must have the shape ({}), one value for each class of the "
                    "dataset, got {}",
                    list.layers().empty() ? "layers" : list.layers().back()->name(), dataset.classes,
                    layers::shape_text(list.dst_shape())));
  if (assembly->parameters.all().empty())
    throw ConfigError("network.layers: nothing to train: no layer has parameters");
  check_overrides(config.initialization, assembly->parameters);
  check_overrides(config.optimizer, assembly->parameters);
  return assembly;
}

std::unique_ptr<Assembly> assemble_checked(const config::RunConfig& config, const data::DatasetInfo& dataset) {
  if (dataset.has_targets && config::row_of(config.loss.type).needs_classes)
    throw ConfigError(fmt::format(
        "loss.type: must be {} with {}, whose examples have targets and no class, got {}",
        join(config::names_where<config::LossType>([](const auto& row) { return !row.needs_classes; }), " or "),
        dataset.name, config::name_of(config.loss.type)));
  auto assembly = assemble(config, dataset);
  // A batch of all images gets its size from the data; building the network checks it then.
  if (config.training.composition != config::BatchComposition::full_batch)
    normalization::check_batch(assembly->states, config.normalization, config.training.batch_size);
  check_batch_sizes(config, assembly->states);
  return assembly;
}

}  // namespace bnlab::network

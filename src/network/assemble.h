#pragma once
// From the blocks of a network description to layers.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"
#include "layers/sequence.h"
#include "network/initialization.h"
#include "normalization/normalization.h"

namespace bnlab::network {

/// A layer as it is known before anything is built.
struct LayerShape {
  std::string name;
  layers::LayerKind kind;
  layers::Dims dst_shape;  // of a batch of one
  std::optional<config::Activation> activation{};
};

/// What the network knows of a parameter, and its layer does not.
struct ParameterPlace {
  BranchRole role;
  bool is_normalized = false;    // weights and biases: a normalization follows their layer directly
  bool is_standardized = false;  // weights: the layer computes with layers/weight_standardization.h
};

/// Where a normalization stands.
struct NormalizationPlace {
  std::string name;                  // of the layer: "normalization2"
  std::string behind;                // the layer directly before it, which has no other consumer; empty: none
  bool is_within_recurrent = false;  // it is part of the layer `behind`
};

/// The layers of a network with their parameters and states, before anything is built. Layers refer to the rest.
struct Assembly {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  layers::Parameters parameters{engine};
  std::vector<ParameterPlace> places;              // of each parameter
  std::vector<NormalizationPlace> normalizations;  // in network order
  normalization::NormalizationStates states;
  layers::Sequence layers{{}, {}};

  Assembly() = default;
  Assembly(const Assembly&) = delete;
  Assembly& operator=(const Assembly&) = delete;

  std::vector<LayerShape> shapes() const;
};

/// The images of a dataset, for a batch of one.
layers::Dims image_shape(const data::DatasetInfo& dataset);

/// Makes the layers of the config's network for the images of `dataset`: expands repeat, dense_block and conv_block
/// in the order of `normalization.placement`, counts normalization sites from 1 (in a residual block first those of the
/// body, then that of the shortcut), leaves out those that the mask leaves out, leaves a bias out where a normalization
/// that absorbs it follows, and names layers by kind and number ("conv3"). Declares parameters and normalization
/// states. Throws ConfigError naming the layer and the shapes where they don't fit, where the mask names a site that
/// the network doesn't have, where the output is not (classes), where nothing can be trained, or where an override of
/// the initialization fits no layer.
std::unique_ptr<Assembly> assemble(const config::RunConfig& config, const data::DatasetInfo& dataset);

/// The same, where the loss also fits the dataset, and no statistics of a batch would be over one value; else throws
/// ConfigError. Builds no program and needs no data.
std::unique_ptr<Assembly> assemble_checked(const config::RunConfig& config, const data::DatasetInfo& dataset);

}  // namespace bnlab::network

#pragma once
// The optimizers that optimizer.type can name. Each has its code in src/training.

#include "config/kind.h"

namespace bnlab::config {

enum class OptimizerType { sgd, adam, adamw, rmsprop };
enum class Decay { coupled, decoupled };

template <>
struct Names<Decay> {
  static constexpr Named<Decay> table[] = {{"coupled", Decay::coupled}, {"decoupled", Decay::decoupled}};
};

struct OptimizerRow {
  std::string_view name;
  OptimizerType value;
  std::string_view meaning;
  std::string_view paper = {};
  Decay decay = Decay::coupled;  // where the config names none; decoupled for optimizers defined by it
  OwnFields fields = {};

  template <class Visit>
  void traits(Visit&& visit) const {
    visit("decay", std::string_view(row_of(decay).name));
    visit("fields", fields);
  }
};

template <>
struct Names<OptimizerType> {
  using enum OptimizerType;
  static constexpr OptimizerRow table[] = {
      {.name = "sgd",
       .value = sgd,
       .meaning = "v = momentum * v + g; w -= learning_rate * v",
       .fields = {"momentum", "nesterov"}},
      {.name = "adam",
       .value = adam,
       .meaning = "steps divided by the root of an average squared gradient, with bias correction",
       .paper = "Kingma & Ba 2015",
       .fields = {"beta1", "beta2", "epsilon"}},
      {.name = "adamw",
       .value = adamw,
       .meaning = "adam with decoupled weight decay",
       .paper = "Loshchilov & Hutter 2019",
       .decay = Decay::decoupled,
       .fields = {"beta1", "beta2", "epsilon"}},
      {.name = "rmsprop",
       .value = rmsprop,
       .meaning = "the gradient divided by the root of its average square",
       .paper = "Tieleman & Hinton 2012",
       .fields = {"momentum", "smoothing", "epsilon"}},
  };
};

}  // namespace bnlab::config

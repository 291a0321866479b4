#pragma once
// The schemes that initialization.scheme can name; src/network/initialization.cpp has their code.

#include "config/kind.h"

namespace bnlab::config {

/// What `initialization.from` begins with where it names a run beside this run's own directory by the hash that begins
/// the name of its directory, as in a sweep.
inline constexpr const char* run_prefix = "run:";

enum class InitializationScheme { gaussian, uniform, xavier, he, orthogonal, identity, pytorch, fixup };
enum class Fan { in, out, average };

template <>
struct Names<Fan> {
  static constexpr Named<Fan> table[] = {{"in", Fan::in}, {"out", Fan::out}, {"average", Fan::average}};
};

struct InitializationRow {
  std::string_view name;
  InitializationScheme value;
  std::string_view meaning;
  std::string_view paper = {};
  Fan fan = Fan::in;          // where the config names none
  bool draws_biases = false;  // biases are 0 otherwise
  OwnFields fields = {};

  template <class Visit>
  void traits(Visit&& visit) const {
    visit("draws_biases", draws_biases);
    visit("fields", fields);
  }
};

template <>
struct Names<InitializationScheme> {
  using enum InitializationScheme;
  static constexpr InitializationRow table[] = {
      {.name = "gaussian", .value = gaussian, .meaning = "N(0, std^2)", .fields = {"std"}},
      {.name = "uniform", .value = uniform, .meaning = "U(-bound, bound)", .fields = {"bound"}},
      {.name = "xavier",
       .value = xavier,
       .meaning = "variance 1 / fan",
       .paper = "Glorot & Bengio 2010",
       .fan = Fan::average,
       .fields = {"distribution", "fan"}},
      {.name = "he",
       .value = he,
       .meaning = "variance 2 / fan",
       .paper = "He et al. 2015",
       .fields = {"distribution", "fan"}},
      {.name = "orthogonal",
       .value = orthogonal,
       .meaning = "orthonormal rows or columns",
       .paper = "Saxe et al. 2014"},
      {.name = "identity", .value = identity, .meaning = "ones on the diagonal"},
      {.name = "pytorch",
       .value = pytorch,
       .meaning = "U(-b, b), b = 1 / sqrt(fan in), biases too",
       .draws_biases = true},
      {.name = "fixup",
       .value = fixup,
       .meaning = "he, with factors for the branches of residual networks",
       .paper = "Zhang et al. 2019"},
  };
};

}  // namespace bnlab::config

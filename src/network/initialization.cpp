#include "network/initialization.h"

#include <algorithm>
#include <cmath>

#include "network/orthogonal.h"
#include "network/parameter_overrides.h"
#include "util/pattern.h"
#include "util/random.h"

namespace bnlab::network {
namespace {

using config::Distribution;
using config::Fan;
using config::InitializationScheme;
using config::WeightInitialization;
using layers::Declaration;
using layers::ParameterKind;

const WeightInitialization& start_of(const Declaration& parameter, const config::InitializationConfig& config) {
  for (auto other = config.overrides.rbegin(); other != config.overrides.rend(); ++other)
    if (fits(other->layers, layer_of(parameter.name))) return *other;
  return config;
}

double fan_of(const Declaration& parameter, Fan fan) {
  const auto in = static_cast<double>(parameter.fan_in);
  const auto out = static_cast<double>(parameter.fan_out);
  return fan == Fan::in ? in : fan == Fan::out ? out : (in + out) / 2.0;
}

struct Spread {
  double std;
  Distribution distribution;
};

/// The distribution of the schemes that draw each weight independently.
Spread spread_of(const Declaration& parameter, InitializationScheme scheme, const WeightInitialization& start) {
  const double fan = fan_of(parameter, start.fan.value_or(config::row_of(scheme).fan));
  switch (scheme) {
    case InitializationScheme::gaussian:
      return {start.std, Distribution::normal};
    case InitializationScheme::uniform:
      return {start.bound / std::sqrt(3.0), Distribution::uniform};
    case InitializationScheme::xavier:
      return {std::sqrt(1.0 / fan), start.distribution};
    case InitializationScheme::he:
    case InitializationScheme::fixup:
      return {std::sqrt(2.0 / fan), start.distribution};
    case InitializationScheme::pytorch:
      return {std::sqrt(1.0 / fan) / std::sqrt(3.0), Distribution::uniform};
    case InitializationScheme::orthogonal:
    case InitializationScheme::identity:
      break;
  }
  return {1.0, Distribution::normal};
}

void draw(const Declaration& parameter, Spread spread, double factor, std::uint64_t seed, std::vector<float>& values) {
  RandomStream random(seed, RandomPurpose::weights, RandomStream::substream_of(parameter.name));
  const double scale = spread.std * factor;
  for (float& value : values) {
    // A uniform variable on (-b, b) has the standard deviation b / sqrt(3).
    const double unit =
        spread.distribution == Distribution::normal ? random.normal() : (2.0 * random.uniform() - 1.0) * std::sqrt(3.0);
    value = static_cast<float>(scale * unit);
  }
}

void draw_orthogonal(const Declaration& parameter, double gain, std::uint64_t seed, std::vector<float>& values) {
  RandomStream random(seed, RandomPurpose::weights, RandomStream::substream_of(parameter.name));
  const std::int64_t rows = parameter.shape[0];
  const std::int64_t columns = parameter.count() / rows;
  const bool wide = rows < columns;
  // The shorter side of the matrix becomes the rows.
  const auto place = [&](std::int64_t row, std::int64_t column) {
    return static_cast<std::size_t>(wide ? row * columns + column : column * rows + row);
  };
  std::vector<double> matrix(values.size());
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t column = 0; column < columns; ++column) matrix[place(row, column)] = random.normal();
  orthonormalize_rows(matrix, std::min(rows, columns), std::max(rows, columns));
  auto value = values.begin();
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t column = 0; column < columns; ++column)
      *value++ = static_cast<float>(gain * matrix[place(row, column)]);
}

/// (O, I), or (O, I / groups, kh, kw) with one tap of 1 at (kh / 2, kw / 2).
void set_identity(const Declaration& parameter, double gain, std::vector<float>& values) {
  const bool image = parameter.shape.size() == 4;
  const std::int64_t height = image ? parameter.shape[2] : 1;
  const std::int64_t width = image ? parameter.shape[3] : 1;
  const std::int64_t outputs = image ? parameter.fan_out / (height * width) : parameter.shape[0];  // of a group
  const std::int64_t inputs = parameter.shape[1];
  std::fill(values.begin(), values.end(), 0.0f);
  for (std::int64_t o = 0; o < parameter.shape[0]; ++o)
    if (const std::int64_t i = o % outputs; i < inputs)
      values[static_cast<std::size_t>(((o * inputs + i) * height + height / 2) * width + width / 2)] =
          static_cast<float>(gain);
}

/// Zhang et al. 2019, 3.2.
double fixup_factor(const BranchRole& role) {
  if (role.is_output || role.last_in_branch || role.layers_in_branch == 1) return 0.0;
  if (role.layers_in_branch == 0) return 1.0;
  return std::pow(static_cast<double>(role.branches), -1.0 / (2.0 * role.layers_in_branch - 2.0));
}

}  // namespace

std::vector<float> initial_value(const Declaration& parameter, const config::InitializationConfig& config,
                                 std::uint64_t seed, const BranchRole& role) {
  std::vector<float> values(static_cast<std::size_t>(parameter.count()), static_cast<float>(parameter.initial_value));
  if (parameter.is_drawn) {
    RandomStream random(seed, RandomPurpose::weights, RandomStream::substream_of(parameter.name));
    for (float& value : values) value = static_cast<float>(parameter.initial_value * random.uniform());
    return values;
  }
  const WeightInitialization& start = start_of(parameter, config);
  const InitializationScheme scheme = parameter.scheme.value_or(start.scheme);
  const Spread spread = spread_of(parameter, scheme, start);
  if (parameter.kind == ParameterKind::bias && config::row_of(scheme).draws_biases)
    draw(parameter, spread, 1.0, seed, values);
  if (parameter.kind != ParameterKind::weights) return values;
  if (scheme == InitializationScheme::orthogonal)
    draw_orthogonal(parameter, start.gain, seed, values);
  else if (scheme == InitializationScheme::identity)
    set_identity(parameter, start.gain, values);
  else if (scheme == InitializationScheme::fixup)
    draw(parameter, spread, start.gain * fixup_factor(role), seed, values);
  else
    draw(parameter, spread, start.gain, seed, values);
  return values;
}

}  // namespace bnlab::network

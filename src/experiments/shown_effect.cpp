#include "experiments/shown_effect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/run_table.h"
#include "experiments/units.h"
#include "util/join.h"
#include "util/number_text.h"

namespace bnlab::experiments {
namespace {

using config::CriterionConfig;
using config::ExperimentConfig;
using config::QuantityConfig;

Unit unit_of_effect(const ExperimentConfig& experiment, const CriterionConfig& criterion) {
  const config::EffectUnit effect = row_of(criterion.type).unit;
  const QuantityConfig& quantity = quantity_of(experiment, criterion.quantity);
  if (effect == config::EffectUnit::times) return {"times"};
  if (effect == config::EffectUnit::logarithm) {
    Unit unit{"times"};
    unit.is_factor = true;
    return unit;
  }
  // Weights whose sum is not 0 give a level: their mean, say.
  const double weights = std::accumulate(criterion.weights.begin(), criterion.weights.end(), 0.0);
  const bool compares = effect == config::EffectUnit::difference && std::abs(weights) < 1e-9;
  return compares && is_share(quantity) ? points : unit_of(quantity);
}

Bound opposite(Bound bound) {
  switch (bound) {
    case Bound::at_least:
      return Bound::at_most;
    case Bound::at_most:
      return Bound::at_least;
    case Bound::exact:
      break;
  }
  return Bound::exact;
}

/// How the numbers of an effect and its interval are written: as many digits as show how wide the interval is.
struct Digits {
  int decimals = -1;  // -1: each number has `digits`
  int digits = 3;
};

Digits digits_of(const ShownEffect& shown) {
  if (shown.decimals >= 0) return {shown.decimals};
  if (!shown.interval) return {};
  const double low = shown.interval->low, high = shown.interval->high;
  const double size = std::max(std::abs(low), std::abs(high));
  if (!std::isfinite(size) || !(high > low) || (low > 0 && high > 10 * low)) return {};
  const int digits = static_cast<int>(std::clamp(std::ceil(std::log10(size / (high - low))) + 1, 3.0, 6.0));
  const int decimals = digits - 1 - static_cast<int>(std::floor(std::log10(size)));
  return {decimals >= 0 && size > 1e-3 ? decimals : -1, digits};
}

std::vector<double> thresholds_of(const ShownEffect& shown) {
  std::vector<double> thresholds;
  for (const std::optional<double>& value : {shown.at_least, shown.more_than, shown.at_most, shown.less_than})
    if (value) thresholds.push_back(*value);
  if (shown.within) thresholds.insert(thresholds.end(), {-*shown.within, *shown.within});
  return thresholds;
}

/// The digits of a number that somebody wrote, such as 1.0001; 0 for one that was computed, such as exp(0.001).
int digits_written(double value) {
  constexpr int most = 7;
  for (int digits = 1; digits <= most; ++digits)
    if (std::abs(std::stod(fmt::format("{:.{}g}", value, digits)) - value) <= 1e-9 * std::abs(value)) return digits;
  return 0;
}

/// A number with that many significant digits.
using NumberText = std::function<std::string(double value, int digits)>;

/// The fewest digits, 4 to 9, with which no number looks like a threshold that it differs from.
int telling_digits(const std::vector<double>& numbers, const std::vector<double>& thresholds, const NumberText& text) {
  constexpr int fewest = 4, most = 9;
  const auto looks_alike = [&](double number, double threshold, int digits) {
    const bool differ = std::abs(number - threshold) > 1e-9 * std::abs(threshold);
    return differ && text(number, digits) == text(threshold, digits);
  };
  for (int digits = fewest; digits < most; ++digits) {
    bool tells = true;
    for (const double threshold : thresholds) {
      for (const double number : numbers) tells = tells && !looks_alike(number, threshold, digits);
      for (const double other : thresholds) tells = tells && !looks_alike(other, threshold, digits);
    }
    if (tells) return digits;
  }
  return most;
}

}  // namespace

ShownEffect shown_effect(const ExperimentConfig& experiment, const CriterionConfig& criterion,
                         const Judgement& judgement) {
  const Unit unit = unit_of_effect(experiment, criterion);
  const auto scaled = [&](const std::optional<double>& value) {
    return value ? std::optional(unit(*value)) : std::nullopt;
  };
  ShownEffect shown{unit.name,
                    unit(judgement.effect),
                    std::nullopt,
                    judgement.bound,
                    scaled(criterion.at_least),
                    scaled(criterion.more_than),
                    scaled(criterion.at_most),
                    scaled(criterion.less_than),
                    std::nullopt,
                    unit.decimals};
  if (judgement.interval) shown.interval = Interval{unit(judgement.interval->low), unit(judgement.interval->high)};
  if (unit.is_backwards) {
    if (shown.interval) std::swap(shown.interval->low, shown.interval->high);
    std::swap(shown.at_least, shown.at_most);
    std::swap(shown.more_than, shown.less_than);
    shown.bound = opposite(shown.bound);
  }
  if (row_of(criterion.type).claim == config::ClaimType::tolerance) {
    const double within = criterion.within.value_or(0);
    if (unit.is_factor) {  // of 1, on both sides
      shown.at_least = std::exp(-within);
      shown.at_most = std::exp(within);
    } else {
      shown.within = unit(within);
    }
  }
  return shown;
}

ShownNumbers shown_numbers(const ExperimentConfig& experiment, const CriterionConfig& criterion) {
  const Unit unit = unit_of_effect(experiment, criterion);
  const auto text = [unit](double threshold) {
    constexpr int fewest = 4;
    return with_digits(unit(threshold), std::max(fewest, digits_written(unit(threshold))));
  };
  return {text, unit.is_backwards};
}

std::string text_of(const ShownEffect& shown) {
  if (std::isnan(shown.effect)) return "no effect could be measured";
  constexpr int fewest = 4;
  const Digits digits = digits_of(shown);
  const auto text_with = [digits](double value, int wanted) {
    const int more = wanted - fewest;
    return digits.decimals >= 0 ? with_decimals(value, digits.decimals + more)
                                : with_digits(value, digits.digits + more);
  };
  std::vector<double> ends;
  if (shown.interval) ends = {shown.interval->low, shown.interval->high};
  const int wanted = telling_digits(ends, thresholds_of(shown), text_with);
  const auto number = [&](double value) { return text_with(value, wanted); };
  std::string text = shown.bound == Bound::at_least ? "at least " : shown.bound == Bound::at_most ? "at most " : "";
  text += number(shown.effect);
  if (shown.interval) text += fmt::format(" [{}, {}]", number(shown.interval->low), number(shown.interval->high));
  return shown.unit.empty() ? text : text + " " + shown.unit;
}

std::string claim_text(const CriterionConfig& criterion, const ShownEffect& shown) {
  if (row_of(criterion.type).claim == config::ClaimType::above_zero) return "in this order";
  const int digits = telling_digits({}, thresholds_of(shown), with_digits);
  const auto number = [&](double value) { return with_digits(value, std::max(digits, digits_written(value))); };
  if (shown.within) return "within " + number(*shown.within);
  if (shown.at_least && shown.at_most) return fmt::format("{} to {}", number(*shown.at_least), number(*shown.at_most));
  std::vector<std::string> parts;
  const auto add = [&](const char* words, const std::optional<double>& value) {
    if (value) parts.push_back(words + number(*value));
  };
  add("at least ", shown.at_least);
  add("above ", shown.more_than);
  add("at most ", shown.at_most);
  add("below ", shown.less_than);
  return join(parts, ", ");
}

}  // namespace bnlab::experiments

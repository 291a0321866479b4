#include "experiments/shown_effect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/run_table.h"
#include "util/join.h"

namespace bnlab::experiments {
namespace {

using config::CriterionConfig;
using config::ExperimentConfig;
using config::QuantityConfig;

/// How a number of verdict.json becomes one that is shown.
struct Scale {
  std::string unit;
  double times = 1;
  int decimals = -1;
  bool is_factor = false;     // e to the power of it
  bool is_backwards = false;  // 1 / that factor: larger numbers are shown as smaller ones

  double operator()(double value) const { return is_factor ? std::exp(is_backwards ? -value : value) : value * times; }
};

/// Whether a quantity is a share of examples.
bool is_share(const QuantityConfig& quantity) {
  const config::OverTimeKind& kind = row_of(quantity.series.over_time);
  return quantity.series.column == "accuracy" && quantity.unit.empty() && !quantity.divided_by && !kind.counts_steps &&
         quantity.series.over_time != config::OverTime::area && !row_of(quantity.over_rows).is_logarithm &&
         quantity.over_rows != config::OverRows::ratio;
}

Scale factor_scale(const QuantityConfig& quantity) {
  Scale scale{quantity.unit.empty() ? "times" : "times " + quantity.unit};
  scale.is_factor = true;
  scale.is_backwards = quantity.factor_to == config::FactorTo::previous;
  return scale;
}

Scale scale_of(const ExperimentConfig& experiment, const CriterionConfig& criterion) {
  const config::EffectUnit unit = row_of(criterion.type).unit;
  const QuantityConfig& quantity = quantity_of(experiment, criterion.quantity);
  if (unit == config::EffectUnit::times) return {"times"};
  if (unit == config::EffectUnit::logarithm) {
    Scale scale{"times"};
    scale.is_factor = true;
    return scale;
  }
  if (row_of(quantity.over_rows).is_logarithm) return factor_scale(quantity);
  if (!is_share(quantity))
    return {row_of(quantity.series.over_time).counts_steps && quantity.unit.empty() ? "steps" : quantity.unit};
  // Weights whose sum is not 0 give a level: their mean, say.
  const double weights = std::accumulate(criterion.weights.begin(), criterion.weights.end(), 0.0);
  const bool is_difference = (unit == config::EffectUnit::difference && std::abs(weights) < 1e-9) ||
                             !quantity.series.minus.empty() || row_of(quantity.over_rows).compares_rows ||
                             row_of(quantity.series.over_time).is_spread;
  return is_difference ? Scale{"points", 100, 2} : Scale{"%", 100, 1};
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

/// "15,900".
std::string with_commas(std::string digits) {
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  if (digits.size() - first > 3)
    for (std::size_t place = digits.size() - 3; place > first; place -= std::min<std::size_t>(3, place - first))
      digits.insert(place, ",");
  return digits;
}

std::string with_digits(double value, int digits) {
  const double size = std::abs(value);
  if (std::isfinite(value) && size >= std::pow(10, digits) && size < 1e6) {
    const double last = std::pow(10, std::floor(std::log10(size)) - (digits - 1));
    return with_commas(fmt::format("{:.0f}", std::round(value / last) * last));
  }
  std::string text = fmt::format("{:.{}g}", value, digits);
  if (const std::size_t zero = text.find("e-0"); zero != std::string::npos) text.erase(zero + 2, 1);
  return text.find_first_not_of("-0123456789") == std::string::npos ? with_commas(text) : text;
}

std::string with_decimals(double value, int decimals) {
  if (!std::isfinite(value)) return fmt::format("{}", value);
  std::string text = fmt::format("{:.{}f}", value, decimals);
  const bool is_zero = text.find_first_not_of("-0.") == std::string::npos;
  return is_zero && text.front() == '-' ? text.substr(1) : text;
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

}  // namespace

ShownEffect shown_effect(const ExperimentConfig& experiment, const CriterionConfig& criterion,
                         const Judgement& judgement) {
  const Scale scale = scale_of(experiment, criterion);
  const auto scaled = [&](const std::optional<double>& value) {
    return value ? std::optional(scale(*value)) : std::nullopt;
  };
  ShownEffect shown{scale.unit,
                    scale(judgement.effect),
                    std::nullopt,
                    judgement.bound,
                    scaled(criterion.at_least),
                    scaled(criterion.more_than),
                    scaled(criterion.at_most),
                    scaled(criterion.less_than),
                    std::nullopt,
                    scale.decimals};
  if (judgement.interval) shown.interval = Interval{scale(judgement.interval->low), scale(judgement.interval->high)};
  if (scale.is_backwards) {
    if (shown.interval) std::swap(shown.interval->low, shown.interval->high);
    std::swap(shown.at_least, shown.at_most);
    std::swap(shown.more_than, shown.less_than);
    shown.bound = opposite(shown.bound);
  }
  if (row_of(criterion.type).claim == config::ClaimType::tolerance) {
    const double within = criterion.within.value_or(0);
    if (scale.is_factor) {  // of 1, on both sides
      shown.at_least = std::exp(-within);
      shown.at_most = std::exp(within);
    } else {
      shown.within = scale(within);
    }
  }
  return shown;
}

ShownNumbers shown_numbers(const ExperimentConfig& experiment, const CriterionConfig& criterion) {
  constexpr int fewest = 4;
  const Scale scale = scale_of(experiment, criterion);
  const auto text = [scale](double value, int digits) {
    return scale.decimals >= 0 ? with_decimals(scale(value), scale.decimals + digits - fewest)
                               : with_digits(scale(value), digits);
  };
  return {text, scale.is_backwards};
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

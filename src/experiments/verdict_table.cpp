#include "experiments/verdict_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <sstream>
#include <utility>

#include "config/experiment_fields.h"
#include "util/join.h"
#include "util/printable.h"
#include "util/text_table.h"

namespace bnlab::experiments {
namespace {

using config::CriterionConfig;
using config::ExperimentConfig;
using config::QuantityConfig;

std::string number(double value) {
  if (std::isnan(value)) return "none";
  return fmt::format("{:.4g}", value);
}

std::string interval_text(const Judgement& judgement) {
  return judgement.interval ? fmt::format("[{}, {}]", number(judgement.interval->low), number(judgement.interval->high))
                            : "none";
}

std::string effect_text(const Judgement& judgement) {
  const char* sign = judgement.bound == Bound::at_least ? ">= " : judgement.bound == Bound::at_most ? "<= " : "";
  return std::isnan(judgement.effect) ? "none" : sign + number(judgement.effect);
}

std::string threshold_text(const CriterionConfig& criterion) {
  switch (row_of(criterion.type).claim) {
    case config::ClaimType::tolerance:
      return "within " + number(criterion.within.value_or(0));
    case config::ClaimType::above_zero:
      return "in this order";
    case config::ClaimType::thresholds:
      break;
  }
  std::vector<std::string> parts;
  if (criterion.at_least) parts.push_back(">= " + number(*criterion.at_least));
  if (criterion.more_than) parts.push_back("> " + number(*criterion.more_than));
  if (criterion.at_most) parts.push_back("<= " + number(*criterion.at_most));
  if (criterion.less_than) parts.push_back("< " + number(*criterion.less_than));
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// The text as a cell of a Markdown table, with special characters escaped.
std::string in_cell(const std::string& text) {
  const std::string special = "\\|`*<[";
  std::string escaped;
  for (const char c : on_one_line(text)) {
    if (special.find(c) != std::string::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

/// The first seven digits of each.
std::string short_revisions(const std::vector<std::string>& revisions) {
  std::vector<std::string> texts;
  for (const std::string& revision : revisions) texts.push_back(revision.substr(0, 7));
  return join(texts, ", ");
}

// ---- effects in units

/// A unit and the numbers that it has.
struct Unit {
  std::string name;   // behind the number; "" without one
  double scale = 1;   // of the number to the quantity's
  int decimals = -1;  // -1: three digits
};

/// Whether a quantity is a share of examples.
bool is_share(const QuantityConfig& quantity) {
  const config::OverTimeKind& kind = row_of(quantity.series.over_time);
  return quantity.series.column == "accuracy" && quantity.unit.empty() && !quantity.divided_by && !kind.counts_steps &&
         quantity.series.over_time != config::OverTime::area && quantity.over_rows != config::OverRows::log_slope &&
         quantity.over_rows != config::OverRows::ratio;
}

Unit unit_of(const ExperimentConfig& experiment, const CriterionConfig& criterion) {
  const config::EffectUnit unit = row_of(criterion.type).unit;
  const QuantityConfig& quantity = quantity_of(experiment, criterion.quantity);
  if (unit == config::EffectUnit::times) return {"times"};
  if (unit == config::EffectUnit::logarithm) return {};
  if (!is_share(quantity))
    return {row_of(quantity.series.over_time).counts_steps && quantity.unit.empty() ? "steps" : quantity.unit};
  // Weights whose sum is not 0 give a level: their mean, say.
  const double weights = std::accumulate(criterion.weights.begin(), criterion.weights.end(), 0.0);
  const bool is_difference = (unit == config::EffectUnit::difference && std::abs(weights) < 1e-9) ||
                             !quantity.series.minus.empty() || row_of(quantity.over_rows).compares_rows ||
                             row_of(quantity.series.over_time).is_spread;
  return is_difference ? Unit{"points", 100, 2} : Unit{"%", 100, 1};
}

std::string number_in(const Unit& unit, double value) {
  if (std::isnan(value)) return "none";
  const double scaled = value * unit.scale;
  if (!std::isfinite(scaled)) return fmt::format("{}", scaled);
  if (unit.decimals >= 0) {
    std::string text = fmt::format("{:.{}f}", scaled, unit.decimals);
    const bool is_zero = text.find_first_not_of("-0.") == std::string::npos;
    return is_zero && text.front() == '-' ? text.substr(1) : text;
  }
  const double size = std::abs(scaled);
  if (size < 1000 || size >= 1e6) return fmt::format("{:.3g}", scaled);
  const double unit_of_digits = std::pow(10, std::floor(std::log10(size)) - 2);
  return fmt::format("{:.0f}", std::round(scaled / unit_of_digits) * unit_of_digits);
}

/// "1.81 [1.73, 1.91] times".
std::string effect_in_units(const ExperimentConfig& experiment, const CriterionConfig& criterion,
                            const Judgement& judgement) {
  if (std::isnan(judgement.effect)) return "no effect could be measured";
  const Unit unit = unit_of(experiment, criterion);
  std::string text = judgement.bound == Bound::at_least  ? "at least "
                     : judgement.bound == Bound::at_most ? "at most "
                                                         : "";
  text += number_in(unit, judgement.effect);
  if (judgement.interval)
    text +=
        fmt::format(" [{}, {}]", number_in(unit, judgement.interval->low), number_in(unit, judgement.interval->high));
  return unit.name.empty() ? text : text + " " + unit.name;
}

/// "at least 3"; "" where nothing is claimed.
std::string claimed(const ExperimentConfig& experiment, const CriterionConfig& criterion) {
  const Unit unit = unit_of(experiment, criterion);
  switch (row_of(criterion.type).claim) {
    case config::ClaimType::tolerance:
      return "within " + number_in(unit, criterion.within.value_or(0));
    case config::ClaimType::above_zero:
      return "in this order";
    case config::ClaimType::thresholds:
      break;
  }
  if (criterion.at_least && criterion.at_most)
    return fmt::format("{} to {}", number_in(unit, *criterion.at_least), number_in(unit, *criterion.at_most));
  std::vector<std::string> parts;
  const auto add = [&](const char* words, const std::optional<double>& value) {
    if (value) parts.push_back(words + number_in(unit, *value));
  };
  add("at least ", criterion.at_least);
  add("above ", criterion.more_than);
  add("at most ", criterion.at_most);
  add("below ", criterion.less_than);
  return fmt::format("{}", fmt::join(parts, ", "));
}

// ---- the overview

/// The place of the criterion that stands for the whole.
std::size_t deciding_criterion(const ExperimentVerdict& verdict) {
  const auto& criteria = verdict.experiment.criteria;
  std::size_t first = criteria.size();
  for (std::size_t i = 0; i < criteria.size(); ++i) {
    if (verdict.judgements[i].verdict != verdict.verdict) continue;
    if (criteria[i].name == verdict.experiment.figure.criterion) return i;
    first = std::min(first, i);
  }
  return first == criteria.size() ? 0 : first;
}

std::string coloured(const std::string& text, Verdict verdict) {
  switch (verdict) {
    case Verdict::reproduced:
      return "\033[32m" + text + "\033[0m";
    case Verdict::not_reproduced:
      return "\033[31m" + text + "\033[0m";
    case Verdict::inconclusive:
      return "\033[33m" + text + "\033[0m";
    case Verdict::reported:
      break;
  }
  return text;
}

}  // namespace

std::string totals(const std::vector<ExperimentVerdict>& verdicts) {
  const auto count = [&](Verdict wanted) { return std::ranges::count(verdicts, wanted, &ExperimentVerdict::verdict); };
  return fmt::format("{} claims: {} reproduced, {} not, {} inconclusive, {} without a threshold\n", verdicts.size(),
                     count(Verdict::reproduced), count(Verdict::not_reproduced), count(Verdict::inconclusive),
                     count(Verdict::reported));
}

std::string overview_table(const std::vector<ExperimentVerdict>& verdicts, std::size_t width, bool colours) {
  constexpr std::size_t indent = 2, most_of_name = 32;
  std::size_t names = 0;
  for (const ExperimentVerdict& one : verdicts)
    names = std::max(names, display_width(on_one_line(one.experiment.name)));
  names = std::min(names, most_of_name);
  const std::size_t words = name_of(Verdict::not_reproduced).size();
  std::string text;
  for (const ExperimentVerdict& one : verdicts) {
    const std::size_t place = deciding_criterion(one);
    const CriterionConfig& criterion = one.experiment.criteria[place];
    const Judgement& judgement = one.judgements[place];
    const std::string name = elided(on_one_line(one.experiment.name), names);
    const std::string word = name_of(one.verdict);
    const std::string effect = on_one_line(effect_in_units(one.experiment, criterion, judgement));
    const std::string threshold = claimed(one.experiment, criterion);
    const std::size_t room = width - std::min(width, names + words + 4);
    const std::string both = threshold.empty() ? effect : effect + ", claimed: " + threshold;
    const bool fits = display_width(both) <= room;
    text += name + std::string(names - display_width(name) + 2, ' ');
    text += (colours ? coloured(word, one.verdict) : word) + std::string(words - word.size() + 2, ' ');
    text += elided(fits ? both : effect, room) + "\n";
    if (!fits) text += wrapped("claimed: " + threshold, width, indent);
    if (verdicts.size() == 1) text += wrapped(on_one_line(one.experiment.claim), width, indent);
    const std::string& meaning = criterion.meaning.empty() ? criterion.name : criterion.meaning;
    text += wrapped(on_one_line(meaning), width, indent);
    if (one.verdict != Verdict::reproduced) text += wrapped(on_one_line(judgement.explanation), width, indent);
    text += wrapped(on_one_line(one.experiment.finding), width, indent);
  }
  return text;
}

std::string details_table(const std::vector<ExperimentVerdict>& verdicts) {
  std::vector<std::vector<std::string>> rows{
      {"experiment", "criterion", "threshold", "verdict", "effect", "95 % interval", "seeds"}};
  std::map<std::size_t, std::string> above, below;  // rows
  for (const ExperimentVerdict& one : verdicts) {
    above[rows.size()] = on_one_line(one.experiment.claim + " - " + one.experiment.source);
    for (std::size_t i = 0; i < one.judgements.size(); ++i) {
      const CriterionConfig& criterion = one.experiment.criteria[i];
      const Judgement& judgement = one.judgements[i];
      rows.push_back({i == 0 ? one.experiment.name : "", criterion.name, threshold_text(criterion),
                      name_of(judgement.verdict), effect_text(judgement), interval_text(judgement),
                      std::to_string(judgement.seeds)});
    }
    if (!one.experiment.finding.empty()) below[rows.size()] = "finding: " + on_one_line(one.experiment.finding);
    rows.push_back({"", "= " + one.experiment.name, "", name_of(one.verdict), "", "", ""});
  }
  std::istringstream lines(table(rows, 4));
  std::string text, line;
  for (std::size_t row = 0; std::getline(lines, line); ++row) {
    if (const auto found = above.find(row); found != above.end()) text += found->second + "\n";
    text += line + "\n";
    if (const auto found = below.find(row); found != below.end()) text += found->second + "\n";
  }
  return text;
}

bool is_markdown_table(std::string_view text) { return text.starts_with("| claim | source |"); }

std::string markdown_table(const std::vector<ExperimentVerdict>& verdicts) {
  std::string text =
      "| claim | source | revision | criterion | effect [95 % interval] | seeds | verdict |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const ExperimentVerdict& one : verdicts)
    for (std::size_t i = 0; i < one.judgements.size(); ++i) {
      const CriterionConfig& criterion = one.experiment.criteria[i];
      const Judgement& judgement = one.judgements[i];
      const std::string said = criterion.meaning.empty() ? criterion.name : criterion.meaning;
      const std::string threshold = threshold_text(criterion);
      std::string said_of = name_of(judgement.verdict);
      if (!judgement.explanation.empty()) said_of += ": " + judgement.explanation;
      const std::string finding = one.experiment.finding.empty() ? "" : ": " + in_cell(one.experiment.finding);
      text += fmt::format("| {} | {} | {} | {} | {} {} | {} | {} |\n",
                          i == 0 ? fmt::format("**{}**: {} **{}**{}", in_cell(one.experiment.name),
                                               in_cell(one.experiment.claim), name_of(one.verdict), finding)
                                 : "",
                          i == 0 ? in_cell(one.experiment.source) : "",
                          i == 0 ? in_cell(short_revisions(one.revisions)) : "",
                          in_cell(said) + (threshold.empty() ? "" : " (" + threshold + ")"), effect_text(judgement),
                          interval_text(judgement), judgement.seeds, in_cell(said_of));
    }
  std::string below;
  for (const ExperimentVerdict& one : verdicts)
    for (const std::string& warning : all_warnings(one))
      below += fmt::format("- **{}**: {}\n", in_cell(one.experiment.name), in_cell(warning));
  if (!below.empty()) text += "\n" + below;
  return text;
}

}  // namespace bnlab::experiments

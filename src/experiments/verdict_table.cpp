#include "experiments/verdict_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>
#include <utility>

#include "config/experiment_fields.h"
#include "experiments/shown_effect.h"
#include "util/printable.h"
#include "util/text_table.h"

namespace bnlab::experiments {
namespace {

using config::CriterionConfig;

std::string number(double value, int digits) {
  if (std::isnan(value)) return "none";
  return fmt::format("{:.{}g}", value, digits);
}

/// A criterion and its judgement in numbers of the quantity, with digits that tell the interval from the thresholds.
class CriterionTexts {
 public:
  CriterionTexts(const CriterionConfig& criterion, const Judgement& judgement)
      : criterion_(criterion), judgement_(judgement) {
    std::vector<double> ends, thresholds;
    if (judgement.interval) ends = {judgement.interval->low, judgement.interval->high};
    for (const std::optional<double>& value :
         {criterion.at_least, criterion.more_than, criterion.at_most, criterion.less_than})
      if (value) thresholds.push_back(*value);
    if (criterion.within) thresholds.insert(thresholds.end(), {-*criterion.within, *criterion.within});
    digits_ = telling_digits(ends, thresholds, number);
  }

  std::string interval() const {
    if (!judgement_.interval) return "none";
    return fmt::format("[{}, {}]", text(judgement_.interval->low), text(judgement_.interval->high));
  }

  std::string effect() const {
    const char* sign = judgement_.bound == Bound::at_least ? ">= " : judgement_.bound == Bound::at_most ? "<= " : "";
    return std::isnan(judgement_.effect) ? "none" : sign + text(judgement_.effect);
  }

  std::string threshold() const {
    switch (row_of(criterion_.type).claim) {
      case config::ClaimType::tolerance:
        return "within " + text(criterion_.within.value_or(0));
      case config::ClaimType::above_zero:
        return "in this order";
      case config::ClaimType::thresholds:
        break;
    }
    std::vector<std::string> parts;
    if (criterion_.at_least) parts.push_back(">= " + text(*criterion_.at_least));
    if (criterion_.more_than) parts.push_back("> " + text(*criterion_.more_than));
    if (criterion_.at_most) parts.push_back("<= " + text(*criterion_.at_most));
    if (criterion_.less_than) parts.push_back("< " + text(*criterion_.less_than));
    return fmt::format("{}", fmt::join(parts, ", "));
  }

 private:
  std::string text(double value) const { return number(value, digits_); }

  const CriterionConfig& criterion_;
  const Judgement& judgement_;
  int digits_;
};

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

std::string word_of(Verdict verdict) {
  return verdict == Verdict::reported ? "measured, no threshold" : name_of(verdict);
}

std::string totals(const std::vector<ExperimentVerdict>& verdicts) {
  const auto count = [&](Verdict wanted) { return std::ranges::count(verdicts, wanted, &ExperimentVerdict::verdict); };
  return fmt::format("{} claims: {} reproduced, {} not reproduced, {} inconclusive, {} measured without a threshold\n",
                     verdicts.size(), count(Verdict::reproduced), count(Verdict::not_reproduced),
                     count(Verdict::inconclusive), count(Verdict::reported));
}

std::string overview_table(const std::vector<ExperimentVerdict>& verdicts, std::size_t width, bool colours) {
  constexpr std::size_t indent = 2, most_of_name = 32;
  std::size_t names = 0;
  for (const ExperimentVerdict& one : verdicts)
    names = std::max(names, display_width(on_one_line(one.experiment.name)));
  names = std::min(names, most_of_name);
  std::size_t words = word_of(Verdict::not_reproduced).size();
  for (const ExperimentVerdict& one : verdicts) words = std::max(words, word_of(one.verdict).size());
  std::string text;
  for (const ExperimentVerdict& one : verdicts) {
    const std::size_t place = deciding_criterion(one);
    const CriterionConfig& criterion = one.experiment.criteria[place];
    const Judgement& judgement = one.judgements[place];
    const std::string name = elided(on_one_line(one.experiment.name), names);
    const std::string word = word_of(one.verdict);
    const ShownEffect shown = shown_effect(one.experiment, criterion, judgement);
    const std::string effect = on_one_line(text_of(shown));
    const std::string threshold = claim_text(criterion, shown);
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
      const CriterionTexts texts(criterion, judgement);
      rows.push_back({i == 0 ? one.experiment.name : "", criterion.name, texts.threshold(), word_of(judgement.verdict),
                      texts.effect(), texts.interval(), std::to_string(judgement.seeds)});
    }
    if (!one.experiment.finding.empty()) below[rows.size()] = "finding: " + on_one_line(one.experiment.finding);
    rows.push_back({"", "= " + one.experiment.name, "", word_of(one.verdict), "", "", ""});
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

}  // namespace bnlab::experiments

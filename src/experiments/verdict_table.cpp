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
  return fmt::format("{} {}: {} reproduced, {} not reproduced, {} inconclusive, {} measured without a threshold\n",
                     verdicts.size(), verdicts.size() == 1 ? "claim" : "claims", count(Verdict::reproduced),
                     count(Verdict::not_reproduced), count(Verdict::inconclusive), count(Verdict::reported));
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
      {"experiment", "criterion", "verdict", "effect [95 % interval]", "claimed", "seeds"}};
  std::map<std::size_t, std::string> above, below;  // rows
  for (const ExperimentVerdict& one : verdicts) {
    above[rows.size()] = on_one_line(one.experiment.claim + " - " + one.experiment.source);
    for (std::size_t i = 0; i < one.judgements.size(); ++i) {
      const CriterionConfig& criterion = one.experiment.criteria[i];
      const Judgement& judgement = one.judgements[i];
      const ShownEffect shown = shown_effect(one.experiment, criterion, judgement);
      rows.push_back({i == 0 ? one.experiment.name : "", criterion.name, word_of(judgement.verdict), text_of(shown),
                      claim_text(criterion, shown), std::to_string(judgement.seeds)});
    }
    if (!one.experiment.finding.empty()) below[rows.size()] = "finding: " + on_one_line(one.experiment.finding);
    rows.push_back({"", "= " + one.experiment.name, word_of(one.verdict), "", "", ""});
  }
  std::istringstream lines(table(rows, 5));
  std::string text, line;
  for (std::size_t row = 0; std::getline(lines, line); ++row) {
    if (const auto found = above.find(row); found != above.end()) text += found->second + "\n";
    text += line + "\n";
    if (const auto found = below.find(row); found != below.end()) text += found->second + "\n";
  }
  return text;
}

}  // namespace bnlab::experiments

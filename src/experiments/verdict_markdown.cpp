#include "experiments/verdict_markdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <system_error>

#include "experiments/shown_effect.h"
#include "experiments/verdict_table.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/printable.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view begin_mark = "<!-- verdicts: begin -->\n";
constexpr std::string_view end_mark = "<!-- verdicts: end -->\n";
constexpr std::string_view earlier_table = "| claim | source |";

/// A path as the target of a link.
std::string target_of(const fs::path& path) {
  const std::string plain = "/._-~";
  std::string target;
  for (const char c : path.generic_string()) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          plain.find(c) != std::string::npos;
    target += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return target;
}

/// The first seven digits of each.
std::string short_revisions(const std::vector<std::string>& revisions) {
  std::vector<std::string> texts;
  for (const std::string& revision : revisions) texts.push_back(revision.substr(0, 7));
  return join(texts, ", ");
}

/// The experiment's name, as a link to its folder.
std::string linked_name(const ExperimentVerdict& one, const fs::path& folder) {
  std::error_code error;
  const fs::path path = fs::relative(one.directory, folder, error);
  const std::string name = markdown_text(one.experiment.name);
  return one.directory.empty() || path.empty() ? name : fmt::format("[{}]({})", name, target_of(path));
}

std::string claim_row(const ExperimentVerdict& one, const fs::path& folder) {
  return fmt::format("| **{}**: {} | {} | {} | {} |\n", linked_name(one, folder), markdown_text(one.experiment.claim),
                     markdown_text(one.experiment.source), markdown_text(one.experiment.finding), word_of(one.verdict));
}

/// The claims of a part, or of all where none names a part.
std::string part_text(const std::string& heading, const std::vector<const ExperimentVerdict*>& verdicts,
                      const fs::path& folder) {
  std::string text = heading.empty() ? "" : fmt::format("## {}\n\n", markdown_text(heading));
  text += "| claim | source | finding | verdict |\n| --- | --- | --- | --- |\n";
  for (const ExperimentVerdict* one : verdicts) text += claim_row(*one, folder);
  return text;
}

std::string criteria_rows(const ExperimentVerdict& one, const fs::path& folder) {
  std::string text;
  for (std::size_t i = 0; i < one.judgements.size(); ++i) {
    const config::CriterionConfig& criterion = one.experiment.criteria[i];
    const Judgement& judgement = one.judgements[i];
    const ShownEffect shown = shown_effect(one.experiment, criterion, judgement);
    std::string verdict = word_of(judgement.verdict);
    if (!judgement.explanation.empty()) verdict += ": " + judgement.explanation;
    text += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", i == 0 ? linked_name(one, folder) : "",
                        markdown_text(criterion.meaning.empty() ? criterion.name : criterion.meaning),
                        markdown_text(text_of(shown)), claim_text(criterion, shown), judgement.seeds,
                        markdown_text(verdict), i == 0 ? markdown_text(short_revisions(one.revisions)) : "");
  }
  return text;
}

}  // namespace

std::string verdict_markdown(const std::vector<ExperimentVerdict>& verdicts, const fs::path& folder) {
  std::map<std::string, std::vector<const ExperimentVerdict*>> parts;
  for (const ExperimentVerdict& one : verdicts) parts[on_one_line(one.experiment.part)].push_back(&one);
  std::string text = std::string(begin_mark) + totals(verdicts);
  for (const auto& [part, members] : parts)
    if (!part.empty()) text += "\n" + part_text(part, members, folder);
  if (const auto others = parts.find(""); others != parts.end())
    text += "\n" + part_text(parts.size() > 1 ? "Other claims" : "", others->second, folder);
  text +=
      "\n## Each criterion\n\n| claim | criterion | effect, 95 % interval | claimed | seeds | verdict | revision |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const ExperimentVerdict& one : verdicts) text += criteria_rows(one, folder);
  std::string warnings;
  for (const ExperimentVerdict& one : verdicts)
    for (const std::string& warning : all_warnings(one))
      warnings += fmt::format("- **{}**: {}\n", markdown_text(one.experiment.name), markdown_text(warning));
  if (!warnings.empty()) text += "\n## Warnings\n\n" + warnings;
  return text + std::string(end_mark);
}

bool has_verdict_markdown(std::string_view text) {
  return text.find(begin_mark) != std::string_view::npos || text.starts_with(earlier_table);
}

std::string with_verdict_markdown(const std::string& text, const std::string& markdown, const std::string& file) {
  const std::size_t begin = text.find(begin_mark);
  if (begin == std::string::npos) return markdown;
  const std::size_t end = text.rfind(end_mark);
  if (end == std::string::npos || end < begin)
    throw ConfigError(fmt::format("{}: has the mark {} but no {} after it", file,
                                  begin_mark.substr(0, begin_mark.size() - 1),
                                  end_mark.substr(0, end_mark.size() - 1)));
  return text.substr(0, begin) + markdown + text.substr(end + end_mark.size());
}

}  // namespace bnlab::experiments

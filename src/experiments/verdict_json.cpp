#include "experiments/verdict_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/experiment_fields.h"
#include "experiments/comparison.h"
#include "experiments/shown_effect.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/printable.h"
#include "util/result_file.h"
#include "util/sealed.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using config::CriterionConfig;
using Json = nlohmann::ordered_json;

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 28;
const char* const sum_is_unknown = "unknown";  // in place of a sum that was in a verdict.json that was changed

// Non-finite numbers are no JSON: null where there is none, "inf" or "-inf".
Json json_number(double value) {
  if (std::isnan(value)) return nullptr;
  return std::isinf(value) ? Json(value > 0 ? "inf" : "-inf") : Json(value);
}

const char* name_of(Bound bound) {
  switch (bound) {
    case Bound::at_least:
      return "at_least";
    case Bound::at_most:
      return "at_most";
    case Bound::exact:
      break;
  }
  return "exact";
}

/// The effect and its thresholds as tables, figures and pages show them.
Json shown_json(const CriterionConfig& criterion, const ShownEffect& shown) {
  Json json = {{"text", text_of(shown)},
               {"claimed", claim_text(criterion, shown)},
               {"unit", shown.unit},
               {"effect", json_number(shown.effect)},
               {"effect_is", name_of(shown.bound)},
               {"interval", nullptr}};
  if (shown.interval) json["interval"] = {json_number(shown.interval->low), json_number(shown.interval->high)};
  const auto add = [&](const char* key, const std::optional<double>& value) {
    if (value) json[key] = json_number(*value);
  };
  add("at_least", shown.at_least);
  add("more_than", shown.more_than);
  add("at_most", shown.at_most);
  add("less_than", shown.less_than);
  add("within", shown.within);
  return json;
}

Json criterion_json(const config::ExperimentConfig& experiment, const CriterionConfig& criterion,
                    const Judgement& judgement) {
  Json json = {{"name", criterion.name},
               {"meaning", criterion.meaning},
               {"type", config::name_of(criterion.type)},
               {"quantity", criterion.quantity},
               {"arms", criterion.arms}};
  if (!criterion.weights.empty()) json["weights"] = criterion.weights;
  if (criterion.at_least) json["at_least"] = *criterion.at_least;
  if (criterion.more_than) json["more_than"] = *criterion.more_than;
  if (criterion.at_most) json["at_most"] = *criterion.at_most;
  if (criterion.less_than) json["less_than"] = *criterion.less_than;
  if (row_of(criterion.type).claim == config::ClaimType::tolerance) json["within"] = criterion.within.value_or(0);
  json["threshold_source"] = criterion.source;
  json["effect"] = json_number(judgement.effect);
  json["effect_is"] = name_of(judgement.bound);
  json["interval"] = Json(nullptr);
  if (judgement.interval)
    json["interval"] = {json_number(judgement.interval->low), json_number(judgement.interval->high)};
  json["shown"] = shown_json(criterion, shown_effect(experiment, criterion, judgement));
  json["seeds"] = judgement.seeds;
  json["verdict"] = name_of(judgement.verdict);
  json["explanation"] = judgement.explanation;
  return json;
}

Json choice_json(const Choice& choice) {
  Json candidates = Json::array();
  for (const auto& [point, mean] : choice.candidates)
    candidates.push_back({{"point", point}, {"mean", json_number(mean)}});
  Json json = {{"arm", choice.arm},
               {"of", choice.of},
               {"quantity", choice.quantity},
               {"chosen", choice.point},
               {"mean", json_number(choice.mean)},
               {"candidates", std::move(candidates)}};
  if (choice.by != choice.of) json["chosen_by"] = choice.by;
  return json;
}

/// The text of a file; "" where there is none, or it is damaged. Throws ReadError.
std::string text_of(const fs::path& file) {
  if (!is_there(file)) return "";
  try {
    const std::vector<std::uint8_t> bytes = read_file(file, most_bytes, Place::results);
    return {bytes.begin(), bytes.end()};
  } catch (const ReadError&) {
    throw;
  } catch (const DataError&) {
    return "";
  }
}

/// The sum of runs.csv in a verdict; "" where it has none.
std::string recorded_sum(const Json& json) {
  const auto files = json.find("files");
  if (files == json.end() || !files->is_object()) return "";
  const auto record = files->find("runs.csv");
  if (record == files->end() || !record->is_object()) return "";
  const auto sum = record->find("sha256");
  return sum != record->end() && sum->is_string() ? sum->get<std::string>() : "";
}

}  // namespace

WrittenVerdict read_verdict(const fs::path& directory) {
  const std::string text = text_of(directory / "verdict.json");
  const Json json = Json::parse(text, nullptr, false);
  WrittenVerdict verdict;
  if (!json.is_object()) return verdict;
  if (const auto plan = json.find("plan"); plan != json.end() && plan->is_string())
    verdict.plan = plan->get<std::string>();
  if (const auto list = json.find("seeds"); list != json.end() && list->is_array()) verdict.seeds = list->size();
  if (const auto more = json.find("seeds_before"); more != json.end() && more->is_number_unsigned())
    verdict.seeds = std::max(verdict.seeds, more->get<std::size_t>());
  verdict.runs_sha256 = json.contains("sha256") && !is_as_sealed(text) ? sum_is_unknown : recorded_sum(json);
  return verdict;
}

std::string doubt_about_runs_csv(const fs::path& directory) {
  const std::string recorded = read_verdict(directory).runs_sha256;
  if (recorded.empty() || recorded == sha256_of(text_of(directory / "runs.csv"))) return "";
  if (recorded == sum_is_unknown)
    return "runs.csv cannot be verified: verdict.json, which holds its SHA-256, was changed after the verdict";
  return "runs.csv was changed after the verdict: its SHA-256 differs from that in verdict.json";
}

std::string recorded_sum_of_runs_csv(const fs::path& directory) {
  const std::string recorded = read_verdict(directory).runs_sha256;
  return recorded.empty() ? sha256_of(text_of(directory / "runs.csv")) : recorded;
}

std::string to_json(const ExperimentVerdict& verdict) {
  const config::ExperimentConfig& experiment = verdict.experiment;
  Json criteria = Json::array();
  for (std::size_t i = 0; i < verdict.judgements.size(); ++i)
    criteria.push_back(criterion_json(experiment, experiment.criteria[i], verdict.judgements[i]));
  Json chosen = Json::array();
  for (const Choice& choice : verdict.choices) chosen.push_back(choice_json(choice));
  Json json = {{"experiment", experiment.name},
               {"profile", experiment.profile},
               {"plan", verdict.plan},
               {"part", experiment.part},
               {"claim", experiment.claim},
               {"source", experiment.source},
               {"verdict", name_of(verdict.verdict)},
               {"seeds", experiment.seeds.list},
               {"criteria", std::move(criteria)},
               {"choices", std::move(chosen)},
               {"runs_completed", verdict.completed},
               {"runs_diverged", verdict.diverged},
               {"runs_without_result", verdict.unfinished},
               {"warnings", verdict.warnings},
               {"git_revisions", verdict.revisions},
               {"finding", experiment.finding}};
  if (!verdict.doubts.empty()) json["doubts"] = verdict.doubts;
  if (verdict.seeds_before > 0) json["seeds_before"] = verdict.seeds_before;
  json["files"] = {{"runs.csv", {{"sha256", verdict.runs_sha256}}},
                   {"summary.csv", {{"sha256", sha256_of(to_csv(verdict.summary))}}}};
  return sealed(printable(json.dump(2, ' ', false, Json::error_handler_t::replace)) + "\n");
}

}  // namespace bnlab::experiments

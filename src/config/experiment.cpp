#include "config/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "config/experiment_checks.h"
#include "config/experiment_codecs.h"
#include "config/json.h"
#include "config/load.h"
#include "config/overrides.h"
#include "config/problems.h"
#include "config/reader.h"
#include "config/reference_builder.h"
#include "config/schema_builder.h"
#include "config/text_file.h"
#include "config/writer.h"
#include "util/errors.h"
#include "util/join.h"

namespace bnlab::config {

namespace {

const char* const schema_key = "$schema";

/// The members that differ from those of a default value.
template <class T>
Json without_defaults(T value) {
  T none;
  const Json defaults = Writer::write(none);
  Json object = Writer::write(value);
  std::erase_if(object.members, [&](const JsonMember& member) {
    const Json* other = defaults.find(member.key);
    return other != nullptr && format_json(*other) == format_json(member.value);
  });
  return object;
}

Json without_words(QuantityConfig quantity) {
  quantity.meaning = quantity.unit = "";
  Json object = without_defaults(std::move(quantity));
  std::erase_if(object.members, [](const JsonMember& member) { return member.key == "factor_to"; });
  return object;
}

Json without_words(CriterionConfig criterion) {
  criterion.meaning = criterion.source = criterion.explanation = "";
  return without_defaults(std::move(criterion));
}

template <class T>
Json list_without_words(const std::vector<T>& values) {
  Json list = Json::list();
  for (const T& value : values) list.items.push_back(without_words(value));
  return list;
}

}  // namespace

namespace fs = std::filesystem;

ExperimentConfig load_experiment(const fs::path& file, Place place) {
  ExperimentConfig experiment = parse_experiment(read_text(file, place), file.string());
  if (place == Place::results && experiment.base.text.empty())
    throw ConfigError(
        fmt::format("{}: base: must be written out in the directory of a sweep, got the file {}; call "
                    "bnlab sweep with the experiment's own file",
                    file.string(), in_quotes(experiment.base.file)));
  if (!experiment.name.empty()) return experiment;
  experiment.name = file.stem().string();
  if (!is_plain_file_name(experiment.name))
    throw ConfigError(file.string() + ": name: must be set, because the file's own name is not a plain file name");
  return experiment;
}

ExperimentConfig parse_experiment(std::string_view text, const std::string& source) {
  Problems problems;
  const Json root = parse_source(text, problems.add_source({.label = source}), source);
  ExperimentConfig experiment;
  Reader::read(root, "", experiment, problems, {schema_key});
  if (problems.none()) check_experiment(root, experiment, problems);
  problems.raise();
  return experiment;
}

bool is_experiment_file(const fs::path& file) {
  const Json root = parse_source(read_text(file), 0, file.string());
  return root.is(Json::Kind::object) && (root.find("claim") || root.find("arms") ||
                                         (root.find("base") && !root.find("dataset") && !root.find("network")));
}

std::string to_json(const ExperimentConfig& experiment) {
  ExperimentConfig copy = experiment;  // the table of fields takes what it may change
  return format_json(Writer::write(copy));
}

std::string judgement_text(const ExperimentConfig& experiment) {
  Json best = Json::object();
  for (ArmConfig arm : experiment.arms)
    if (arm.best_of) best.set(arm.name, Writer::write(*arm.best_of));
  return format_json(Json::object()
                         .set("name", experiment.name)
                         .set("profile", experiment.profile)
                         .set("best_of", std::move(best))
                         .set("quantities", list_without_words(experiment.quantities))
                         .set("criteria", list_without_words(experiment.criteria)));
}

std::string draft_json(const ExperimentConfig& ablation, const std::string& base) {
  Problems problems;
  Json arms = Json::list();
  for (ArmConfig arm : ablation.arms) {
    for (const Override& change : parse_overrides(ablation.settings.lines, "--set", problems)) {
      const std::string path = join(change.path, ".");
      const auto is_path = [&](const auto& entry) { return entry.first == path; };
      if (std::ranges::any_of(arm.axes().paths, is_path)) continue;  // the axis counts
      std::erase_if(arm.set.paths, is_path);
      arm.set.paths.emplace_back(path, JsonText{one_line(change.value)});
    }
    arms.items.push_back(without_defaults(std::move(arm)));
  }
  problems.raise();
  Json quantities = Json::list();
  for (const QuantityConfig& one : ablation.quantities) quantities.items.push_back(without_defaults(one));
  return format_json(Json::object()
                         .set("claim", "")
                         .set("source", "")
                         .set("base", base)
                         .set("arms", std::move(arms))
                         .set("seeds", Codec<Seeds>::write(ablation.seeds))
                         .set("quantities", std::move(quantities))
                         .set("criteria", Json::list()));
}

std::string experiment_schema() {
  Json schema = Json::object()
                    .set("$schema", schema_draft)
                    .set("title", "bnlab experiment")
                    .set("description", "One claim: the runs that test it, what is measured, and what must hold.");
  for (JsonMember& member : SchemaBuilder::object(ExperimentConfig{}).members)
    schema.set(member.key, std::move(member.value));
  allow_schema_key(schema);
  return format_json(schema);
}

std::string experiment_reference() {
  Tables tables;
  std::string text = ReferenceBuilder::describe("", "An experiment", "one claim", ExperimentConfig{}, tables);
  text.pop_back();  // one newline at the end
  return text;
}

std::vector<std::string> experiment_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".json" && entry->is_regular_file(error) && is_experiment_file(entry->path()))
      names.push_back(entry->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace bnlab::config

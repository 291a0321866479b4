#include "config/families.h"

#include <optional>
#include <string_view>
#include <utility>

#include "config/experiment_kinds.h"
#include "config/json.h"
#include "config/names.h"

namespace bnlab::config {
namespace {

/// The visitor of a row's traits.
struct TraitList {
  std::vector<Trait> traits;

  void operator()(const char* name, bool value) { traits.push_back({name, value}); }
  void operator()(const char* name, std::string_view value) { traits.push_back({name, std::string(value)}); }
  void operator()(const char* name, std::vector<std::string> value) { traits.push_back({name, std::move(value)}); }
  void operator()(const char* name, const std::optional<std::int64_t>& value) {
    if (value) traits.push_back({name, *value});
  }
  void operator()(const char* name, const OwnFields& value) {
    std::vector<std::string> fields;
    for (const std::string_view field : value)
      if (!field.empty()) fields.emplace_back(field);
    traits.push_back({name, std::move(fields)});
  }
};

template <class E>
Family family(const char* name) {
  Family result{name, {}};
  for (const auto& row : Names<E>::table) {
    KindEntry entry{.name = std::string(row.name)};
    if constexpr (requires { row.meaning; }) entry.meaning = row.meaning;
    if constexpr (requires { row.paper; }) entry.paper = row.paper;
    TraitList list;
    if constexpr (requires { row.traits(list); }) row.traits(list);
    entry.traits = std::move(list.traits);
    result.kinds.push_back(std::move(entry));
  }
  return result;
}

Json to_json(const std::vector<std::string>& texts) {
  Json list = Json::list();
  for (const std::string& text : texts) list.items.emplace_back(std::string_view(text));
  return list;
}

Json to_json(const std::string& text) { return Json(std::string_view(text)); }
Json to_json(bool value) { return Json(value); }
Json to_json(std::int64_t value) { return Json(value); }

}  // namespace

std::vector<Family> families() {
  return {family<BlockKind>("blocks"),
          family<NormalizationType>("normalizations"),
          family<Activation>("activations"),
          family<InitializationScheme>("initializations"),
          family<OptimizerType>("optimizers"),
          family<ScheduleType>("schedules"),
          family<LossType>("losses"),
          family<Precision>("precisions"),
          family<ProbeType>("probes"),
          family<OverTime>("reductions_over_time"),
          family<OverRows>("reductions_over_rows"),
          family<CriterionType>("criteria"),
          family<FigureType>("figures")};
}

std::string families_json(const std::vector<Family>& families) {
  Json root = Json::object();
  for (const Family& family : families) {
    Json kinds = Json::list();
    for (const KindEntry& kind : family.kinds) {
      Json entry = Json::object().set("name", std::string_view(kind.name));
      entry.set("meaning", std::string_view(kind.meaning));
      if (!kind.paper.empty()) entry.set("paper", std::string_view(kind.paper));
      if (!kind.where.empty()) entry.set("where", std::string_view(kind.where));
      for (const Trait& trait : kind.traits)
        entry.set(trait.name, std::visit([](const auto& value) { return to_json(value); }, trait.value));
      kinds.items.push_back(std::move(entry));
    }
    root.set(family.name, std::move(kinds));
  }
  return format_json(root);
}

}  // namespace bnlab::config

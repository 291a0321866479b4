#include "config/ablation.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "config/effective.h"
#include "config/experiment_checks.h"
#include "config/experiment_codecs.h"
#include "config/load.h"
#include "config/metric.h"
#include "config/overrides.h"
#include "config/reader.h"

namespace bnlab::config {
namespace {

constexpr std::size_t most_name_bytes = 100;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

/// The parts between the commas that lie outside of lists, objects and quoted texts.
std::vector<std::string_view> split_values(std::string_view text) {
  std::vector<std::string_view> values;
  std::size_t begin = 0;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ',' && depth <= 0) {
      values.push_back(trimmed(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  values.push_back(trimmed(text.substr(begin)));
  return values;
}

/// Adds the axes of --grid or --zip to an object, with where each came from.
class AxisReader {
 public:
  AxisReader(const char* option, const char* field, Problems& problems)
      : option_(option), section_(std::string("arms.0.") + field), problems_(problems) {}

  Json read(const std::vector<std::string>& texts) {
    Json axes = Json::object();
    axes.origin.source = problems_.add_source({.label = option_, .has_lines = false, .section = section_});
    for (const std::string& text : texts) {
      const std::size_t equal = std::min(text.find('='), text.size());
      const std::string path = text.substr(0, equal);
      const int source = problems_.add_source(
          {.label = option_label(option_, text), .has_lines = false, .section = joined(section_, path)});
      const Origin origin{.source = source};
      if (equal == text.size() || equal == 0) {
        problems_.add(origin, "", "must be PATH=VALUE,VALUE,..., such as optimizer.learning_rate=0.01,0.1");
        continue;
      }
      if (axes.find(path)) problems_.add(origin, "", "the axis " + path + " is given twice");
      Json list = Json::list();
      list.origin = origin;
      for (const std::string_view value : split_values(std::string_view(text).substr(equal + 1)))
        add_value(value, origin, list);
      axes.set(path, std::move(list));
    }
    return axes;
  }

 private:
  void add_value(std::string_view text, const Origin& origin, Json& list) {
    const std::size_t number = list.items.size() + 1;
    if (text.empty()) return problems_.add(origin, "", fmt::format("value {} is empty", number));
    ParsedJson parsed = parse_value(text, origin.source);
    if (!parsed.error.empty()) return problems_.add(origin, "", fmt::format("value {}: {}", number, parsed.error));
    list.items.push_back(std::move(parsed.root));
  }

  const char* option_;
  std::string section_;
  Problems& problems_;
};

Json read_metrics(const std::vector<std::string>& texts, Problems& problems) {
  Json list = Json::list();
  for (const std::string& text : texts) {
    const std::string section = "quantities." + std::to_string(list.items.size());
    const int source =
        problems.add_source({.label = option_label("--metric", text), .has_lines = false, .section = section});
    list.items.push_back(metric_json(text, {.source = source}, problems));
  }
  return list;
}

/// "first_experiment_learning_rate_type".
std::string name_of(const std::string& file, const ArmConfig& arm) {
  std::string name = std::filesystem::path(file).stem().string();
  for (const auto& [path, values] : arm.axes().paths) name += "_" + path.substr(path.rfind('.') + 1);
  std::ranges::replace_if(
      name, [](unsigned char c) { return !std::isalnum(c) && c != '_' && c != '.' && c != '-'; }, '_');
  return name.substr(0, most_name_bytes);
}

}  // namespace

ExperimentConfig to_experiment(const Ablation& ablation) {
  refuse_seed(ablation.settings);
  refuse_repeated(ablation.settings);
  RunConfig config = load(ablation.file, ablation.settings);
  config.description.clear();
  Problems problems;
  const Origin origin{.source = problems.add_source({.label = ablation.file})};
  const auto at_origin = [&](Json json) {
    json.origin = origin;
    return json;
  };
  Json arm = at_origin(Json::object());
  arm.set("name", at_origin(Json("grid")));
  if (!ablation.grid.empty()) arm.set("grid", AxisReader("--grid", "grid", problems).read(ablation.grid));
  if (!ablation.zip.empty()) arm.set("zip", AxisReader("--zip", "zip", problems).read(ablation.zip));
  Json arms = at_origin(Json::list());
  arms.items.push_back(std::move(arm));
  Json root = at_origin(Json::object());
  root.set("base", at_origin(Json(std::string_view(ablation.file))));
  root.set("arms", std::move(arms));
  root.set("quantities", at_origin(read_metrics(ablation.metrics, problems)));
  ExperimentConfig experiment;
  if (problems.none()) Reader::read(root, "", experiment, problems);
  if (problems.none()) check_experiment(root, experiment, problems);
  problems.raise();
  experiment.base = {.file = "", .text = to_json(config)};
  experiment.settings.lines = ablation.settings;
  experiment.name = name_of(ablation.file, experiment.arms.front());
  if (ablation.seeds) experiment.seeds = *ablation.seeds;
  return experiment;
}

Seeds parse_seeds(const std::string& text) {
  Problems problems;
  const Origin origin{.source = problems.add_source({.label = option_label("--seeds", text), .has_lines = false})};
  const std::vector<std::string_view> values = split_values(text);
  Json list = Json::list();
  for (const std::string_view value : values) {
    ParsedJson parsed = parse_json(std::string(value), origin.source);  // a null pointer is no text
    const bool is_list = values.size() == 1 && parsed.root.is(Json::Kind::list);
    if (!parsed.error.empty() || !(parsed.root.is(Json::Kind::integer) || is_list))
      problems.add(origin, "", "must be a number of seeds, or a list of seeds such as 1,5,9");
    list.items.push_back(std::move(parsed.root));
  }
  problems.raise();
  Json json = values.size() == 1 ? list.items.front() : std::move(list);
  json.origin = origin;
  Seeds seeds;
  Codec<Seeds>::read({json, "", {}, problems}, seeds);
  problems.raise();
  return seeds;
}

}  // namespace bnlab::config

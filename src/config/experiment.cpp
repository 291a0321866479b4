#include "config/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <system_error>

#include "config/experiment_codecs.h"
#include "config/load.h"
#include "config/problems.h"
#include "config/reader.h"
#include "config/reference_builder.h"
#include "config/schema_builder.h"
#include "config/text_file.h"
#include "config/writer.h"
#include "util/errors.h"
#include "util/nearest.h"

namespace bnlab::config {
namespace {

namespace fs = std::filesystem;

const char* const schema_key = "$schema";

template <class T>
std::vector<std::string> names_in(const std::vector<T>& named) {
  std::vector<std::string> names;
  for (const T& one : named) names.push_back(one.name);
  return names;
}

/// Rules between the parts of an experiment.
class CrossChecks {
 public:
  CrossChecks(const Json& root, const ExperimentConfig& experiment, Problems& problems)
      : root_(root), experiment_(experiment), problems_(problems) {}

  void run() {
    names_differ("arms", names_in(experiment_.arms));
    names_differ("quantities", names_in(experiment_.quantities));
    names_differ("criteria", names_in(experiment_.criteria));
    for (std::size_t i = 0; i < experiment_.arms.size(); ++i) check_arm(i);
    for (std::size_t i = 0; i < experiment_.criteria.size(); ++i) check_criterion(i);
    for (const auto* profile : {&experiment_.quick, &experiment_.full}) check_profile(*profile);
    check_figure();
  }

 private:
  void problem(const std::string& section, std::size_t entry, const std::string& field, const std::string& text) {
    const Json& json = root_.find(section)->items[entry];
    const Json* value = json.find(field);
    problems_.add((value ? *value : json).origin, joined(joined(section, entry), field), text);
  }

  void names_differ(const std::string& section, const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
          names.begin() + static_cast<std::ptrdiff_t>(i))
        problem(section, i, "name", "must be another than those before, got " + in_quotes(names[i]));
  }

  std::string unknown(const std::string& kind, const std::string& name, const std::vector<std::string>& known) const {
    return "no " + kind + " " + in_quotes(name) + "; there are " + join(known) + did_you_mean(name, known);
  }

  const ArmConfig* arm(const std::string& name) const {
    const auto found = std::find_if(experiment_.arms.begin(), experiment_.arms.end(),
                                    [&](const ArmConfig& one) { return one.name == name; });
    return found == experiment_.arms.end() ? nullptr : &*found;
  }

  const QuantityConfig* quantity(const std::string& name) const {
    const auto found = std::find_if(experiment_.quantities.begin(), experiment_.quantities.end(),
                                    [&](const QuantityConfig& one) { return one.name == name; });
    return found == experiment_.quantities.end() ? nullptr : &*found;
  }

  static const Axes& axes_of(const ArmConfig& arm) { return arm.grid.paths.empty() ? arm.zip : arm.grid; }

  static bool has_axis(const ArmConfig& arm, const std::string& path) {
    return std::any_of(axes_of(arm).paths.begin(), axes_of(arm).paths.end(),
                       [&](const auto& axis) { return axis.first == path; });
  }

  void check_arm(std::size_t i) {
    const ArmConfig& one = experiment_.arms[i];
    for (const auto& [path, values] : one.zip.paths)
      if (values.size() != one.zip.paths.front().second.size())
        problem("arms", i, "zip", "must have lists of equal length");
    for (const Settings* settings : {&one.set})
      for (const auto& [path, value] : settings->paths)
        if (path == "training.seed") problem("arms", i, "set", "must leave training.seed to seeds");
    for (const auto& [path, values] : axes_of(one).paths) {
      if (path == "training.seed") problem("arms", i, "grid", "must leave training.seed to seeds");
      for (const auto& [set, value] : one.set.paths)
        if (set == path) problem("arms", i, "set", "must leave " + path + " to the axis");
    }
    if (one.best_of) check_best_of(i, *one.best_of);
  }

  void check_best_of(std::size_t i, const BestOf& best) {
    const ArmConfig* of = arm(best.arm);
    if (!of)
      problem("arms", i, "best_of", unknown("arm", best.arm, names_in(experiment_.arms)));
    else if (axes_of(*of).paths.empty())
      problem("arms", i, "best_of", "arm " + in_quotes(best.arm) + " has no axes to choose from");
    const QuantityConfig* by = quantity(best.quantity);
    if (!by) {
      problem("arms", i, "best_of", unknown("quantity", best.quantity, names_in(experiment_.quantities)));
    } else if (by->file == "eval.csv") {
      const auto split = std::find_if(by->where.columns.begin(), by->where.columns.end(),
                                      [](const auto& column) { return column.first == "split"; });
      const bool is_test = split == by->where.columns.end() ||
                           std::find(split->second.begin(), split->second.end(), "test") != split->second.end();
      if (is_test)
        problem("arms", i, "best_of",
                "must choose on the train or the validation split; quantity " + in_quotes(best.quantity) +
                    " looks at the test split");
    }
  }

  // An arm, or one of its points: "batch[learning_rate=0.1]".
  const ArmConfig* arm_of(const std::string& label) const { return arm(label.substr(0, label.find('['))); }

  void check_criterion(std::size_t i) {
    const CriterionConfig& one = experiment_.criteria[i];
    if (!quantity(one.quantity))
      problem("criteria", i, "quantity", unknown("quantity", one.quantity, names_in(experiment_.quantities)));
    using enum CriterionType;
    const bool has_axis_field = one.type == log_slope || one.type == range || one.type == widest_interval;
    for (const std::string& label : one.arms) {
      const ArmConfig* found = arm_of(label);
      if (!found) {
        problem("criteria", i, "arms", unknown("arm", label, names_in(experiment_.arms)));
      } else if (has_axis_field && !has_axis(*found, one.axis)) {
        problem("criteria", i, "axis", "arm " + in_quotes(label) + " has no axis " + in_quotes(one.axis));
      } else if (has_axis_field && axes_of(*found).paths.size() > 1 &&
                 one.arms.front().find('[') == std::string::npos && !found->grid.paths.empty()) {
        problem("criteria", i, "arms",
                "arm " + in_quotes(label) + " has more than one axis; zip them, or make an arm of each");
      } else if (!has_axis_field && !axes_of(*found).paths.empty() && label.find('[') == std::string::npos) {
        problem("criteria", i, "arms",
                "arm " + in_quotes(label) + " has axes; name a point such as " +
                    in_quotes(label + "[learning_rate=0.1]") + ", or an arm that is its best_of");
      }
    }
    const std::size_t arms = one.arms.size();
    const auto needs = [&](bool holds, const std::string& rule) {
      if (!holds) problem("criteria", i, "arms", rule + ", got " + std::to_string(arms));
    };
    if (one.type == value || one.type == range) needs(arms == 1, "must be one arm");
    if (one.type == difference || one.type == ratio || one.type == equality) needs(arms == 2, "must be two arms");
    if (one.type == log_slope || one.type == widest_interval) needs(arms == 1 || arms == 2, "must be one or two arms");
    if (one.type == order) needs(arms >= 2, "must be at least two arms");
  }

  void check_profile(const ProfileConfig& profile) {
    for (const auto& [name, level] : profile.levels.by_quantity) {
      const QuantityConfig* found = quantity(name);
      if (!found)
        problems_.add(root_.origin, "levels", unknown("quantity", name, names_in(experiment_.quantities)));
      else if (found->series.over_time != OverTime::steps_to)
        problems_.add(root_.origin, "levels", "quantity " + in_quotes(name) + " has no level: it is not steps_to");
    }
    for (const auto& [path, values] : profile.axes.paths) {
      const bool known = std::any_of(experiment_.arms.begin(), experiment_.arms.end(),
                                     [&](const ArmConfig& one) { return has_axis(one, path); });
      if (!known) problems_.add(root_.origin, "axes", "no arm has an axis " + in_quotes(path));
    }
    for (const auto& [path, value] : profile.set.paths)
      if (path == "training.seed") problems_.add(root_.origin, "set", "must leave training.seed to seeds");
  }

  void check_figure() {
    const FigureConfig& figure = experiment_.figure;
    const Json* json = root_.find("figure");
    if (!json) return;
    const bool of_quantity = figure.type == FigureType::axis || figure.type == FigureType::heat_map;
    if (of_quantity && !quantity(figure.quantity))
      problems_.add(json->origin, "figure.quantity",
                    unknown("quantity", figure.quantity, names_in(experiment_.quantities)));
    for (const std::string& name : figure.arms)
      if (!arm(name)) problems_.add(json->origin, "figure.arms", unknown("arm", name, names_in(experiment_.arms)));
  }

  const Json& root_;
  const ExperimentConfig& experiment_;
  Problems& problems_;
};

void flatten(const Json& json, const std::string& path, std::vector<std::pair<std::string, std::string>>& leaves) {
  if (json.is(Json::Kind::object) && !json.members.empty()) {
    for (const JsonMember& member : json.members) flatten(member.value, joined(path, member.key), leaves);
  } else if (json.is(Json::Kind::list) && std::any_of(json.items.begin(), json.items.end(),
                                                      [](const Json& one) { return one.is(Json::Kind::object); })) {
    for (std::size_t i = 0; i < json.items.size(); ++i) flatten(json.items[i], joined(path, i), leaves);
  } else {
    leaves.emplace_back(path, one_line(json));
  }
}

std::vector<std::pair<std::string, std::string>> leaves_of(const RunConfig& config) {
  RunConfig copy = config;
  std::vector<std::pair<std::string, std::string>> leaves;
  flatten(Writer::write(copy), "", leaves);
  return leaves;
}

}  // namespace

ExperimentConfig load_experiment(const fs::path& file) {
  ExperimentConfig experiment = parse_experiment(read_text(file), file.string());
  if (experiment.name.empty()) experiment.name = file.stem().string();
  return experiment;
}

ExperimentConfig parse_experiment(std::string_view text, const std::string& source) {
  Problems problems;
  const Json root = parse_source(text, problems.add_source({.label = source}), source);
  ExperimentConfig experiment;
  Reader::read(root, "", experiment, problems, {schema_key});
  if (problems.none()) CrossChecks(root, experiment, problems).run();
  problems.raise();
  return experiment;
}

bool is_experiment_file(const fs::path& file) {
  const Json root = parse_source(read_text(file), 0, file.string());
  return root.is(Json::Kind::object) && root.find("claim") && root.find("arms");
}

std::string to_json(const ExperimentConfig& experiment) {
  ExperimentConfig copy = experiment;  // the table of fields takes what it may change
  return format_json(Writer::write(copy));
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
  std::string text = ReferenceBuilder::describe("", "An experiment", "one claim", ExperimentConfig{});
  text.pop_back();  // one newline at the end
  return text;
}

BaseConfig read_base(const BaseConfig& base, const fs::path& folder) {
  if (base.file.empty()) return base;
  std::vector<fs::path> folders{folder, folder / "../configs"};
  for (const fs::path& one : config_folders(".")) folders.push_back(one);
  std::error_code error;
  for (const fs::path& one : folders)
    if (fs::is_regular_file(one / base.file, error)) return {.file = "", .text = read_text(one / base.file)};
  std::vector<std::string> names;
  for (const fs::path& one : folders) names.push_back(one.lexically_normal().string());
  throw ConfigError("base: no " + base.file + " in " + join(names));
}

ExperimentConfig effective(const ExperimentConfig& experiment, Profile profile,
                           const std::vector<std::string>& settings, std::optional<std::int64_t> seeds,
                           const fs::path& folder) {
  const ProfileConfig& chosen = profile == Profile::quick ? experiment.quick : experiment.full;
  ExperimentConfig result = experiment;
  result.profile = profile == Profile::quick ? "quick" : "full";
  if (chosen.seeds) result.seeds = *chosen.seeds;
  if (seeds) {
    result.seeds.list.resize(static_cast<std::size_t>(*seeds));
    std::iota(result.seeds.list.begin(), result.seeds.list.end(), std::uint64_t{1});
  }
  std::vector<std::string> all = texts_of(chosen.set);
  all.insert(all.end(), settings.begin(), settings.end());
  RunConfig base = resolve(read_base(experiment.base, folder), all, folder, experiment.name + ": base");
  base.description.clear();
  result.base = {.file = "", .text = to_json(base)};
  for (ArmConfig& arm : result.arms)
    for (Axes* axes : {&arm.grid, &arm.zip})
      for (auto& [path, values] : axes->paths)
        for (const auto& [changed, others] : chosen.axes.paths)
          if (changed == path) values = others;
  for (QuantityConfig& quantity : result.quantities)
    for (const auto& [name, level] : chosen.levels.by_quantity)
      if (quantity.name == name) quantity.series.level = level;
  for (const ArmConfig& arm : result.arms)
    for (const auto& [path, values] : arm.zip.paths)
      if (values.size() != arm.zip.paths.front().second.size())
        throw ConfigError(fmt::format("{}: {}.axes: the lists of arm {}, which are zipped, must stay of equal length",
                                      experiment.name, result.profile, arm.name));
  result.quick = {};
  result.full = {};
  return result;
}

RunConfig resolve(const BaseConfig& base, const std::vector<std::string>& settings, const fs::path& folder,
                  const std::string& label) {
  return parse(base.text, settings, folder, label);
}

std::vector<std::string> texts_of(const Settings& settings) {
  std::vector<std::string> texts;
  for (const auto& [path, value] : settings.paths) texts.push_back(path + "=" + value.text);
  return texts;
}

std::vector<Difference> differences(const RunConfig& first, const RunConfig& second) {
  const auto a = leaves_of(first), b = leaves_of(second);
  const auto find = [](const auto& leaves, const std::string& path) {
    const auto found = std::find_if(leaves.begin(), leaves.end(), [&](const auto& leaf) { return leaf.first == path; });
    return found == leaves.end() ? std::string("(unset)") : found->second;
  };
  std::vector<Difference> all;
  for (const auto& [path, value] : a)
    if (const std::string other = find(b, path); other != value) all.push_back({path, value, other});
  for (const auto& [path, value] : b)
    if (find(a, path) == "(unset)") all.push_back({path, "(unset)", value});
  return all;
}

std::vector<std::string> experiment_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".json" && is_experiment_file(entry->path()))
      names.push_back(entry->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace bnlab::config

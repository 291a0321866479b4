#include "config/experiment.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
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
const char* const seed_path = "training.seed";
const char* const leave_seed = "must leave training.seed to seeds";

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
    for (std::size_t i = 0; i < experiment_.quantities.size(); ++i) check_quantity(i);
    for (std::size_t i = 0; i < experiment_.criteria.size(); ++i) check_criterion(i);
    check_profile("quick", experiment_.quick);
    check_profile("full", experiment_.full);
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

  static std::vector<std::string> axis_names(const ArmConfig& arm) {
    std::vector<std::string> names;
    for (const auto& [path, values] : axes_of(arm).paths) names.push_back(path);
    return names;
  }

  static bool has_axis(const ArmConfig& arm, const std::string& path) {
    const std::vector<std::string> names = axis_names(arm);
    return std::find(names.begin(), names.end(), path) != names.end();
  }

  /// The axes of these arms, each once.
  static std::vector<std::string> axis_names(const std::vector<ArmConfig>& arms) {
    std::vector<std::string> names;
    for (const ArmConfig& one : arms)
      for (const std::string& path : axis_names(one))
        if (std::find(names.begin(), names.end(), path) == names.end()) names.push_back(path);
    return names;
  }

  void check_arm(std::size_t i) {
    const ArmConfig& one = experiment_.arms[i];
    for (const auto& [path, values] : one.zip.paths)
      if (values.size() != one.zip.paths.front().second.size())
        problem("arms", i, "zip",
                "must have lists of equal length, got " + std::to_string(values.size()) + " values of " + path +
                    " and " + std::to_string(one.zip.paths.front().second.size()) + " of " +
                    one.zip.paths.front().first);
    for (const auto& [path, value] : one.set.paths)
      if (path == seed_path) problem("arms", i, "set", leave_seed);
    for (const auto& [path, values] : axes_of(one).paths) {
      if (path == seed_path) problem("arms", i, one.zip.paths.empty() ? "grid" : "zip", leave_seed);
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

  void check_quantity(std::size_t i) {
    const std::string& name = experiment_.quantities[i].name;
    std::vector<std::string> others = axis_names(experiment_.arms);
    for (const char* column : run_columns) others.emplace_back(column);
    for (const QuantityConfig& one : experiment_.quantities)
      if (kind_of(one.series.over_time).counts_steps)
        others.insert(others.end(), {one.name + bound_suffix, one.name + from_suffix});
    if (std::find(others.begin(), others.end(), name) != others.end())
      problem("quantities", i, "name", "must not be another column of runs.csv, got " + in_quotes(name));
  }

  void check_criterion(std::size_t i) {
    const CriterionConfig& one = experiment_.criteria[i];
    if (!quantity(one.quantity))
      problem("criteria", i, "quantity", unknown("quantity", one.quantity, names_in(experiment_.quantities)));
    const CriterionKind& kind = kind_of(one.type);
    for (const std::string& label : one.arms) {
      // An arm, or one of its points: "batch[learning_rate=0.1]". Which points there are only the plan knows.
      const std::string name = label.substr(0, label.find('['));
      const bool is_point = name != label;
      const ArmConfig* found = arm(name);
      if (!found) {
        problem("criteria", i, "arms", unknown("arm", name, names_in(experiment_.arms)));
      } else if (kind.has_axis() && is_point) {
        problem("criteria", i, "arms", "must be arms with an axis, got the point " + in_quotes(label));
      } else if (kind.has_axis() && !has_axis(*found, one.axis)) {
        problem("criteria", i, "axis", no_axis("arm " + in_quotes(name) + " has", one.axis, axis_names(*found)));
      } else if (kind.has_axis() && found->grid.paths.size() > 1) {
        problem("criteria", i, "arms",
                "arm " + in_quotes(name) + " has more than one axis; zip them, or make an arm of each");
      } else if (is_point && axes_of(*found).paths.empty()) {
        problem("criteria", i, "arms", "arm " + in_quotes(name) + " has no axes, so no point " + in_quotes(label));
      } else if (!kind.has_axis() && !axes_of(*found).paths.empty() && !is_point) {
        problem("criteria", i, "arms",
                "arm " + in_quotes(name) + " has axes; name one of its points, such as " +
                    in_quotes(name + example_point(*found)) + ", or an arm that is its best_of");
      }
    }
    if (!kind.arms.holds(one.arms.size()))
      problem("criteria", i, "arms",
              "must be " + arms_in_words(kind.arms) + ", got " + std::to_string(one.arms.size()));
  }

  /// "two arms", "one or two arms", "at least two arms".
  static std::string arms_in_words(Count count) {
    const auto word = [](std::size_t number) {
      return number == 1 ? std::string("one") : number == 2 ? std::string("two") : std::to_string(number);
    };
    if (count.most == any_number) return "at least " + word(count.least) + " arms";
    if (count.least < count.most) return word(count.least) + " or " + word(count.most) + " arms";
    return word(count.least) + (count.least == 1 ? " arm" : " arms");
  }

  static std::string no_axis(const std::string& who, const std::string& path, const std::vector<std::string>& axes) {
    const std::string known = axes.empty() ? "" : "; there are " + join(axes);
    return who + " no axis " + in_quotes(path) + known + did_you_mean(path, axes);
  }

  /// As a plan calls the first point of an arm.
  static std::string example_point(const ArmConfig& arm) {
    std::string text;
    for (const auto& [path, values] : axes_of(arm).paths)
      text += (text.empty() ? "[" : ",") + path.substr(path.rfind('.') + 1) + "=" + values.front().text;
    return text + "]";
  }

  /// A problem of an entry of a profile: quick.levels.accuracy.
  void profile_problem(const std::string& profile, const std::string& field, const std::string& key,
                       const std::string& text) {
    const Json& value = *root_.find(profile)->find(field)->find(key);
    problems_.add(value.origin, joined(joined(profile, field), key), text);
  }

  void check_profile(const std::string& name, const ProfileConfig& profile) {
    for (const auto& [of, level] : profile.levels.by_quantity) {
      const QuantityConfig* found = quantity(of);
      if (!found)
        profile_problem(name, "levels", of, unknown("quantity", of, names_in(experiment_.quantities)));
      else if (found->series.over_time != OverTime::steps_to)
        profile_problem(name, "levels", of, "quantity " + in_quotes(of) + " has no level: it is not steps_to");
    }
    const std::vector<std::string> axes = axis_names(experiment_.arms);
    for (const auto& [path, values] : profile.axes.paths)
      if (std::find(axes.begin(), axes.end(), path) == axes.end())
        profile_problem(name, "axes", path, no_axis("the arms have", path, axes));
    for (const ArmConfig& one : experiment_.arms) check_zip(name, profile, one);
    for (const auto& [path, value] : profile.set.paths)
      if (path == seed_path) profile_problem(name, "set", path, leave_seed);
  }

  /// Lists of a profile that take the place of zipped ones.
  void check_zip(const std::string& name, const ProfileConfig& profile, const ArmConfig& one) {
    std::set<std::size_t> lengths;
    std::string changed;
    for (const auto& [path, values] : one.zip.paths) {
      const auto other = std::find_if(profile.axes.paths.begin(), profile.axes.paths.end(),
                                      [&path = path](const auto& axis) { return axis.first == path; });
      if (other != profile.axes.paths.end()) changed = path;
      lengths.insert(other != profile.axes.paths.end() ? other->second.size() : values.size());
    }
    if (!changed.empty() && lengths.size() > 1)
      profile_problem(name, "axes", changed,
                      "must keep the lists of arm " + in_quotes(one.name) + ", which are zipped, of equal length");
  }

  void check_figure() {
    const FigureConfig& figure = experiment_.figure;
    const auto add = [&](const char* field, const std::string& text) {
      const Json& json = *root_.find("figure");
      const Json* value = json.find(field);
      problems_.add((value ? *value : json).origin, joined("figure", field), text);
    };
    const FigureKind& kind = kind_of(figure.type);
    if (kind.source == FigureSource::quantity && !quantity(figure.quantity))
      add("quantity", unknown("quantity", figure.quantity, names_in(experiment_.quantities)));
    for (const std::string& name : figure.arms)
      if (!arm(name)) add("arms", unknown("arm", name, names_in(experiment_.arms)));
    const std::vector<std::string> axes = axis_names(experiment_.arms);
    if (!figure.axis.empty() && std::find(axes.begin(), axes.end(), figure.axis) == axes.end())
      add("axis", no_axis("the arms have", figure.axis, axes));
    const bool enough = std::any_of(experiment_.arms.begin(), experiment_.arms.end(), [&](const ArmConfig& one) {
      const bool drawn =
          figure.arms.empty() || std::find(figure.arms.begin(), figure.arms.end(), one.name) != figure.arms.end();
      return drawn && axes_of(one).paths.size() >= kind.axes;
    });
    if (kind.axes > 0 && !enough)
      add("type", kind.axes == 2 ? "needs an arm with two axes" : "needs an arm with an axis");
    const std::vector<std::string> criteria = names_in(experiment_.criteria);
    if (!figure.criterion.empty() && std::find(criteria.begin(), criteria.end(), figure.criterion) == criteria.end())
      add("criterion", unknown("criterion", figure.criterion, criteria));
    check_figure_columns(figure, add);
  }

  /// Those of a probe's file only the probe knows.
  template <class Add>
  static void check_figure_columns(const FigureConfig& figure, const Add& add) {
    std::vector<std::string> there;
    if (figure.file == "train.csv") there.assign(train_columns.begin(), train_columns.end());
    if (figure.file == "eval.csv") there.assign(eval_columns.begin(), eval_columns.end());
    const auto check = [&](const char* field, const std::string& column) {
      if (!there.empty() && std::find(there.begin(), there.end(), column) == there.end())
        add(field, figure.file + " has no column " + in_quotes(column) + did_you_mean(column, there));
    };
    if (kind_of(figure.type).takes_column) check("column", figure.column);
    if (!figure.divided_by.empty()) check("divided_by", figure.divided_by);
    for (const auto& [column, values] : figure.where.columns) check("where", column);
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

/// The visitor of fields.h that finds the fields which apply for some values of another one, and that one.
class Deciders {
 public:
  using Map = std::map<std::string, std::string>;  // paths

  template <class T>
  static void find(T& value, const std::string& path, Map& found) {
    Deciders deciders(path, found);
    fields(deciders, value);
  }

  template <class T>
  void field(std::string_view name, T&, std::string_view, const Rule& rule = {}) {
    if (!rule.decided_by.empty()) found_[joined(path_, name)] = joined(path_, rule.decided_by);
  }
  template <class T>
  void section(std::string_view name, T& value, std::string_view meaning, const Rule& rule = {}) {
    field(name, value, meaning, rule);
    find(value, joined(path_, name), found_);
  }
  template <class T>
  void optional_section(std::string_view name, std::optional<T>& value, std::string_view meaning,
                        const Rule& rule = {}) {
    field(name, value, meaning, rule);
    if (value) find(*value, joined(path_, name), found_);
  }
  template <class T>
  void sections(std::string_view name, std::vector<T>& values, std::string_view meaning, const Rule& rule = {}) {
    field(name, values, meaning, rule);
    for (std::size_t i = 0; i < values.size(); ++i) find(values[i], joined(joined(path_, name), i), found_);
  }
  // No block has fields that apply for some values only.
  void blocks(std::string_view, std::vector<Block>&, std::string_view, const Rule& = {}) {}
  void require(bool, std::string_view, std::string_view) {}

 private:
  Deciders(const std::string& path, Map& found) : path_(path), found_(found) {}

  const std::string& path_;
  Map& found_;
};

/// Those of a path and of the sections that hold it.
std::vector<std::string> deciders_of(const std::string& path, const Deciders::Map& deciders) {
  std::vector<std::string> all;
  for (std::size_t end = path.find('.');; end = path.find('.', end + 1)) {
    if (const auto found = deciders.find(path.substr(0, end)); found != deciders.end()) all.push_back(found->second);
    if (end == std::string::npos) return all;
  }
}

std::vector<std::pair<std::string, std::string>> leaves_of(const RunConfig& config) {
  RunConfig copy = config;
  std::vector<std::pair<std::string, std::string>> leaves;
  flatten(Writer::write(copy), "", leaves);
  return leaves;
}

/// Texts that report the full profile's numbers say so beside the numbers of another run of the experiment.
void mark_as_of_full_profile(ExperimentConfig& experiment) {
  const std::string mark = "(full profile) ";
  const auto add = [&](std::string& text) {
    if (!text.empty() && !text.starts_with(mark)) text = mark + text;
  };
  add(experiment.finding);
  for (CriterionConfig& criterion : experiment.criteria) add(criterion.explanation);
}

}  // namespace

ExperimentConfig load_experiment(const fs::path& file) {
  ExperimentConfig experiment = parse_experiment(read_text(file), file.string());
  if (!experiment.name.empty()) return experiment;
  experiment.name = file.stem().string();
  if (!is_plain_file_name(experiment.name))
    throw ConfigError(file.string() + ": name: must be set where the file's own is no plain file name");
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
  return root.is(Json::Kind::object) && (root.find("claim") || root.find("arms"));
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
  for (const std::string& setting : settings)
    if (setting.starts_with(std::string(seed_path) + "=")) throw ConfigError("--set " + setting + ": " + leave_seed);
  std::vector<std::string> all = texts_of(chosen.set);
  all.insert(all.end(), settings.begin(), settings.end());
  const auto written_out = [&](const BaseConfig& base, const std::string& label) {
    const std::string file = base.file.empty() ? "" : " (" + base.file + ")";
    RunConfig config = resolve(read_base(base, folder), all, folder, experiment.name + ": " + label + file);
    config.description.clear();
    return BaseConfig{.file = "", .text = to_json(config)};
  };
  result.base = written_out(experiment.base, "base");
  for (ArmConfig& arm : result.arms) {
    if (arm.config) arm.config = written_out(*arm.config, "arm " + arm.name);
    for (Axes* axes : {&arm.grid, &arm.zip})
      for (auto& [path, values] : axes->paths)
        for (const auto& [changed, others] : chosen.axes.paths)
          if (changed == path) values = others;
  }
  for (QuantityConfig& quantity : result.quantities)
    for (const auto& [name, level] : chosen.levels.by_quantity)
      if (quantity.name == name) quantity.series.level = level;
  if (profile != Profile::full || !settings.empty() || result.seeds != experiment.full.seeds.value_or(experiment.seeds))
    mark_as_of_full_profile(result);
  result.quick = {};
  result.full = {};
  return result;
}

RunConfig resolve(const BaseConfig& base, const std::vector<std::string>& settings, const fs::path& folder,
                  const std::string& label) {
  try {
    return parse(base.text, settings, folder, label);
  } catch (const ConfigError& error) {
    // Problems of settings and of network files have labels of their own.
    std::istringstream lines(error.what());
    std::string text;
    for (std::string line; std::getline(lines, line);)
      text += (text.empty() ? "" : "\n") + (line.starts_with(label) ? "" : label + ": ") + line;
    throw ConfigError(text);
  }
}

std::vector<std::string> texts_of(const Settings& settings) {
  std::vector<std::string> texts;
  for (const auto& [path, value] : settings.paths) texts.push_back(path + "=" + value.text);
  return texts;
}

std::vector<Difference> differences(const RunConfig& first, const RunConfig& second) {
  const auto a = leaves_of(first), b = leaves_of(second);
  Deciders::Map deciders;
  for (RunConfig config : {first, second}) Deciders::find(config, "", deciders);
  const auto find = [](const auto& leaves, const std::string& path) {
    const auto found = std::find_if(leaves.begin(), leaves.end(), [&](const auto& leaf) { return leaf.first == path; });
    return found == leaves.end() ? std::string("(unset)") : found->second;
  };
  std::vector<Difference> all;
  for (const auto& [path, value] : a)
    if (const std::string other = find(b, path); other != value)
      all.push_back({path, value, other, deciders_of(path, deciders)});
  for (const auto& [path, value] : b)
    if (find(a, path) == "(unset)") all.push_back({path, "(unset)", value, deciders_of(path, deciders)});
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

#include "config/experiment_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/arm_labels.h"
#include "config/csv_columns.h"
#include "util/join.h"
#include "util/nearest.h"

namespace bnlab::config {
namespace {

using Names = std::vector<std::string>;

template <class T>
Names names_in(const std::vector<T>& entries) {
  Names names;
  for (const T& one : entries) names.push_back(one.name);
  return names;
}

/// The entry of that name; null where there is none.
template <class T>
const T* find_named(const std::vector<T>& entries, const std::string& name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const T& one) { return one.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string unknown(const std::string& kind, const std::string& name, const Names& known) {
  return "no " + kind + " " + in_quotes(name) + "; there are " + join(known) + did_you_mean(name, known);
}

// ---- axes

Names path_names(const Axes& axes) {
  Names names;
  for (const auto& [path, values] : axes.paths) names.push_back(path);
  return names;
}

Names axis_names(const ArmConfig& arm) { return path_names(arm.axes()); }

/// The axes of these arms, each once.
Names axis_names(const std::vector<ArmConfig>& arms) {
  Names names;
  for (const ArmConfig& one : arms)
    for (const std::string& path : axis_names(one))
      if (!contains(names, path)) names.push_back(path);
  return names;
}

std::string no_axis(const std::string& who, const std::string& path, const Names& axes) {
  const std::string known = axes.empty() ? "" : "; there are " + join(axes);
  return who + " no axis " + in_quotes(path) + known + did_you_mean(path, axes);
}

/// The label that a plan gives the first point of an arm, without the arm: "[learning_rate=0.1]".
std::string example_point(const ArmConfig& arm) {
  std::string text;
  for (const auto& [path, values] : arm.axes().paths)
    text += fmt::format("{}{}={}", text.empty() ? "[" : ",", path.substr(path.rfind('.') + 1), values.front().text);
  return text + "]";
}

// ---- texts

/// "one arm", "two arms", "one or two arms", "at least two arms".
std::string arms_in_words(Count count) {
  const auto word = [](std::size_t number) {
    return number == 1 ? std::string("one") : number == 2 ? std::string("two") : std::to_string(number);
  };
  if (count.most == any_number) return "at least " + word(count.least) + " arms";
  if (count.least < count.most) return word(count.least) + " or " + word(count.most) + " arms";
  return word(count.least) + (count.least == 1 ? " arm" : " arms");
}

bool leaves_test_split(const RowFilter& where) {
  for (const auto& [column, values] : where.columns)
    if (column == "split") return contains(values, name_of(SplitName::test));
  return true;
}

/// Whether a quantity depends on rows of the test split of eval.csv.
bool looks_at_test_split(const QuantityConfig& quantity) {
  if (run_file_of(quantity.file) != RunFile::eval) return false;
  const auto waits_for_it = [](const SeriesConfig& one) { return one.when && leaves_test_split(one.when->where); };
  return leaves_test_split(quantity.where) || waits_for_it(quantity.series) ||
         (quantity.divided_by && waits_for_it(*quantity.divided_by));
}

class ExperimentChecks {
 public:
  ExperimentChecks(const Json& root, const ExperimentConfig& experiment, Problems& problems)
      : root_(root), experiment_(experiment), problems_(problems) {}

  void run() {
    check_names("arms", names_in(experiment_.arms));
    check_names("quantities", names_in(experiment_.quantities));
    check_names("criteria", names_in(experiment_.criteria));
    for (std::size_t i = 0; i < experiment_.arms.size(); ++i) check_arm(i);
    for (std::size_t i = 0; i < experiment_.quantities.size(); ++i) check_quantity(i);
    for (std::size_t i = 0; i < experiment_.criteria.size(); ++i) check_criterion(i);
    check_profile("quick", experiment_.quick);
    check_profile("full", experiment_.full);
    check_figure();
  }

 private:
  // ---- problems

  /// A problem of a field of a list entry: arms.0.set.
  void problem(const std::string& section, std::size_t entry, const std::string& field, const std::string& text) {
    add(root_.find(section)->items[entry], joined(section, entry), field, text);
  }

  /// A problem of an entry of a profile: quick.levels.accuracy.
  void profile_problem(const std::string& profile, const std::string& field, const std::string& key,
                       const std::string& text) {
    add(*root_.find(profile)->find(field), joined(profile, field), key, text);
  }

  void figure_problem(const std::string& field, const std::string& text) {
    add(*root_.find("figure"), "figure", field, text);
  }

  /// At the field where it is given, else at the object.
  void add(const Json& object, const std::string& path, const std::string& field, const std::string& text) {
    const Json* value = object.find(field);
    problems_.add((value ? *value : object).origin, joined(path, field), text);
  }

  // ---- arms

  void check_names(const std::string& section, const Names& names) {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (std::find(names.begin(), names.end(), names[i]) != names.begin() + static_cast<std::ptrdiff_t>(i))
        problem(section, i, "name", "duplicate name, got " + in_quotes(names[i]));
  }

  void check_arm(std::size_t i) {
    const ArmConfig& arm = experiment_.arms[i];
    for (const auto& [path, values] : arm.zip.paths)
      if (const auto& [first_path, first] = arm.zip.paths.front(); values.size() != first.size())
        problem("arms", i, "zip",
                "must have lists of equal length, got " + std::to_string(values.size()) + " values of " + path +
                    " and " + std::to_string(first.size()) + " of " + first_path);
    for (const auto& [path, value] : arm.set.paths)
      if (path == seed_path) problem("arms", i, "set", leave_seed);
    check_axes(i, "grid", arm.grid);
    check_axes(i, "zip", arm.zip);
    for (const auto& [path, values] : arm.zip.paths)
      if (contains(path_names(arm.grid), path)) problem("arms", i, "zip", path + " is an axis of the grid");
    if (arm.best_of) check_best_of(i, *arm.best_of);
  }

  void check_axes(std::size_t i, const char* field, const Axes& axes) {
    for (const auto& [path, values] : axes.paths) {
      if (path == seed_path) problem("arms", i, field, leave_seed);
      for (const auto& [set, value] : experiment_.arms[i].set.paths)
        if (set == path) problem("arms", i, "set", "must not set " + path + ", which is an axis");
    }
  }

  void check_best_of(std::size_t i, const BestOf& best) {
    const ArmConfig* of = find_named(experiment_.arms, best.arm);
    if (!of)
      problem("arms", i, "best_of", unknown("arm", best.arm, names_in(experiment_.arms)));
    else if (!of->has_axes())
      problem("arms", i, "best_of", "arm " + in_quotes(best.arm) + " has no axes to choose from");
    else if (best.chosen_by)
      check_chosen_by(i, *of, *best.chosen_by);
    const QuantityConfig* by = find_named(experiment_.quantities, best.quantity);
    if (!by)
      problem("arms", i, "best_of", unknown("quantity", best.quantity, names_in(experiment_.quantities)));
    else if (looks_at_test_split(*by))
      problem("arms", i, "best_of",
              "must choose on the train or the validation split; quantity " + in_quotes(best.quantity) +
                  " looks at the test split");
  }

  /// Each value that the choosing arm can take must be one of the other's axes.
  void check_chosen_by(std::size_t i, const ArmConfig& of, const std::string& name) {
    const ArmConfig* by = find_named(experiment_.arms, name);
    if (!by) return problem("arms", i, "best_of", unknown("arm", name, names_in(experiment_.arms)));
    if (by == &of) return problem("arms", i, "best_of", "chosen_by must name an arm other than " + in_quotes(name));
    if (axis_names(*by) != axis_names(of))
      return problem("arms", i, "best_of",
                     "arms " + in_quotes(of.name) + " and " + in_quotes(name) + " must have the same axes, got " +
                         axes_in_words(of) + " and " + axes_in_words(*by));
    for (const auto& [path, values] : by->axes().paths)
      for (const JsonText& value : values)
        if (const std::vector<JsonText>& there = values_of(of, path);
            std::find(there.begin(), there.end(), value) == there.end())
          problem("arms", i, "best_of",
                  "arm " + in_quotes(of.name) + " has no " + path + " " + value.text + ", which arm " +
                      in_quotes(name) + " may choose");
  }

  static std::string axes_in_words(const ArmConfig& arm) {
    const Names names = axis_names(arm);
    return names.empty() ? "none" : join(names);
  }

  /// Of an axis that the arm has.
  static const std::vector<JsonText>& values_of(const ArmConfig& arm, const std::string& path) {
    for (const Axes* axes : {&arm.grid, &arm.zip})
      for (const auto& [one, values] : axes->paths)
        if (one == path) return values;
    throw std::logic_error("an axis that the arm does not have");
  }

  // ---- quantities and criteria

  void check_quantity(std::size_t i) {
    const std::string& name = experiment_.quantities[i].name;
    Names others = axis_names(experiment_.arms);
    for (const RunColumnName& column : run_columns) others.emplace_back(column.name);
    for (const QuantityConfig& one : experiment_.quantities)
      if (row_of(one.series.over_time).counts_steps)
        others.insert(others.end(), {one.name + bound_suffix, one.name + from_suffix});
    if (contains(others, name))
      problem("quantities", i, "name", "must not be the name of another column of runs.csv, got " + in_quotes(name));
  }

  void check_criterion(std::size_t i) {
    const CriterionConfig& criterion = experiment_.criteria[i];
    if (!find_named(experiment_.quantities, criterion.quantity))
      problem("criteria", i, "quantity", unknown("quantity", criterion.quantity, names_in(experiment_.quantities)));
    for (const std::string& label : criterion.arms) {
      if (row_of(criterion.type).has_axis())
        check_arm_with_axis(i, label);
      else
        check_arm_or_point(i, label);
    }
    const Count arms = row_of(criterion.type).arms;
    if (!arms.holds(criterion.arms.size()))
      problem("criteria", i, "arms",
              "must be " + arms_in_words(arms) + ", got " + std::to_string(criterion.arms.size()));
  }

  /// The arm of "batch" or of its point "batch[learning_rate=0.1]"; null, and a problem, where there is none. Which
  /// points an arm has only the plan knows.
  const ArmConfig* arm_of_label(std::size_t criterion, const std::string& label) {
    const std::string name = arm_of(label);
    const ArmConfig* arm = find_named(experiment_.arms, name);
    if (!arm) problem("criteria", criterion, "arms", unknown("arm", name, names_in(experiment_.arms)));
    return arm;
  }

  /// An arm of a criterion over an axis: it has that axis and no other.
  void check_arm_with_axis(std::size_t i, const std::string& label) {
    const ArmConfig* arm = arm_of_label(i, label);
    if (!arm) return;
    const std::string& axis = experiment_.criteria[i].axis;
    const Names axes = axis_names(*arm);
    if (arm->name != label)
      problem("criteria", i, "arms", "must be arms with an axis, got the point " + in_quotes(label));
    else if (!contains(axes, axis))
      problem("criteria", i, "axis", no_axis("arm " + in_quotes(label) + " has", axis, axes));
    else if (arm->grid.paths.size() + (arm->zip.paths.empty() ? 0 : 1) > 1)
      problem("criteria", i, "arms",
              "arm " + in_quotes(label) + " has more than one axis; zip them, or make an arm of each");
  }

  /// An arm of any other criterion: an arm without axes, or one point of an arm with axes.
  void check_arm_or_point(std::size_t i, const std::string& label) {
    const ArmConfig* arm = arm_of_label(i, label);
    if (!arm) return;
    const std::string name = in_quotes(arm->name);
    const bool is_point = arm->name != label;
    if (is_point && !arm->has_axes())
      problem("criteria", i, "arms", "arm " + name + " has no axes, so no point " + in_quotes(label));
    else if (!is_point && arm->has_axes())
      problem("criteria", i, "arms",
              "arm " + name + " has axes; name one of its points, such as " +
                  in_quotes(arm->name + example_point(*arm)) + ", or an arm that is its best_of");
  }

  // ---- profiles

  void check_profile(const std::string& name, const ProfileConfig& profile) {
    for (const auto& [of, level] : profile.levels.by_quantity) {
      const QuantityConfig* quantity = find_named(experiment_.quantities, of);
      if (!quantity)
        profile_problem(name, "levels", of, unknown("quantity", of, names_in(experiment_.quantities)));
      else if (!row_of(quantity->series.over_time).takes_level)
        profile_problem(name, "levels", of,
                        "quantity " + in_quotes(of) + " has no level: it is not " +
                            join(names_where<OverTime>([](const auto& kind) { return kind.takes_level; }), " or "));
    }
    const Names axes = axis_names(experiment_.arms);
    for (const auto& [path, values] : profile.axes.paths)
      if (!contains(axes, path)) profile_problem(name, "axes", path, no_axis("the arms have", path, axes));
    for (const ArmConfig& one : experiment_.arms) check_zip(name, profile, one);
    for (const auto& [path, value] : profile.set.paths)
      if (path == seed_path) profile_problem(name, "set", path, leave_seed);
  }

  /// Lists of a profile that replace lists of an arm's zip.
  void check_zip(const std::string& name, const ProfileConfig& profile, const ArmConfig& arm) {
    std::set<std::size_t> lengths;
    std::string changed;
    for (const auto& [path, values] : arm.zip.paths) {
      const auto other = std::find_if(profile.axes.paths.begin(), profile.axes.paths.end(),
                                      [&path = path](const auto& axis) { return axis.first == path; });
      if (other != profile.axes.paths.end()) changed = path;
      lengths.insert(other != profile.axes.paths.end() ? other->second.size() : values.size());
    }
    if (!changed.empty() && lengths.size() > 1)
      profile_problem(name, "axes", changed,
                      "must keep the lists of arm " + in_quotes(arm.name) + ", which are zipped, of equal length");
  }

  // ---- figure

  void check_figure() {
    const FigureConfig& figure = experiment_.figure;
    const FigureKind& kind = row_of(figure.type);
    if (kind.source == FigureSource::quantity && !find_named(experiment_.quantities, figure.quantity))
      figure_problem("quantity", unknown("quantity", figure.quantity, names_in(experiment_.quantities)));
    for (const std::string& name : figure.arms)
      if (!find_named(experiment_.arms, name)) figure_problem("arms", unknown("arm", name, names_in(experiment_.arms)));
    const Names axes = axis_names(experiment_.arms);
    if (!figure.axis.empty() && !contains(axes, figure.axis))
      figure_problem("axis", no_axis("the arms have", figure.axis, axes));
    const bool enough = std::any_of(experiment_.arms.begin(), experiment_.arms.end(), [&](const ArmConfig& one) {
      const bool drawn = figure.arms.empty() || contains(figure.arms, one.name);
      return drawn && one.axes().paths.size() >= kind.axes;
    });
    if (kind.axes > 0 && !enough)
      figure_problem("type", kind.axes == 2 ? "needs an arm with two axes" : "needs an arm with an axis");
    const Names criteria = names_in(experiment_.criteria);
    if (!figure.criterion.empty() && !contains(criteria, figure.criterion))
      figure_problem("criterion", unknown("criterion", figure.criterion, criteria));
    check_figure_columns();
  }

  void check_figure_columns() {
    const FigureConfig& figure = experiment_.figure;
    const auto known = columns_of(run_file_of(figure.file));
    const Names columns(known.begin(), known.end());
    const auto check = [&](const char* field, const std::string& column) {
      if (!columns.empty() && !contains(columns, column))
        figure_problem(field, figure.file + " has no column " + in_quotes(column) + did_you_mean(column, columns));
    };
    if (row_of(figure.type).takes_column) check("column", figure.column);
    if (row_of(figure.type).takes_ends) check("low", figure.low);
    if (row_of(figure.type).takes_ends) check("high", figure.high);
    if (!figure.divided_by.empty()) check("divided_by", figure.divided_by);
    for (const auto& [column, values] : figure.where.columns) check("where", column);
  }

  const Json& root_;
  const ExperimentConfig& experiment_;
  Problems& problems_;
};

}  // namespace

void check_experiment(const Json& root, const ExperimentConfig& experiment, Problems& problems) {
  ExperimentChecks(root, experiment, problems).run();
}

}  // namespace bnlab::config

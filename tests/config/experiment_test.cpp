#include "config/experiment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/config_testing.h"
#include "config/effective.h"
#include "config/experiment_codecs.h"
#include "config/experiment_config_testing.h"
#include "config/writer.h"
#include "util/test_files.h"

namespace bnlab::config {
namespace {

namespace fs = std::filesystem;

const fs::path experiments_folder = fs::path(BNLAB_SOURCE_DIR) / "experiments";

/// Every leaf with its path; the entries of lists of sections share one.
void collect_leaves(const Json& json, const std::string& path, std::map<std::string, std::set<std::string>>& leaves) {
  if (json.is(Json::Kind::list) && !json.items.empty() && json.items[0].is(Json::Kind::object)) {
    for (const Json& item : json.items) collect_leaves(item, path, leaves);
  } else if (json.is(Json::Kind::object) && !json.members.empty()) {
    for (const JsonMember& member : json.members) collect_leaves(member.value, path + "." + member.key, leaves);
  } else {
    leaves[path].insert(format_json(json));
  }
}

/// The paths of all fields, as the table of fields has them.
class FieldNames {
 public:
  template <class T>
  static std::vector<std::string> of() {
    std::vector<std::string> names;
    T value{};
    FieldNames visitor("", names);
    fields(visitor, value);
    return names;
  }

  template <class T>
  void field(std::string_view name, T&, std::string_view, const Rule& = {}) {
    names_.push_back(path_ + "." + std::string(name));
  }
  template <class T>
  void section(std::string_view name, T&, std::string_view, const Rule& = {}) {
    T value{};
    FieldNames visitor(path_ + "." + std::string(name), names_);
    fields(visitor, value);
  }
  template <class T>
  void optional_section(std::string_view name, std::optional<T>&, std::string_view meaning, const Rule& rule = {}) {
    T value{};
    section(name, value, meaning, rule);
  }
  template <class T>
  void sections(std::string_view name, std::vector<T>&, std::string_view meaning, const Rule& rule = {}) {
    T value{};
    section(name, value, meaning, rule);
  }
  void require(bool, std::string_view, std::string_view) {}

 private:
  FieldNames(std::string path, std::vector<std::string>& names) : path_(std::move(path)), names_(names) {}
  std::string path_;
  std::vector<std::string>& names_;
};

// ---- reading and writing --------------------------------------------------------------------------------------------

TEST(ExperimentRoundTrip, EveryFieldAwayFromItsDefault) {
  const ExperimentConfig experiment = everything();
  EXPECT_EQ(there_and_back(experiment), experiment) << to_json(experiment);
  EXPECT_EQ(to_json(there_and_back(experiment)), to_json(experiment));
  ExperimentConfig other = experiment;
  for (const FigureConfig& figure : {curves(), rows(), fill()}) {
    other.figure = figure;
    EXPECT_EQ(there_and_back(other), other);
  }

  // Holds this test to what it says: a new field must be set in everything(), curves(), rows() or fill().
  std::map<std::string, std::set<std::string>> values, defaults;
  ExperimentConfig standard;
  standard.base.file = "-";
  standard.arms.emplace_back().best_of.emplace();
  QuantityConfig& quantity = standard.quantities.emplace_back();
  standard.criteria.emplace_back();
  for (const OverTime reduction : {OverTime::final, OverTime::mean, OverTime::at, OverTime::steps_to}) {
    quantity.series.over_time = reduction;
    quantity.divided_by = quantity.series;
    collect_leaves(parse_json(to_json(standard), 0).root, "", defaults);
  }
  for (const FigureConfig& figure : {experiment.figure, curves(), rows(), fill()}) {
    other.figure = figure;
    collect_leaves(parse_json(to_json(other), 0).root, "", values);
    standard.figure.type = figure.type;
    collect_leaves(parse_json(to_json(standard), 0).root, "", defaults);
  }
  for (const std::string& name : FieldNames::of<ExperimentConfig>()) {
    if (name.ends_with(".type") || name.ends_with(".over_time")) continue;  // other values turn fields off
    const bool is_series = name.starts_with(".quantities.divided_by.");     // whose fields are those of .series
    if (is_series && (name.ends_with(".step") || name.ends_with(".level"))) continue;
    EXPECT_TRUE(std::any_of(values.begin(), values.end(), [&](const auto& leaf) {
      const bool is_inside = leaf.first.starts_with(name + ".");  // settings by their paths
      return is_inside || (leaf.first == name && !std::ranges::includes(defaults[name], leaf.second));
    })) << name;
  }
}

TEST(ExperimentRoundTrip, ABaseAndAnArmsConfigThatAreWrittenOut) {
  ExperimentText text = with_arms(R"([{"name": "a", "config": {"dataset": {"name": "mnist"}}, "differs_in": ["x"]}])");
  const ExperimentConfig experiment = parse_experiment(text.text(), "e.json");
  EXPECT_TRUE(experiment.base.file.empty());
  EXPECT_NE(experiment.base.text.find("drawn_digits"), std::string::npos);
  EXPECT_NE(experiment.arms[0].config->text.find("mnist"), std::string::npos);
  EXPECT_EQ(there_and_back(experiment), experiment);
}

TEST(ExperimentRoundTrip, Seeds) {
  const auto seeds = [](const std::string& json) {
    ExperimentText text;
    text.seeds = json;
    return parse_experiment(text.text(), "e.json").seeds.list;
  };
  EXPECT_EQ(seeds("1"), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(seeds("4"), (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(seeds("[4, 0]"), (std::vector<std::uint64_t>{4, 0}));
  EXPECT_EQ(seeds("1000").size(), 1000u);
}

TEST(ExperimentRoundTrip, Values) {
  const auto values = [](const std::string& json) {
    return parse_experiment(with_arms(R"([{"name": "a", "set": {"p": )" + json + "}}]").text(), "e").arms[0].set;
  };
  for (const auto& [json, text] : std::vector<std::pair<std::string, std::string>>{
           {"0.10", "0.1"},
           {"1.0", "1.0"},
           {"1", "1"},
           {"1e-5", "1e-05"},
           {"null", "null"},
           {R"("a\nb,\" =]")", R"("a\nb,\" =]")"},
           {R"(  [1,  2 ,{"a":{"b":[]}}])", R"([1, 2, {"a": {"b": []}}])"},
           {R"({"a": 1, "b": {"c": "  two  blanks"}})", R"({"a": 1, "b": {"c": "  two  blanks"}})"},
           {"{}", "{}"}})
    EXPECT_EQ(values(json).paths, (Paths{{"p", {text}}})) << json;
  // Longer than a line.
  std::string list = "[0";
  for (int i = 1; i < 100; ++i) list += ", " + std::to_string(i);
  EXPECT_EQ(values(list + "]").paths[0].second.text, list + "]");
}

TEST(ExperimentRoundTrip, NotesAndWhereOfOneValue) {
  ExperimentText text = with_more(R"("notes": "one line")");
  const ExperimentConfig experiment = parse_experiment(text.text(), "e.json");
  EXPECT_EQ(experiment.notes.lines, (std::vector<std::string>{"one line"}));
  EXPECT_EQ(experiment.quantities[0].where.columns[0].second, (std::vector<std::string>{"test"}));
  EXPECT_EQ(there_and_back(experiment), experiment);
}

TEST(ExperimentFiles, TheNameIsTheFiles) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "robust.json", ExperimentText{}.text());
  EXPECT_EQ(load_experiment(folder / "robust.json").name, "robust");
  test::write_text(folder / "other.json", with_more(R"("name": "own")").text());
  EXPECT_EQ(load_experiment(folder / "other.json").name, "own");
  test::write_text(folder / "a..b.json", ExperimentText{}.text());
  EXPECT_TRUE(
      any_contains(error_lines([&] { load_experiment(folder / "a..b.json"); }), "a..b.json: name: must be set"));
  EXPECT_TRUE(any_contains(error_lines([&] { load_experiment(folder / "none.json"); }), "none.json: no such file"));
  EXPECT_EQ(experiment_names(folder.path()), (std::vector<std::string>{"a..b", "other", "robust"}));
  EXPECT_TRUE(experiment_names(folder / "none").empty());
}

TEST(ExperimentFiles, AreToldFromOthers) {
  const test::TemporaryFolder folder;
  const auto is_experiment = [&](const std::string& text) {
    test::write_text(folder / "f.json", text);
    return is_experiment_file(folder / "f.json");
  };
  EXPECT_TRUE(is_experiment(ExperimentText{}.text()));
  EXPECT_TRUE(is_experiment(R"({"claim": "c"})"));  // so that it's told what it lacks
  EXPECT_TRUE(is_experiment(R"({"arms": []})"));
  EXPECT_TRUE(is_experiment(R"({"base": "first_experiment.json"})"));
  EXPECT_FALSE(is_experiment(config_with("")));
  EXPECT_FALSE(is_experiment("[]"));
  EXPECT_FALSE(is_experiment_file(experiments_folder / "schema.json"));
}

TEST(ExperimentFiles, ShippedOnesAreRight) {
  const std::string configs = (fs::path(BNLAB_SOURCE_DIR) / "configs").string();
  const test::EnvironmentGuard variable("BNLAB_CONFIGS", configs.c_str());
  const std::vector<std::string> names = experiment_names(experiments_folder);
  ASSERT_GE(names.size(), 3u);
  for (const std::string& name : names) {
    const ExperimentConfig experiment = load_experiment(experiments_folder / (name + ".json"));
    EXPECT_EQ(there_and_back(experiment), experiment) << name;
    EXPECT_GT(experiment.quick.minutes, 0) << name;
    EXPECT_GT(experiment.full.minutes, 0) << name;
    // A finding follows from the runs of the full profile.
    EXPECT_EQ(experiment.finding.ends_with('.'),
              fs::exists(fs::path(BNLAB_SOURCE_DIR) / "results" / name / "verdict.json"))
        << name;
    for (const Profile profile : {Profile::quick, Profile::full}) {
      const ExperimentConfig as_run = effective(experiment, profile, {}, {}, experiments_folder);
      EXPECT_EQ(there_and_back(as_run), as_run) << name;
      EXPECT_GE(as_run.seeds.list.size(), 3u) << name;
      EXPECT_FALSE(experiments::make_plan(as_run).runs.empty()) << name;
    }
  }
}

TEST(ExperimentFiles, SchemaIsUpToDate) {
  EXPECT_EQ(test::read_text(experiments_folder / "schema.json"), experiment_schema());
}

TEST(ExperimentFiles, TheReferenceNamesEveryField) {
  const std::string reference = experiment_reference();
  for (const std::string& path : FieldNames::of<ExperimentConfig>())
    EXPECT_NE(reference.find("| `" + path.substr(path.rfind('.') + 1) + "` |"), std::string::npos) << path;
  EXPECT_EQ(reference.back(), '\n');
}

}  // namespace
}  // namespace bnlab::config

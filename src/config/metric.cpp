#include "config/metric.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "config/csv_columns.h"
#include "config/experiment_codecs.h"
#include "config/find_kind.h"
#include "config/overrides.h"
#include "config/reader.h"

namespace bnlab::config {
namespace {

using Texts = std::vector<std::string>;

const char* const rule =
    "must be [NAME=][FILE[COLUMN=VALUE,...]:]COLUMN[:REDUCTION[:NUMBER]], such as eval.csv:accuracy:best, or a "
    "quantity as JSON";

/// The parts of a metric's text.
struct Metric {
  std::string name;
  std::string file = eval_file;
  std::vector<std::pair<std::string, std::string>> where;
  std::string column;
  std::string reduction = std::string(name_of(OverTime::final));
  std::string number;
};

Texts split(std::string_view text, char separator) {
  Texts parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// Takes "[split=train,layer=dense1]" off the end of a file's name. False where it is no such list.
bool take_filter(std::string& file, Metric& metric) {
  const std::size_t begin = file.find('[');
  if (begin == std::string::npos) return true;
  if (!file.ends_with(']')) return false;
  for (const std::string& one : split(std::string_view(file).substr(begin + 1, file.size() - begin - 2), ',')) {
    const std::size_t equal = one.find('=');
    if (equal == std::string::npos || equal == 0 || equal + 1 == one.size()) return false;
    metric.where.emplace_back(one.substr(0, equal), one.substr(equal + 1));
  }
  file.erase(begin);
  return true;
}

/// Nothing where the text is of another form.
std::optional<Metric> parse_metric(std::string text) {
  Metric metric;
  if (const std::size_t equal = text.find('='); equal < std::min(text.find('['), text.find(':'))) {
    metric.name = text.substr(0, equal);
    text.erase(0, equal + 1);
    if (metric.name.empty()) return std::nullopt;
  }
  const std::size_t filter_end = text.find('[') == std::string::npos ? 0 : text.find(']');
  if (filter_end == std::string::npos) return std::nullopt;
  Texts parts = split(std::string_view(text).substr(filter_end), ':');
  parts.front() = text.substr(0, filter_end) + parts.front();
  if (filter_end > 0 || parts.front().ends_with(".csv")) {
    metric.file = parts.front();
    if (!take_filter(metric.file, metric)) return std::nullopt;
    parts.erase(parts.begin());
  }
  if (parts.empty() || parts.size() > 3 || std::ranges::find(parts, "") != parts.end() || metric.file.empty())
    return std::nullopt;
  metric.column = parts[0];
  if (parts.size() > 1) metric.reduction = parts[1];
  if (parts.size() > 2) metric.number = parts[2];
  const auto is_split = [](const auto& filter) { return filter.first == "split"; };
  if (run_file_of(metric.file) == RunFile::eval && std::ranges::none_of(metric.where, is_split))
    metric.where.emplace_back("split", name_of(SplitName::test));
  return metric;
}

/// The field of a series that the number is for; "" where the reduction takes none, or is none.
std::string field_of_number(const std::string& reduction) {
  const auto over_time = find_kind<OverTime>(reduction);
  if (!over_time) return "";
  if (row_of(*over_time).takes_last) return "last";
  if (*over_time == OverTime::at) return "step";
  return row_of(*over_time).takes_level ? "level" : "";
}

std::string as_name(const std::string& text) {
  std::string name = text;
  std::ranges::replace_if(
      name, [](unsigned char c) { return !std::isalnum(c) && c != '_' && c != '.' && c != '-'; }, '_');
  return name;
}

/// "test_accuracy", "train_loss_mean_100", "gradient_norm_dense1_norm".
std::string name_of_metric(const Metric& metric) {
  std::string name = metric.file == eval_file ? "" : metric.file.substr(0, metric.file.rfind('.')) + "_";
  for (const auto& [column, value] : metric.where) name += value + "_";
  name += metric.column;
  if (metric.reduction != name_of(OverTime::final)) name += "_" + metric.reduction;
  return as_name(metric.number.empty() ? name : name + "_" + metric.number);
}

/// "final test accuracy".
std::string meaning_of(const Metric& metric) {
  std::string text = metric.reduction + (metric.number.empty() ? "" : " " + metric.number);
  for (const auto& [column, value] : metric.where) text += " " + value;
  return text + " " + metric.column + (metric.file == eval_file ? "" : " of " + metric.file);
}

Json json_of(const Metric& metric, const Origin& origin, Problems& problems) {
  const auto at_origin = [&](Json json) {
    json.origin = origin;
    return json;
  };
  Json series = at_origin(Json::object());
  series.set("column", at_origin(Json(std::string_view(metric.column))));
  series.set("over_time", at_origin(Json(std::string_view(metric.reduction))));
  if (!metric.number.empty()) {
    const std::string field = field_of_number(metric.reduction);
    if (field.empty())
      problems.add(origin, "", in_quotes(metric.reduction) + " takes no number, got " + in_quotes(metric.number));
    else
      series.set(field, at_origin(parse_value(metric.number, origin.source).root));
  }
  Json where = at_origin(Json::object());
  for (const auto& [column, value] : metric.where) where.set(column, at_origin(Json(std::string_view(value))));
  Json json = at_origin(Json::object());
  json.set("name", at_origin(Json(std::string_view(metric.name.empty() ? name_of_metric(metric) : metric.name))));
  json.set("meaning", at_origin(Json(std::string_view(meaning_of(metric)))));
  json.set("file", at_origin(Json(std::string_view(metric.file))));
  json.set("where", std::move(where));
  json.set("series", std::move(series));
  const Better better = metric.column.ends_with("loss") ? Better::lower : Better::higher;
  json.set("better", at_origin(Json(std::string_view(name_of(better)))));
  return json;
}

}  // namespace

Json metric_json(const std::string& text, const Origin& origin, Problems& problems) {
  Json none = Json::object();
  none.origin = origin;
  if (text.starts_with('{')) {
    ParsedJson parsed = parse_json(text, origin.source);
    if (parsed.error.empty()) return std::move(parsed.root);
    problems.add(origin, "", parsed.error + ", at character " + std::to_string(parsed.column));
    return none;
  }
  if (const auto metric = parse_metric(text)) return json_of(*metric, origin, problems);
  problems.add(origin, "", rule);
  return none;
}

QuantityConfig final_of_test_split(const std::string& column) {
  Problems problems;
  const Json json = metric_json(column, {.source = problems.add_source({.label = column})}, problems);
  QuantityConfig quantity;
  Reader::read(json, "", quantity, problems);
  problems.raise();
  return quantity;
}

}  // namespace bnlab::config

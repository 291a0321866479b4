#pragma once
// The visitor of fields.h and experiment_fields.h that makes tables of them in Markdown.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/codecs.h"
#include "config/fields.h"

namespace bnlab::config {

inline std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return escaped;
}

inline std::string code(const Json& json) {
  std::string text = format_json(json);
  text.pop_back();  // the newline
  return "`" + cell(text) + "`";
}

/// The tables that a reference has, and the title of the section that each is in.
using Tables = std::map<std::string, std::string>;

class ReferenceBuilder {
  static constexpr std::size_t fewest_repeated = 3;  // rows that are worth a reference to another table

 public:
  /// Heading, meaning and table of one struct, then those of its sections. A row is there once: a struct whose first
  /// or last rows are those of an earlier table refers to it.
  template <class T>
  static std::string describe(const std::string& path, const std::string& title, std::string_view meaning, T defaults,
                              Tables& tables) {
    ReferenceBuilder builder(path, tables);
    fields(builder, defaults);
    std::string text = "### " + title + "\n\n" + capitalized(meaning) + ".";
    if (builder.rows_.empty()) return text + "\n\n";
    const auto [own, repeated] = builder.split();
    if (own.empty()) return text + repeated + "\n\n";
    text += repeated;
    tables.emplace(own, title);
    text += "\n\n| field | values | default | meaning |\n| --- | --- | --- | --- |\n" + own + "\n";
    for (const auto& describe_section : builder.sections_) text += describe_section();
    return text;
  }

  template <class T>
  void field(std::string_view name, T& value, std::string_view meaning, const Rule& rule = {}) {
    const Json standard = Codec<T>::write(value);
    std::string shown_default = standard.is(Json::Kind::null) ? "unset" : code(standard);
    if (rule.is_required) shown_default = "required";
    row(name, Codec<T>::values(rule), shown_default, meaning, rule);
  }

  template <class T>
  void section(std::string_view name, T& value, std::string_view meaning, const Rule& rule = {}) {
    const std::string path = joined(path_, name);
    row(name, "object", rule.is_required ? "required" : "its defaults", meaning, rule);
    describe_later(path, "`" + path + "`", meaning, value);
  }

  template <class T>
  void optional_section(std::string_view name, std::optional<T>&, std::string_view meaning, const Rule& rule = {}) {
    const std::string path = joined(path_, name);
    row(name, "object", "unset", meaning, rule);
    describe_later(path, "`" + path + "`", meaning, T{});
  }

  template <class T>
  void sections(std::string_view name, std::vector<T>&, std::string_view meaning, const Rule& rule = {}) {
    const std::string path = joined(path_, name);
    row(name, "list of objects", "`[]`", meaning, rule);
    describe_later(path, "`" + path + "`, each entry", meaning, T{});
  }

  void blocks(std::string_view name, std::vector<Block>&, std::string_view meaning, const Rule& rule = {}) {
    row(name, "list of blocks", rule.is_required ? "required" : "those of the network file", meaning, rule);
  }

  void branches(std::string_view name, std::vector<std::vector<Block>>&, std::string_view meaning,
                const Rule& rule = {}) {
    row(name, "list of at most " + std::to_string(most_branches) + " lists of blocks", "required", meaning, rule);
  }

  void require(bool, std::string_view name, std::string_view rule) {
    rows_.push_back("| | | | `" + std::string(name) + "` " + cell(rule) + " |\n");
  }

 private:
  ReferenceBuilder(std::string path, Tables& tables) : path_(std::move(path)), tables_(tables) {}

  static std::string capitalized(std::string_view text) {
    std::string result(text);
    if (!result.empty() && result[0] >= 'a' && result[0] <= 'z') result[0] = static_cast<char>(result[0] - 'a' + 'A');
    return result;
  }

  /// A section is described after the table that names it, so that it can refer to that table.
  template <class T>
  void describe_later(const std::string& path, const std::string& title, std::string_view meaning, const T& defaults) {
    sections_.push_back([path, title, meaning = std::string(meaning), defaults, &tables = tables_] {
      return describe(path, title, meaning, defaults, tables);
    });
  }

  /// The rows that no earlier table has, and a sentence on the first or the last ones where an earlier table has them.
  std::pair<std::string, std::string> split() const {
    for (std::size_t count = rows_.size(); count == rows_.size() || count >= fewest_repeated; --count)
      if (const auto known = table_with(0, count); known != tables_.end())
        return {joined_rows(count, rows_.size()), sentence(0, count, known->second)};
    for (std::size_t row = 1; row + fewest_repeated <= rows_.size(); ++row)
      if (const auto known = table_with(row, rows_.size()); known != tables_.end())
        return {joined_rows(0, row), sentence(row, rows_.size(), known->second)};
    return {joined_rows(0, rows_.size()), ""};
  }

  std::string joined_rows(std::size_t begin, std::size_t end) const {
    const auto at = [this](std::size_t row) { return rows_.begin() + static_cast<std::ptrdiff_t>(row); };
    return join(std::vector<std::string>(at(begin), at(end)), "");
  }

  Tables::const_iterator table_with(std::size_t begin, std::size_t end) const {
    return std::find_if(tables_.cbegin(), tables_.cend(), [rows = joined_rows(begin, end)](const auto& table) {
      return table.first.find(rows) != std::string::npos;
    });
  }

  std::string sentence(std::size_t begin, std::size_t end, const std::string& title) const {
    const bool is_whole = end - begin == rows_.size();
    const std::string names = "`" + name_of(rows_[begin]) + "` to `" + name_of(rows_[end - 1]) + "`";
    return " " + (is_whole ? "The fields" : names) + " are those of " + title + ".";
  }

  static std::string name_of(const std::string& row) {
    const std::size_t begin = row.find('`') + 1;
    return row.substr(begin, row.find('`', begin) - begin);
  }

  void row(std::string_view name, const std::string& values, const std::string& standard, std::string_view meaning,
           const Rule& rule) {
    std::string text(meaning);
    if (!rule.applies_to.empty()) text += ". Only for " + rule.decided_by + " " + join(rule.applies_to);
    rows_.push_back("| `" + std::string(name) + "` | " + cell(values) + " | " + standard + " | " + cell(text) + " |\n");
  }

  std::string path_;
  Tables& tables_;
  std::vector<std::string> rows_;
  std::vector<std::function<std::string()>> sections_;
};

}  // namespace bnlab::config

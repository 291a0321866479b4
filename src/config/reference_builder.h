#pragma once
// The visitor of fields.h and experiment_fields.h that makes tables of them in Markdown.

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
 public:
  /// Heading, meaning and table of one struct, then those of its sections. A table is there once: a struct with the
  /// table and the sections of an earlier one refers to it.
  template <class T>
  static std::string describe(const std::string& path, const std::string& title, std::string_view meaning, T defaults,
                              Tables& tables) {
    ReferenceBuilder builder(path, tables);
    fields(builder, defaults);
    std::string text = "### " + title + "\n\n" + capitalized(meaning) + ".";
    if (builder.rows_.empty()) return text + "\n\n";
    const auto [known, is_new] = tables.emplace(builder.rows_, title);
    if (!is_new) return text + " The fields are those of " + known->second + ".\n\n";
    return text + "\n\n| field | values | default | meaning |\n| --- | --- | --- | --- |\n" + builder.rows_ + "\n" +
           builder.sections_;
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
    sections_ += describe(path, "`" + path + "`", meaning, value, tables_);
  }

  template <class T>
  void optional_section(std::string_view name, std::optional<T>&, std::string_view meaning, const Rule& rule = {}) {
    const std::string path = joined(path_, name);
    row(name, "object", "unset", meaning, rule);
    sections_ += describe(path, "`" + path + "`", meaning, T{}, tables_);
  }

  template <class T>
  void sections(std::string_view name, std::vector<T>&, std::string_view meaning, const Rule& rule = {}) {
    const std::string path = joined(path_, name);
    row(name, "list of objects", "`[]`", meaning, rule);
    sections_ += describe(path, "`" + path + "`, each entry", meaning, T{}, tables_);
  }

  void blocks(std::string_view name, std::vector<Block>&, std::string_view meaning, const Rule& rule = {}) {
    row(name, "list of blocks", rule.is_required ? "required" : "those of the network file", meaning, rule);
  }

  void branches(std::string_view name, std::vector<std::vector<Block>>&, std::string_view meaning,
                const Rule& rule = {}) {
    row(name, "list of at most " + std::to_string(most_branches) + " lists of blocks", "required", meaning, rule);
  }

  void require(bool, std::string_view name, std::string_view rule) {
    rows_ += "| | | | `" + std::string(name) + "` " + cell(rule) + " |\n";
  }

 private:
  ReferenceBuilder(std::string path, Tables& tables) : path_(std::move(path)), tables_(tables) {}

  static std::string capitalized(std::string_view text) {
    std::string result(text);
    if (!result.empty() && result[0] >= 'a' && result[0] <= 'z') result[0] = static_cast<char>(result[0] - 'a' + 'A');
    return result;
  }

  void row(std::string_view name, const std::string& values, const std::string& standard, std::string_view meaning,
           const Rule& rule) {
    std::string text(meaning);
    if (!rule.applies_to.empty()) text += ". Only for " + rule.decided_by + " " + join(rule.applies_to);
    rows_ += "| `" + std::string(name) + "` | " + cell(values) + " | " + standard + " | " + cell(text) + " |\n";
  }

  std::string path_;
  Tables& tables_;
  std::string rows_;
  std::string sections_;
};

}  // namespace bnlab::config

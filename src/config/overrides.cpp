#include "config/overrides.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "util/errors.h"

namespace bnlab::config {
namespace {

constexpr std::size_t most_parts = static_cast<std::size_t>(max_json_depth);

std::optional<std::vector<std::string>> split(std::string_view path) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t dot = path.find('.');
    parts.emplace_back(path.substr(0, dot));
    if (parts.back().empty() || parts.size() > most_parts) return std::nullopt;
    if (dot == std::string_view::npos) return parts;
    path.remove_prefix(dot + 1);
  }
}

// Through the parser too, so that a text of invalid UTF-8 is refused.
ParsedJson parse_word(std::string_view word, int source) {
  std::string text = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return parse_json(text + '"', source);
}

std::optional<std::size_t> index(const std::string& part) {
  std::size_t value = 0;
  const auto result = std::from_chars(part.data(), part.data() + part.size(), value);
  if (result.ec != std::errc() || result.ptr != part.data() + part.size()) return std::nullopt;
  return value;
}

}  // namespace

ParsedJson parse_value(std::string_view text, int source) {
  ParsedJson parsed = parse_json(text, source);
  if (parsed.error.empty() || text.starts_with('{') || text.starts_with('[') || text.starts_with('"')) return parsed;
  return parse_word(text, source);
}

std::string option_label(std::string_view option, std::string_view text) {
  constexpr std::size_t most = 100;
  std::string label = std::string(option) + (option.empty() ? "" : " ") + std::string(text.substr(0, most));
  return text.size() <= most ? label : label + "...";
}

std::vector<Override> parse_overrides(const std::vector<std::string>& texts, std::string_view option,
                                      Problems& problems) {
  std::vector<Override> overrides;
  for (const std::string& text : texts) {
    const int source = problems.add_source({.label = option_label(option, text), .has_lines = false, .layer = 1});
    const Origin origin{.source = source};
    const std::size_t equal = text.find('=');
    const auto path = split(std::string_view(text).substr(0, equal));
    if (equal == std::string::npos || !path) {
      problems.add(origin, "", "must be key.path=value");
      continue;
    }
    ParsedJson parsed = parse_value(std::string_view(text).substr(equal + 1), source);
    if (!parsed.error.empty())
      problems.add(origin, "",
                   parsed.error + ", at character " + std::to_string(parsed.column) +
                       " of the value; a text that begins with [, { or \" must be a JSON string: '\"[a]\"'");
    else
      overrides.push_back({*path, std::move(parsed.root)});
  }
  return overrides;
}

void refuse_repeated(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> values;  // by path, with a dot at its end
  for (const std::string& text : texts) {
    const std::size_t equal = std::min(text.find('='), text.size());
    const std::string path = text.substr(0, equal), value = text.substr(equal);
    const auto before = values.lower_bound(path + ".");  // it, or else the first key below it
    if (before != values.end() && before->first.starts_with(path + ".") && before->second != value)
      throw ConfigError("--set " + path + ": is given twice: " + before->first.substr(0, before->first.size() - 1) +
                        before->second + " and " + text + "; remove one");
    values[path + "."] = value;
  }
}

void apply(const Override& change, Json& root, Problems& problems) {
  Json* at = &root;
  std::string path;
  for (std::size_t i = 0; i < change.path.size(); ++i) {
    const std::string& part = change.path[i];
    const Origin& origin = change.value.origin;
    if (at->is(Json::Kind::list)) {
      const auto position = index(part);
      if (!position || *position >= at->items.size()) {
        const std::string size = std::to_string(at->items.size());
        problems.add(origin, joined(path, part),
                     "no such entry: " + path + " is a list of " + size + ", counted from 0");
        return;
      }
      at = &at->items[*position];
    } else if (at->is(Json::Kind::object)) {
      if (!at->find(part)) {
        if (i + 1 < change.path.size() && index(change.path[i + 1])) {
          const std::string whole = joined(path, part);
          problems.add(origin, whole,
                       "is not set, so it has no entries; set the whole list, as in " + whole + "=[...]");
          return;
        }
        Json made = Json::object();
        made.origin = origin;
        at->set(part, std::move(made));
      }
      at = at->find(part);
    } else {
      problems.add(origin, path, "is " + shown(*at) + ", which has no field \"" + part + "\"");
      return;
    }
    path = joined(path, part);
  }
  *at = change.value;
}

}  // namespace bnlab::config

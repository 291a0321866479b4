#include "config/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <unordered_set>
#include <utility>

namespace bnlab::config {

Json::Json() = default;
Json::Json(bool value) : kind(Kind::boolean), boolean(value) {}
Json::Json(std::int64_t value) : kind(Kind::integer), integer(value) {}
Json::Json(double value) : kind(Kind::real), real(value) {}
Json::Json(std::string_view value) : kind(Kind::text), text(value) {}
Json::Json(const char* value) : Json(std::string_view(value)) {}

Json Json::list() {
  Json json;
  json.kind = Kind::list;
  return json;
}

Json Json::object() {
  Json json;
  json.kind = Kind::object;
  return json;
}

const Json* Json::find(std::string_view key) const {
  for (const JsonMember& member : members)
    if (member.key == key) return &member.value;
  return nullptr;
}

Json* Json::find(std::string_view key) {
  for (JsonMember& member : members)
    if (member.key == key) return &member.value;
  return nullptr;
}

Json& Json::set(std::string_view key, Json value) {
  if (Json* old = find(key))
    *old = std::move(value);
  else
    members.push_back({std::string(key), std::move(value)});
  return *this;
}

Json& Json::set(std::string_view key, std::string_view value) { return set(key, Json(value)); }

namespace {

// Hands out the text and tells how far the parser has read: the SAX interface of nlohmann/json gives no positions.
class TrackedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedIterator(const char* at, const char** furthest) : at_(at), furthest_(furthest) {}
  const char& operator*() const { return *at_; }
  TrackedIterator& operator++() {
    *furthest_ = ++at_;
    return *this;
  }
  TrackedIterator operator++(int) {
    TrackedIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const TrackedIterator& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  const char** furthest_;
};

// Builds the tree. Every callback returns whether to continue.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(std::string_view text, int source, const char** furthest)
      : text_(text), source_(source), furthest_(furthest), counted_(text.data()) {}

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(std::int64_t value) override { return add(Json(value)); }
  bool number_unsigned(std::uint64_t value) override {
    if (std::in_range<std::int64_t>(value)) return add(Json(static_cast<std::int64_t>(value)));
    Json json(static_cast<double>(value));
    json.text = std::to_string(value);
    return add(std::move(json));
  }
  bool number_float(double value, const std::string& written) override {
    Json json(value);
    json.text = written;
    return add(std::move(json));
  }
  bool string(std::string& value) override { return add(Json(value)); }
  bool binary(nlohmann::json::binary_t&) override { return fail("binary data"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::list()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (!open_.back().keys.insert(name).second) return fail("key " + in_quotes(name) + " appears twice in one object");
    open_.back().key = name;
    return true;
  }
  bool parse_error(std::size_t, const std::string& token, const nlohmann::detail::exception& error) override {
    return fail(explain(token, error.what()));
  }

  ParsedJson refuse(std::string error) {
    error_ = std::move(error);
    return take();
  }

  ParsedJson take() {
    if (error_.empty()) return {.root = std::move(root_), .error = {}};
    const char* const begin = text_.data();
    const char* const at = std::max(begin, *furthest_ - 1);
    const char* line = at;
    while (line > begin && line[-1] != '\n') --line;
    const auto letters = std::count_if(line, at, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    return {.root = {},
            .error = std::move(error_),
            .line = static_cast<int>(1 + std::count(begin, line, '\n')),
            .column = static_cast<int>(1 + letters)};
  }

 private:
  struct Open {
    Json json;
    std::string key;
    std::unordered_set<std::string> keys;
  };

  // The parser has read a number one character too far, so the last character read is not counted.
  int line() {
    const char* const last = std::max(counted_, *furthest_ - 1);
    line_ += static_cast<int>(std::count(counted_, last, '\n'));
    counted_ = last;
    return line_;
  }

  bool stamp(Json& json) {
    json.origin = {source_, line(), order_++};
    return order_ <= max_json_values || fail("more than " + std::to_string(max_json_values) + " values");
  }

  bool attach(Json json) {
    if (open_.empty()) {
      root_ = std::move(json);
    } else if (open_.back().json.is(Json::Kind::list)) {
      open_.back().json.items.push_back(std::move(json));
    } else {
      open_.back().json.members.push_back({std::move(open_.back().key), std::move(json)});
    }
    return true;
  }

  bool add(Json json) { return stamp(json) && attach(std::move(json)); }

  bool open(Json json) {
    if (open_.size() >= static_cast<std::size_t>(max_json_depth))
      return fail("nested deeper than " + std::to_string(max_json_depth) + " levels");
    if (!stamp(json)) return false;
    open_.push_back({std::move(json), {}, {}});
    return true;
  }

  bool close() {
    Json json = std::move(open_.back().json);
    open_.pop_back();
    return attach(std::move(json));
  }

  bool fail(std::string error) {
    error_ = std::move(error);
    return false;
  }

  // The parser's own words without its codes and positions, which are counted in another way.
  std::string explain(const std::string& token, std::string_view what) const {
    if (text_.find_first_not_of(" \t\r\n") == std::string_view::npos) return "the text is empty";
    if (const auto code = what.find("] "); code != std::string_view::npos) what.remove_prefix(code + 2);
    if (what.starts_with("parse error at "))
      if (const auto position = what.find(": "); position != std::string_view::npos) what.remove_prefix(position + 2);
    std::string text = "not valid JSON: ";
    for (const char c : what.substr(0, 200)) text += static_cast<unsigned char>(c) < 0x80 ? c : '?';
    if (what.size() > 200) text += "...";
    if (token.ends_with('/')) text += " (comments are not allowed)";
    return text;
  }

  std::string_view text_;
  int source_;
  const char** furthest_;
  const char* counted_;
  int line_ = 1;
  int order_ = 0;
  Json root_;
  std::vector<Open> open_;
  std::string error_;
};

std::string escaped(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

constexpr std::size_t line_width = 120;

// One line, or nothing once it is longer than `room`.
bool on_one_line(const Json& json, std::size_t room, std::string& line) {
  switch (json.kind) {
    case Json::Kind::null:
      line += "null";
      break;
    case Json::Kind::boolean:
      line += json.boolean ? "true" : "false";
      break;
    case Json::Kind::integer:
      line += std::to_string(json.integer);
      break;
    case Json::Kind::real:
      line += number_text(json.real);
      break;
    case Json::Kind::text:
      line += escaped(json.text);
      break;
    case Json::Kind::list:
      line += '[';
      for (const Json& item : json.items) {
        if (&item != &json.items.front()) line += ", ";
        if (!on_one_line(item, room, line)) return false;
      }
      line += ']';
      break;
    case Json::Kind::object:
      line += '{';
      for (const JsonMember& member : json.members) {
        if (&member != &json.members.front()) line += ", ";
        line += escaped(member.key) + ": ";
        if (!on_one_line(member.value, room, line)) return false;
      }
      line += '}';
      break;
  }
  return line.size() <= room;
}

// `used`: columns of the line that are taken before and after the value.
void format(const Json& json, std::size_t indent, std::size_t used, std::string& out) {
  std::string line;
  const bool leaf = json.items.empty() && json.members.empty();
  if (on_one_line(json, leaf ? line.max_size() : line_width - std::min(line_width, used), line)) {
    out += line;
    return;
  }
  const std::string margin(indent + 2, ' ');
  const bool list = json.is(Json::Kind::list);
  out += list ? "[\n" : "{\n";
  for (const Json& item : json.items) {
    out += margin;
    format(item, indent + 2, indent + 3, out);
    out += &item == &json.items.back() ? "\n" : ",\n";
  }
  for (const JsonMember& member : json.members) {
    const std::string key = escaped(member.key) + ": ";
    out += margin + key;
    format(member.value, indent + 2, indent + 3 + key.size(), out);
    out += &member == &json.members.back() ? "\n" : ",\n";
  }
  out += std::string(indent, ' ') + (list ? "]" : "}");
}

}  // namespace

ParsedJson parse_json(std::string_view text, int source) {
  const char* furthest = text.data();
  TreeBuilder builder(text, source, &furthest);
  // The parser takes a NUL for the end of the text and would pass over what follows.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    furthest += nul + 1;
    return builder.refuse("not valid JSON: a NUL byte");
  }
  const TrackedIterator begin(text.data(), &furthest), end(text.data() + text.size(), &furthest);
  nlohmann::json::sax_parse(begin, end, &builder);
  return builder.take();
}

std::string format_json(const Json& json) {
  std::string out;
  // The outermost braces stand alone, however short the rest.
  if (json.is(Json::Kind::object) && !json.members.empty())
    format(json, 0, line_width, out);
  else
    format(json, 0, 0, out);
  return out + "\n";
}

std::string shown(const Json& json) {
  switch (json.kind) {
    case Json::Kind::text:
      return in_quotes(json.text);
    case Json::Kind::real:
      if (!json.text.empty()) return json.text.size() <= 60 ? json.text : json.text.substr(0, 60) + "...";
      break;
    default:
      break;
  }
  std::string line;
  if (on_one_line(json, 60, line)) return line;
  return json.is(Json::Kind::list) ? "a list" : "an object";
}

std::string in_quotes(std::string_view text) {
  if (text.size() <= 60) return escaped(text);
  std::size_t end = 60;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return escaped(text.substr(0, end)) + "...";
}

std::string number_text(double value) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, result.ptr);
  // So that a real stays one when it is read again.
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

}  // namespace bnlab::config

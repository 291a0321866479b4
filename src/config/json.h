#pragma once
// JSON text as a tree that keeps the order of the keys and knows where each value came from. For src/config alone.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bnlab::config {

/// Where a value was written: `source` is an index into the list of texts that were read, `order` counts the values of
/// one text.
struct Origin {
  int source = 0;
  int line = 1;
  int order = 0;
};

struct JsonMember;

struct Json {
  enum class Kind { null, boolean, integer, real, text, list, object };

  Kind kind = Kind::null;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;  // a text, or a real as it was written
  std::vector<Json> items;
  std::vector<JsonMember> members;
  Origin origin;

  Json();
  explicit Json(bool value);
  explicit Json(std::int64_t value);
  explicit Json(double value);
  explicit Json(std::string_view value);
  explicit Json(const char* value);
  static Json list();
  static Json object();

  bool is(Kind other) const { return kind == other; }
  /// The value of a key, or null when there is none.
  const Json* find(std::string_view key) const;
  Json* find(std::string_view key);
  /// Adds or replaces a member; an object.
  Json& set(std::string_view key, Json value);
  Json& set(std::string_view key, std::string_view value);
};

struct JsonMember {
  std::string key;
  Json value;
};

/// What parse_json made of a text: `error` is empty when `root` holds it all.
struct ParsedJson {
  Json root;
  std::string error;
  int line = 1;
  int column = 1;
};

/// Parses strict JSON (RFC 8259, no comments). An error where RFC 8259 has one, and for a key that appears twice in an
/// object, a number beyond the range of double, nesting deeper than `max_json_depth` and more than `max_json_values`
/// values.
ParsedJson parse_json(std::string_view text, int source);
inline constexpr int max_json_depth = 256;
inline constexpr int max_json_values = 300'000;

/// JSON text, two spaces a level; what fits into 120 columns stands on one line. Ends with a newline.
std::string format_json(const Json& json);

/// The value as an error shows it: a number as written, a text in quotes, a list or object where it is short.
std::string shown(const Json& json);

/// A text in quotes, escaped, cut where it is long.
std::string in_quotes(std::string_view text);

/// The shortest text that reads back as the same number.
std::string number_text(double value);

}  // namespace bnlab::config

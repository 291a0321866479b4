#include "config/codecs.h"

#include <cmath>

#include "config/find_kind.h"
#include "util/printable.h"

namespace bnlab::config {

/// The masks that are one word.
template <>
struct Names<LayerMask::Kind> {
  using Kind = LayerMask::Kind;
  static constexpr Named<Kind> table[] = {
      {"all", Kind::all}, {"none", Kind::none}, {"first", Kind::first}, {"last", Kind::last}};
};

namespace {

// Bounds are whole numbers or powers of ten; whole numbers are written without a decimal point.
Json bound_json(double bound) {
  constexpr double exact = 9007199254740992;  // 2^53
  if (std::trunc(bound) == bound && std::abs(bound) <= exact) return Json(static_cast<std::int64_t>(bound));
  return Json(bound);
}

std::string bound_text(double bound) { return shown(bound_json(bound)); }

Json any_of(std::initializer_list<Json> schemas) {
  Json list = Json::list();
  list.items = schemas;
  return Json::object().set("anyOf", std::move(list));
}

Json texts(const std::vector<std::string>& words) {
  Json list = Json::list();
  for (const std::string& word : words) list.items.emplace_back(word);
  return Json::object().set("enum", std::move(list));
}

}  // namespace

std::string broken_bound(const Rule& rule, double number) {
  if (rule.low && (rule.low->inclusive ? number < rule.low->value : number <= rule.low->value))
    return (rule.low->inclusive ? "must be at least " : "must be above ") + bound_text(rule.low->value);
  if (rule.high && (rule.high->inclusive ? number > rule.high->value : number >= rule.high->value))
    return (rule.high->inclusive ? "must be at most " : "must be below ") + bound_text(rule.high->value);
  return "";
}

std::string range_text(const Rule& rule) {
  std::string text;
  // The bound that only keeps a number finite is not shown.
  const auto is_told = [](const Rule::Bound& bound) { return std::abs(bound.value) < largest; };
  if (rule.low && is_told(*rule.low)) text = (rule.low->inclusive ? " >= " : " > ") + bound_text(rule.low->value);
  if (!rule.high || !is_told(*rule.high)) return text;
  return text + (text.empty() ? " " : ", ") + (rule.high->inclusive ? "<= " : "< ") + bound_text(rule.high->value);
}

Json bounds_schema(std::string_view type, const Rule& rule) {
  Json schema = Json::object().set("type", type);
  if (rule.low) schema.set(rule.low->inclusive ? "minimum" : "exclusiveMinimum", bound_json(rule.low->value));
  if (rule.high) schema.set(rule.high->inclusive ? "maximum" : "exclusiveMaximum", bound_json(rule.high->value));
  return schema;
}

bool Codec<std::int64_t>::read(const Input& in, std::int64_t& value) {
  constexpr double exact = 9007199254740992;  // 2^53
  std::int64_t number = in.json.integer;
  if (in.json.is(Json::Kind::real)) {
    // As in JSON Schema, 1e3 is an integer.
    const double real = in.json.real;
    if (std::trunc(real) != real) return in.wrong("must be an integer");
    if (const std::string broken = broken_bound(in.rule, real); !broken.empty()) return in.wrong(broken);
    if (std::abs(real) > exact)
      return in.wrong("must be below 2^63, and written without a point or exponent above 2^53");
    number = static_cast<std::int64_t>(real);
  } else if (!in.json.is(Json::Kind::integer)) {
    return in.wrong("must be an integer");
  }
  if (const std::string broken = broken_bound(in.rule, static_cast<double>(number)); !broken.empty())
    return in.wrong(broken);
  value = number;
  return true;
}

std::optional<std::string> text_in(const Json& json, const Problems& problems) {
  if (json.is(Json::Kind::text)) return json.text;
  if (!problems.is_override(json.origin)) return std::nullopt;
  switch (json.kind) {
    case Json::Kind::integer:
      return std::to_string(json.integer);
    case Json::Kind::real:
      return json.text;
    case Json::Kind::boolean:
      return json.boolean ? "true" : "false";
    case Json::Kind::null:
      return "null";
    case Json::Kind::text:
    case Json::Kind::list:
    case Json::Kind::object:
      break;
  }
  return std::nullopt;
}

bool is_plain_file_name(std::string_view text) {
  return text.find_first_of("/\\") == std::string_view::npos && text.find("..") == std::string_view::npos &&
         text.find('\0') == std::string_view::npos && text != ".";
}

namespace {

/// A name that can stand in a table, in a pattern and in a label such as "batch[std=0.1]" as it is.
bool is_name(std::string_view text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && is_plain(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_plain(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace

bool Codec<std::string>::read(const Input& in, std::string& value) {
  const std::optional<std::string> given = text_in(in.json, in.problems);
  if (!given) return in.wrong("must be a text");
  const std::string& text = *given;
  if (in.rule.is_not_empty && text.empty()) return in.wrong("must not be empty");
  if (text.find('\0') != std::string::npos) return in.wrong("must not hold a NUL character");
  if (in.rule.is_file_name && on_one_line(text) != text)
    return in.wrong("must not hold a newline or another control character");
  if (in.rule.is_file_name && !is_plain_file_name(text)) return in.wrong("must be a plain file name, without / and ..");
  if (in.rule.is_name && !is_name(text))
    return in.wrong("must be letters, digits, ., _ and -, the first a letter or a digit");
  value = text;
  return true;
}

Json Codec<std::string>::schema(const Rule& rule) {
  Json schema = Json::object().set("type", "string");
  if (rule.is_not_empty) schema.set("minLength", Json(std::int64_t{1}));
  if (rule.is_file_name) schema.set("pattern", "^(?!\\.$|.*\\.\\.)[^/\\\\\\u0000-\\u001f\\u007f-\\u009f]*$");
  if (rule.is_name) schema.set("pattern", "^[A-Za-z0-9][A-Za-z0-9._-]*$");
  return schema;
}

bool Codec<Extent>::read(const Input& in, Extent& value) {
  Extent extent;
  if (in.json.is(Json::Kind::list)) {
    if (in.json.items.size() != 2) return in.wrong("must be a number or [height, width]");
    const std::string first = joined(in.path, std::size_t{0}), second = joined(in.path, std::size_t{1});
    const bool height = Codec<std::int64_t>::read(in.at(in.json.items[0], first), extent.height);
    const bool width = Codec<std::int64_t>::read(in.at(in.json.items[1], second), extent.width);
    if (!height || !width) return false;
  } else if (in.json.is(Json::Kind::integer) || in.json.is(Json::Kind::real)) {
    if (!Codec<std::int64_t>::read(in, extent.height)) return false;
    extent.width = extent.height;
  } else {
    return in.wrong("must be an integer or [height, width]");
  }
  value = extent;
  return true;
}

Json Codec<Extent>::write(const Extent& value) {
  if (value.height == value.width) return Json(value.height);
  Json list = Json::list();
  list.items = {Json(value.height), Json(value.width)};
  return list;
}

Json Codec<Extent>::schema(const Rule& rule) {
  const Json side = bounds_schema("integer", rule);
  const Json two(std::int64_t{2});
  Json pair = Json::object().set("type", "array").set("items", side).set("minItems", two).set("maxItems", two);
  return any_of({side, std::move(pair)});
}

bool Codec<Padding>::read(const Input& in, Padding& value) {
  if (in.json.is(Json::Kind::text)) {
    if (in.json.text != "same") return in.wrong("must be \"same\", an integer or [height, width]");
    value = {.same = true, .extent = {0, 0}};
    return true;
  }
  Extent extent;
  if (!Codec<Extent>::read(in, extent)) return false;
  value = {.same = false, .extent = extent};
  return true;
}

Json Codec<Padding>::write(const Padding& value) {
  return value.same ? Json("same") : Codec<Extent>::write(value.extent);
}

Json Codec<Padding>::schema(const Rule& rule) { return any_of({texts({"same"}), Codec<Extent>::schema(rule)}); }

bool Codec<LayerMask>::read(const Input& in, LayerMask& value) {
  LayerMask mask;
  const auto word = in.json.is(Json::Kind::text) ? find_kind<LayerMask::Kind>(in.json.text) : std::nullopt;
  if (word) {
    mask.kind = *word;
  } else if (in.json.is(Json::Kind::list)) {
    mask.kind = LayerMask::Kind::list;
    const Rule rule = Rule(in.rule).not_empty();
    if (!Codec<std::vector<std::int64_t>>::read({in.json, in.path, rule, in.problems}, mask.list)) return false;
  } else if (in.json.is(Json::Kind::object) && !in.json.members.empty()) {
    mask.kind = LayerMask::Kind::every;
    for (const JsonMember& member : in.json.members) {
      const std::string path = joined(in.path, member.key);
      if (member.key != "every") {
        in.problems.add(member.value.origin, path, "unknown key" + hint_text(member.key, {"every"}));
        return false;
      }
      if (!Codec<std::int64_t>::read(in.at(member.value, path), mask.every)) return false;
    }
  } else {
    return in.wrong("must be \"all\", \"none\", \"first\", \"last\", a list such as [1, 3], or {\"every\": n}");
  }
  value = mask;
  return true;
}

Json Codec<LayerMask>::write(const LayerMask& value) {
  switch (value.kind) {
    case LayerMask::Kind::all:
    case LayerMask::Kind::none:
    case LayerMask::Kind::first:
    case LayerMask::Kind::last:
      return Json(name_of(value.kind));
    case LayerMask::Kind::list:
      return Codec<std::vector<std::int64_t>>::write(value.list);
    case LayerMask::Kind::every:
      return Json::object().set("every", Json(value.every));
  }
  return Json();
}

Json Codec<LayerMask>::schema(const Rule& rule) {
  Json every = Json::object()
                   .set("type", "object")
                   .set("properties", Json::object().set("every", Codec<std::int64_t>::schema(rule)))
                   .set("additionalProperties", Json(false));
  Json names = Json::list();
  names.items = {Json("every")};
  every.set("required", std::move(names));
  const Rule list = Rule(rule).not_empty();
  return any_of({texts(names_of<LayerMask::Kind>()), Codec<std::vector<std::int64_t>>::schema(list), std::move(every)});
}

}  // namespace bnlab::config

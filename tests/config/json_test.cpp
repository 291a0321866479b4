#include "config/json.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "config/config_testing.h"

namespace bnlab::config {
namespace {

struct Refused {
  std::string text;
  int line, column;
  std::string error;
};

TEST(ParseJson, TellsWhereAndWhy) {
  const Refused cases[] = {
      {"", 1, 1, "the text is empty"},
      {" \n\t", 2, 1, "the text is empty"},
      {"{\"a\": 1,\n \"b\": nan}", 2, 8, "invalid literal"},
      {"{\"a\": 1,\n \"b\": 1e999}", 2, 12, "number overflow parsing '1e999'"},
      {"{\"a\": 1,\n \"b\": 2,\n \"a\": 3}", 3, 4, "key \"a\" appears twice in one object"},
      {"{\"a\": 1}\n}", 2, 1, "expected end of input"},
      {"{\"a\": 1}\n// note", 2, 1, "comments are not allowed"},
      {"{\"a\": 1,}", 1, 9, "expected string literal"},
      {"{\"a\": \"\xff\"}", 1, 8, "ill-formed UTF-8 byte"},
      {"{\"ä\": \"\xc3\"}", 1, 9, "ill-formed UTF-8 byte"},
      {"{\"a\": \"b\nc\"}", 1, 9, "control character"},
      {"{\"a\": [1, 2", 1, 11, "unexpected end of input"},
      {"{'a': 1}", 1, 2, "invalid literal"},
      {std::string("{\"a\":\n1}\0{", 10), 2, 3, "a NUL byte"},
      {"\xef\xbb", 1, 2, "BOM"},
  };
  for (const Refused& refused : cases) {
    const ParsedJson parsed = parse_json(refused.text, 0);
    EXPECT_FALSE(parsed.error.empty()) << refused.text;
    EXPECT_NE(parsed.error.find(refused.error), std::string::npos) << parsed.error;
    EXPECT_EQ(parsed.line, refused.line) << refused.text << ": " << parsed.error;
    EXPECT_EQ(parsed.column, refused.column) << refused.text << ": " << parsed.error;
  }
}

TEST(ParseJson, SurvivesHostileTexts) {
  const std::string limit = "nested deeper than 256 levels";
  for (const std::string part : {"[", "{\"a\":", "[[{\"a\":"}) {
    std::string text;
    for (int i = 0; i < 10'000; ++i) text += part;
    EXPECT_EQ(parse_json(text, 0).error, limit);
  }
  std::string many = "[0";
  for (int i = 0; i < max_json_values; ++i) many += ",0";
  EXPECT_EQ(parse_json(many + "]", 0).error, "more than 300000 values");
  std::string keys = "{";
  for (int i = 0; i < 100'000; ++i) keys += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_EQ(parse_json(keys + "\"k\":0}", 0).error, "");
  const ParsedJson long_text = parse_json("{\"a\": \"" + std::string(1'000'000, 'x'), 0);
  EXPECT_LT(long_text.error.size(), 400u);
}

TEST(ParseJson, EveryCutAndEveryByteGivesAnErrorOrAValue) {
  const std::string text = "{\"a\": [1, -2.5e3, true, null, \"\\u00e4\xc3\xa4\"], \"b\": {}}";
  ASSERT_EQ(parse_json(text, 0).error, "");
  for (std::size_t cut = 0; cut < text.size(); ++cut) EXPECT_NE(parse_json(text.substr(0, cut), 0).error, "") << cut;
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(byte);
      const ParsedJson parsed = parse_json(damaged, 0);
      if (parsed.error.empty()) format_json(parsed.root);
    }
  }
}

TEST(ParseJson, KeepsOrderAndLines) {
  const Json root = parse_json("{\"b\": 1,\n\"a\":\n[2,\n3]}", 7).root;
  ASSERT_EQ(root.members.size(), 2u);
  EXPECT_EQ(root.members[0].key, "b");
  EXPECT_EQ(root.members[1].value.origin.line, 3);
  EXPECT_EQ(root.members[1].value.items[0].origin.line, 3);
  EXPECT_EQ(root.members[1].value.items[1].origin.line, 4);
  EXPECT_EQ(root.members[1].value.items[1].origin.source, 7);
  EXPECT_LT(root.members[0].value.origin.order, root.members[1].value.origin.order);
}

TEST(FormatJson, ReadsBackTheSame) {
  const std::string text = R"({"text": "a\"\\\u0001ä", "list": [1, -5, 9223372036854775807, 0.1, 1e-05, 1e+30, -0.0],)"
                           R"( "none": null, "flag": false, "empty": [[], {}]})";
  const ParsedJson parsed = parse_json(text, 0);
  ASSERT_EQ(parsed.error, "");
  const std::string once = format_json(parsed.root);
  EXPECT_EQ(format_json(parse_json(once, 0).root), once);
  EXPECT_EQ(once.substr(0, 4), "{\n  ");
  EXPECT_EQ(once.back(), '\n');
}

TEST(FormatJson, BreaksLongLinesOnly) {
  Json list = Json::list();
  for (std::int64_t i = 0; i < 60; ++i) list.items.emplace_back(i);
  const std::string text = format_json(Json::object().set("short", Json(true)).set("long", list));
  EXPECT_EQ(text.substr(0, 36), "{\n  \"short\": true,\n  \"long\": [\n    0");
  EXPECT_EQ(text.substr(text.size() - 13), "    59\n  ]\n}\n");
}

TEST(NumberText, IsTheShortestThatReadsBack) {
  EXPECT_EQ(number_text(0.1), "0.1");
  EXPECT_EQ(number_text(1), "1.0");
  EXPECT_EQ(number_text(1e-5), "1e-05");
  for (const double value : {1.0 / 3, 1e300, std::numeric_limits<double>::denorm_min(), -0.0, 123456789.0})
    EXPECT_EQ(parse_json(number_text(value), 0).root.real, value);
}

TEST(Shown, CutsLongValues) {
  EXPECT_EQ(shown(Json("ten")), "\"ten\"");
  EXPECT_EQ(shown(parse_json("[1, 2]", 0).root), "[1, 2]");
  EXPECT_EQ(shown(parse_json("1.50", 0).root), "1.50");
  EXPECT_LT(shown(Json(std::string(1'000'000, 'x'))).size(), 80u);
  std::string umlauts = "x";
  for (int i = 0; i < 100; ++i) umlauts += "ä";
  EXPECT_EQ(parse_json(in_quotes(umlauts).substr(0, in_quotes(umlauts).size() - 3), 0).error, "");
  EXPECT_EQ(shown(parse_json("[\"" + std::string(100, 'x') + "\"]", 0).root), "a list");
}

}  // namespace
}  // namespace bnlab::config

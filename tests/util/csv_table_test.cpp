#include "util/csv_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "util/csv.h"
#include "util/errors.h"
#include "util/test_files.h"
#include "util/text_table.h"

namespace bnlab {
namespace {

using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

std::string problem_of(const std::string& text) {
  return test::error_text<DataError>([&] { parse_csv(text, "f.csv"); });
}

TEST(CsvTable, HeaderAndRows) {
  const CsvTable table = parse_csv("a,b,c\n1,2,3\n4,,\n", "f.csv");
  EXPECT_EQ(table.columns, (Row{"a", "b", "c"}));
  EXPECT_EQ(table.rows, (Rows{{"1", "2", "3"}, {"4", "", ""}}));
  EXPECT_EQ(table.find("b"), 1u);
  EXPECT_FALSE(table.find("d"));
  EXPECT_FALSE(table.find(""));
  EXPECT_TRUE(parse_csv("a,b\n", "f.csv").rows.empty());
}

TEST(CsvTable, Quotes) {
  EXPECT_EQ(parse_csv("a,b\n\"x, y\",\"say \"\"no\"\"\"\n\"\",\"\"\"\"\n", "f").rows,
            (Rows{{"x, y", "say \"no\""}, {"", "\""}}));
  EXPECT_EQ(parse_csv("\"a,1\",\"b\nc\"\n1,2\n", "f").columns, (Row{"a,1", "b\nc"}));
  // Quotes within a value that has none at its start are letters.
  EXPECT_EQ(parse_csv("a,b\nx\"y\",z\n", "f").rows, (Rows{{"x\"y\"", "z"}}));
}

TEST(CsvTable, NewlinesInValuesAndLineEndsOfWindows) {
  EXPECT_EQ(parse_csv("a,b\r\n1,2\r\n\"3\",\"4\"\r\n5,\r\n", "f").rows, (Rows{{"1", "2"}, {"3", "4"}, {"5", ""}}));
  EXPECT_EQ(parse_csv("a,b\n\"one\ntwo\r\n\",2\n3,4\n", "f").rows, (Rows{{"one\ntwo\r\n", "2"}, {"3", "4"}}));
  // A carriage return in quotes is the value's own.
  EXPECT_EQ(parse_csv("a\n\"x\r\"\n", "f").rows, (Rows{{"x\r"}}));
}

TEST(CsvTable, ALastLineThatIsNotWholeIsLeftOut) {
  EXPECT_EQ(parse_csv("a,b\n1,2\n3,4", "f").rows, (Rows{{"1", "2"}}));
  EXPECT_EQ(parse_csv("a,b\n1,2\n3", "f").rows, (Rows{{"1", "2"}}));
  EXPECT_EQ(parse_csv("a,b\n1,2\n\"3\n", "f").rows, (Rows{{"1", "2"}}));
  EXPECT_EQ(parse_csv("a,b\n1,2\n3,\"4\"", "f").rows, (Rows{{"1", "2"}}));
  EXPECT_TRUE(parse_csv("a,b\n1,2\n3,4", "f").is_cut_off);
  EXPECT_TRUE(parse_csv("a,b\n1,2\n\"3\n", "f").is_cut_off);
  EXPECT_FALSE(parse_csv("a,b\n1,2\n", "f").is_cut_off);
  EXPECT_FALSE(parse_csv("a,b\n", "f").is_cut_off);
}

TEST(CsvTable, Damage) {
  EXPECT_EQ(problem_of(""), "f.csv: empty or cut off: it has no whole header");
  EXPECT_EQ(problem_of("a,b"), "f.csv: empty or cut off: it has no whole header");
  EXPECT_EQ(problem_of("a,b\n1,2\n3\n4,5\n"), "f.csv:3: 1 values, expected 2");
  EXPECT_EQ(problem_of("a,b\n1,2,3\n"), "f.csv:2: 3 values, expected 2");
  EXPECT_EQ(problem_of("a,b\n\n1,2\n"), "f.csv:2: 1 values, expected 2");
  // Lines are those of the file, also behind a value of several.
  EXPECT_EQ(problem_of("a,b\n\"1\n1\n1\",2\n3\n"), "f.csv:5: 1 values, expected 2");
  EXPECT_EQ(problem_of("a,b\n1,2\n\"3\"x,4\n"), "f.csv:3: a quoted value is followed by text");
  EXPECT_EQ(problem_of("a,b\n\"3\"\"x\" \"y\",4\n"), "f.csv:2: a quoted value is followed by text");
}

TEST(CsvTable, Files) {
  const test::TemporaryFolder folder;
  test::expect_contains(test::error_text<DataError>([&] { read_csv(folder / "none.csv"); }), "none.csv");
  test::write_text(folder / "f.csv", "a\n1\n");
  EXPECT_EQ(read_csv(folder / "f.csv").rows, (Rows{{"1"}}));
}

TEST(CsvTable, ReadsWhatTheWriterWrites) {
  const test::TemporaryFolder folder;
  const Row texts{"plain", "", "a,b", "\"", "line\nline", "ä", " x ", "-"};
  const std::vector<double> numbers{0.1,
                                    -2.5e-30,
                                    1e300,
                                    5e-324,
                                    std::nan(""),
                                    std::numeric_limits<double>::infinity(),
                                    -std::numeric_limits<double>::infinity()};
  {
    CsvWriter writer(folder / "f.csv", {"text", "number", "a,\"b"});
    for (const std::string& text : texts) {
      writer.add(text).add(1.5).add(std::int64_t{-7});
      writer.end_row();
    }
    for (const double number : numbers) {
      writer.add("").add(number).add(std::int64_t{0});
      writer.end_row();
    }
  }
  const CsvTable table = read_csv(folder / "f.csv");
  EXPECT_EQ(table.columns[2], "a,\"b");
  ASSERT_EQ(table.rows.size(), texts.size() + numbers.size());
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(table.rows[i], (Row{texts[i], "1.5", "-7"}));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto read = csv_number(table.rows[texts.size() + i][1]);
    ASSERT_TRUE(read) << numbers[i];
    if (std::isnan(numbers[i]))
      EXPECT_TRUE(std::isnan(*read));
    else if (std::isinf(numbers[i]))
      EXPECT_EQ(*read, numbers[i]);
    else
      EXPECT_NEAR(*read / numbers[i], 1, 5e-9);  // nine digits
  }
}

TEST(CsvNumber, NumbersAndWhatIsNone) {
  EXPECT_EQ(csv_number("-1.5e3"), -1500.0);
  EXPECT_EQ(csv_number("0"), 0.0);
  EXPECT_TRUE(std::isnan(*csv_number("nan")));
  EXPECT_TRUE(std::isnan(*csv_number("-nan")));
  EXPECT_EQ(csv_number("-inf"), -std::numeric_limits<double>::infinity());
  for (const char* text : {"", " 1", "1 ", "1x", "x", "+1", "0x10", "1,5", "NaN", "Inf", "infinity", "nan(1)", "1e999",
                           "--1", "e5", ".", "1e"})
    EXPECT_FALSE(csv_number(text)) << text;
}

TEST(TextTable, ColumnsOfEqualWidth) {
  EXPECT_EQ(table({{"a", "bb", "c"}, {"aaa", "b", "10"}}, 2), "a    bb   c\naaa  b   10\n");
  EXPECT_EQ(table({{"a", ""}, {"b", "2"}}, 1), "a\nb  2\n");
}

/// The rows of a file that CsvFile reads.
Rows rows_of(const std::filesystem::path& file) {
  CsvFile csv(file);
  Rows rows;
  while (auto row = csv.next()) rows.push_back(*row);
  return rows;
}

TEST(CsvFile, ReadsWhatParseCsvReads) {
  const test::TemporaryFolder folder;
  std::string text = "a,b\n";
  // Rows that end before, at and behind the ends of the pieces that are read, and one that is longer than a piece.
  for (int i = 0; i < 20000; ++i)
    text += std::to_string(i) + ",\"x\n\"\"" + std::string(static_cast<std::size_t>(i % 7), 'y') + "\"\n";
  text += "long," + std::string(200'000, 'z') + "\n1,2\n";
  test::write_text(folder / "f.csv", text);
  const CsvFile csv(folder / "f.csv");
  EXPECT_EQ(csv.columns(), (Row{"a", "b"}));
  EXPECT_EQ(rows_of(folder / "f.csv"), parse_csv(text, "f").rows);
}

TEST(CsvFile, LeavesOutARowThatIsNotWhole) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "f.csv", "a,b\n1,2\n3,");
  EXPECT_EQ(rows_of(folder / "f.csv"), (Rows{{"1", "2"}}));
}

TEST(CsvFile, NamesWhatIsWrong) {
  const test::TemporaryFolder folder;
  const auto problem = [&](const std::string& text) {
    test::write_text(folder / "f.csv", text);
    return test::error_text<DataError>([&] { rows_of(folder / "f.csv"); });
  };
  const std::string file = (folder / "f.csv").string();
  EXPECT_EQ(problem(""), file + ": empty or cut off: it has no whole header");
  EXPECT_EQ(problem("a,b"), file + ": empty or cut off: it has no whole header");
  EXPECT_EQ(problem("a,b\n1,2\n\"x\ny\",2\n1,2,3\n"), file + ":5: 3 values, expected 2");
  EXPECT_THROW(CsvFile(folder / "none.csv"), DataError);
}

TEST(CsvTable, RefusesAColumnThatIsThereTwice) {
  EXPECT_THROW(parse_csv("step,loss,step\n1,2,3\n", "a.csv"), DataError);
}

}  // namespace
}  // namespace bnlab

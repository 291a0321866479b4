#include "util/printable.h"

#include <gtest/gtest.h>

#include <string>

#include "util/text_table.h"

namespace bnlab {
namespace {

TEST(Printable, PlainTextStays) {
  for (const char* text :
       {"", "plain", "two\nlines\tand a tab", "na\xc3\xafve \xe2\x89\xa4 \xf0\x9f\x99\x82", "\\u001b"})
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, NothingThatATerminalObeys) {
  EXPECT_EQ(printable("\x1b[2J\x07\r"), "\\u001b[2J\\u0007\\u000d");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a\\u0000b");
  EXPECT_EQ(printable("\x7f\xc2\x80\xc2\x9b\xc2\x9f"), "\\u007f\\u0080\\u009b\\u009f");
  EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
  // Marks that turn the direction of a text, and ends of lines and paragraphs.
  EXPECT_EQ(printable("\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xd8\x9c"), "\\u202e\\u2066\\u2028\\u061c");
  EXPECT_EQ(printable("\xf3\xa0\x81\x81"), "\\udb40\\udc41");  // an invisible tag
}

TEST(Printable, BytesThatAreNoUtf8) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\x9b"), "\\x9b");
  EXPECT_EQ(printable("\xc3"), "\\xc3");                             // cut off
  EXPECT_EQ(printable("\xe2\x89"), "\\xe2\\x89");                    // cut off
  EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b");                    // longer than needed
  EXPECT_EQ(printable("\xe0\x82\x9b"), "\\xe0\\x82\\x9b");           // longer than needed
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
  EXPECT_EQ(printable("\xc3(x"), "\\xc3(x");
}

TEST(Printable, EveryByteTwiceIsHarmless) {
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      const std::string shown = on_one_line(std::string{static_cast<char>(first), static_cast<char>(second)});
      for (const char c : shown) EXPECT_TRUE(static_cast<unsigned char>(c) >= ' ' && c != '\x7f') << first;
      EXPECT_EQ(on_one_line(shown), shown);
    }
}

TEST(Printable, OnOneLine) {
  EXPECT_EQ(on_one_line("a\nb\r\nc\td"), "a b  c d");
  EXPECT_EQ(table({{"a\nforged", "\x1b[1m"}}, 1), "a forged  \\u001b[1m\n");
}

TEST(Printable, MarkdownShowsNamesAsTheyAre) {
  EXPECT_EQ(markdown_text("<img src=x> [a](b) `c` *d* | e\n\x1b"),
            "\\<img src=x> \\[a\\](b) \\`c\\` \\*d\\* \\| e \\\\u001b");
}

}  // namespace
}  // namespace bnlab

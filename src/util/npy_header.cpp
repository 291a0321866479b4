#include "util/npy_header.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <system_error>
#include <utility>

#include "util/errors.h"

namespace bnlab {
namespace {

class HeaderParser {
 public:
  /// `where` begins the text of an error.
  HeaderParser(std::string_view text, const std::string& where) : rest_(text), where_(where) {}

  NpyHeader parse() {
    NpyHeader header;
    std::array<bool, 3> seen{};
    expect('{');
    while (!accept('}')) {
      read_entry(header, seen);
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (!rest_.empty()) fail("text after the dictionary");
    for (const bool key_seen : seen)
      if (!key_seen) fail("one of 'descr', 'fortran_order', 'shape' is missing");
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(where_ + "the .npy header is damaged: " + what);
  }

  void skip_spaces() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) rest_.remove_prefix(1);
  }

  bool accept(char c) {
    skip_spaces();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail(fmt::format("expected '{}'", c));
  }

  bool accept_word(std::string_view word) {
    skip_spaces();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  std::string read_string() {
    expect('\'');
    const std::size_t end = rest_.find('\'');
    if (end == std::string_view::npos) fail("a string does not end");
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }

  bool read_bool() {
    if (accept_word("True")) return true;
    if (accept_word("False")) return false;
    fail("expected True or False");
  }

  std::int64_t read_extent() {
    skip_spaces();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{} || value < 0) fail("expected a dimension that is not negative and fits 63 bits");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

  std::vector<std::int64_t> read_shape() {
    constexpr std::size_t most_dimensions = 32;  // NumPy's own limit
    std::vector<std::int64_t> shape;
    expect('(');
    while (!accept(')')) {
      if (shape.size() == most_dimensions) fail("more than 32 dimensions");
      shape.push_back(read_extent());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }

  void read_entry(NpyHeader& header, std::array<bool, 3>& seen) {
    const std::string key = read_string();
    expect(':');
    std::size_t index;
    if (key == "descr") {
      index = 0;
      header.descr = read_string();
    } else if (key == "fortran_order") {
      index = 1;
      header.fortran_order = read_bool();
    } else if (key == "shape") {
      index = 2;
      header.shape = read_shape();
    } else {
      fail("a key other than 'descr', 'fortran_order', 'shape'");
    }
    if (std::exchange(seen[index], true)) fail(fmt::format("'{}' appears twice", key));
  }

  std::string_view rest_;
  const std::string& where_;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view text, const std::string& where) {
  return HeaderParser(text, where).parse();
}

std::optional<std::uint64_t> element_count(const std::vector<std::int64_t>& shape) {
  std::int64_t product = 1;
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0)
      empty = true;
    else if (__builtin_mul_overflow(product, extent, &product))
      return std::nullopt;
  }
  return empty ? 0 : static_cast<std::uint64_t>(product);
}

}  // namespace bnlab

#include "util/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

namespace bnlab {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
};

/// The character that begins a text; nothing where its bytes are no UTF-8: cut off, longer than needed, a surrogate, or
/// beyond U+10FFFF.
std::optional<Character> first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return Character{lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return std::nullopt;
  char32_t code = lead & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3f);
  }
  if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return std::nullopt;
  return Character{code, bytes};
}

bool is_hidden(char32_t code) {
  constexpr struct {
    char32_t first, last;
  } ranges[] = {{0x00, 0x08},     {0x0b, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c},  {0x200e, 0x200f},
                {0x2028, 0x202e}, {0x2066, 0x206f}, {0xfeff, 0xfeff}, {0xe0000, 0xe007f}};
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const auto& range) { return range.first <= code && code <= range.last; });
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::optional<Character> next = first_of(text);
    const std::size_t bytes = next ? next->bytes : 1;
    if (!next)
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    else if (!is_hidden(next->code))
      result += text.substr(0, bytes);
    else if (next->code <= 0xffff)
      result += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(next->code));
    else  // as JSON has it
      result += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + ((static_cast<std::uint32_t>(next->code) - 0x10000) >> 10),
                            0xdc00 + (static_cast<std::uint32_t>(next->code) & 0x3ff));
    text.remove_prefix(bytes);
  }
  return result;
}

std::string on_one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return printable(line);
}

std::string markdown_text(std::string_view text) {
  const std::string_view special = "\\|`*<[]";
  std::string result;
  for (const char c : on_one_line(text)) {
    if (special.find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

}  // namespace bnlab

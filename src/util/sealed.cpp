#include "util/sealed.h"

#include <fmt/format.h>

#include <cstdint>

#include "util/file.h"

namespace bnlab {
namespace {

constexpr std::string_view end = "\n}\n";
constexpr std::string_view key = ",\n  \"sha256\": \"";

}  // namespace

std::string sha256_of(std::string_view text) {
  Sha256 sum;
  sum.update({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  return sum.hex();
}

std::string sealed(const std::string& json) {
  const std::string text = json.substr(0, json.size() - end.size());
  return fmt::format("{}{}{}\"{}", text, key, sha256_of(text), end);
}

bool is_as_sealed(std::string_view text) {
  const std::size_t at = text.rfind(key);
  return at != std::string_view::npos && text == sealed(std::string(text.substr(0, at)) + std::string(end));
}

}  // namespace bnlab

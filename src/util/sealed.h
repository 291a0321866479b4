#pragma once
#include <string>
#include <string_view>

namespace bnlab {

/// The SHA-256 of a text, in hexadecimal.
std::string sha256_of(std::string_view text);

/// The text of a JSON object, indented by 2, with a last key "sha256": the SHA-256 of the text before that key. A later
/// change of the file is noticed by it.
std::string sealed(const std::string& json);

/// Whether a text is what sealed() made. False for an object without the key, of an earlier version.
bool is_as_sealed(std::string_view text);

}  // namespace bnlab

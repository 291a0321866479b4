#pragma once
// Names with * and ?.

#include <string>

namespace bnlab {

/// Whether a name fits a pattern, in which * stands for any characters and ? for one. Brackets are plain characters.
bool fits(const std::string& pattern, const std::string& name);

}  // namespace bnlab

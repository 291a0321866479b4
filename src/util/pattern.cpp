#include "util/pattern.h"

#include <fnmatch.h>

namespace bnlab {

bool fits(const std::string& pattern, const std::string& name) {
  // To fnmatch brackets are sets of characters.
  std::string escaped;
  for (const char c : pattern) escaped += c == '[' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return ::fnmatch(escaped.c_str(), name.c_str(), 0) == 0;
}

}  // namespace bnlab

#pragma once
// What is wrong with a config: collected while it is read, thrown as one ConfigError.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/json.h"

namespace bnlab::config {

/// A text that values come from: a config file, a network file, one override.
struct Source {
  std::string label;         // begins each line of an error
  bool has_lines = true;     // a file rather than an override
  std::string section = {};  // the section of the config that the text fills; left out of paths
  int layer = 0;             // of a file that the config extends: below 0; of an override: above
};

class Problems {
 public:
  /// Returns the index of the source, for Origin.
  int add_source(Source source);
  void add(const Origin& origin, std::string_view path, std::string_view text);
  bool none() const { return problems_.empty(); }
  /// What finds the paths of a key that is unknown in its place; without it there are none.
  void look_for_keys_with(std::vector<std::string> (*find)(std::string_view key)) { find_key_ = find; }
  std::vector<std::string> places_of(std::string_view key) const {
    return find_key_ ? find_key_(key) : std::vector<std::string>{};
  }
  bool is_override(const Origin& origin) const { return source(origin).layer > 0; }
  /// Whether `a` is of a text that changes the one of `b`: an override, or a config that extends another.
  bool changes(const Origin& a, const Origin& b) const { return source(a).layer > source(b).layer; }
  /// Throws ConfigError when there are problems: a line for each, in the order of the sources and their values.
  void raise() const;

 private:
  struct Problem {
    Origin origin;
    std::string line;
  };
  const Source& source(const Origin& origin) const { return sources_[static_cast<std::size_t>(origin.source)]; }

  std::vector<Source> sources_;
  std::vector<Problem> problems_;
  std::vector<std::string> (*find_key_)(std::string_view key) = nullptr;
};

/// "path.key", or "key" where the path is empty. A key that can't be shown as it is stands in quotes.
std::string joined(std::string_view path, std::string_view key);
std::string joined(std::string_view path, std::size_t index);

}  // namespace bnlab::config

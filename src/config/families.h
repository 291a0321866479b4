#pragma once
// What `bnlab list` shows: the rows of all tables of kinds.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace bnlab::config {

struct Trait {
  std::string name;
  std::variant<bool, std::int64_t, std::string, std::vector<std::string>> value;
};

struct KindEntry {
  std::string name;
  std::string meaning = {};  // one line; may be empty
  std::string paper = {};
  std::string where = {};  // the folder with its files, or how to get them
  std::vector<Trait> traits = {};
};

struct Family {
  std::string name;  // "normalizations"
  std::vector<KindEntry> kinds;
};

/// The families of which src/config has the tables.
std::vector<Family> families();

/// {"normalizations": [{"name": "batch", "meaning": "...", "absorbs_bias": true, ...}, ...], ...}.
std::string families_json(const std::vector<Family>& families);

}  // namespace bnlab::config

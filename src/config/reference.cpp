// The reference of all fields in Markdown, out of the table of fields.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/codecs.h"
#include "config/fields.h"
#include "config/load.h"
#include "config/reference_builder.h"

namespace bnlab::config {
namespace {

struct BlockReference {
  Tables& tables;
  std::string text = {};

  template <class T>
  void kind(std::string_view name, std::string_view meaning) {
    const std::string title = "block `" + std::string(name) + "`";
    text += ReferenceBuilder::describe(std::string(name), title, meaning, T{}, tables);
  }
};

}  // namespace

std::string markdown_reference() {
  Tables tables;
  std::string text = ReferenceBuilder::describe("", "The whole config", "one run", RunConfig{}, tables);
  BlockReference blocks{tables};
  block_kinds(blocks);
  text += blocks.text;
  text.pop_back();  // one newline at the end
  return text;
}

}  // namespace bnlab::config

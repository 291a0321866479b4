#pragma once
// Verdicts as a part of a Markdown file.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/verdict.h"

namespace bnlab::experiments {

/// The claims by part, each with its finding, verdict and links to its folder; then each criterion with its effect in
/// units; then the warnings. Between two marks, so that a file can have text of its own around them. Links start at
/// `folder`, where the file lies.
std::string verdict_markdown(const std::vector<ExperimentVerdict>& verdicts, const std::filesystem::path& folder);

/// Whether a text has the first mark, or begins as the table of an earlier version does.
bool has_verdict_markdown(std::string_view text);

/// `text` with `markdown` in place of its own verdicts; `markdown` where it has no marks. Throws ConfigError where the
/// second mark is missing; `file` is named in it.
std::string with_verdict_markdown(const std::string& text, const std::string& markdown, const std::string& file);

}  // namespace bnlab::experiments

#pragma once
// Where the files of a dataset are, under the names that people have for them.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bnlab::data {

/// The first of `names` (in lower case) that a regular file in the folder has, in whatever case.
std::optional<std::filesystem::path> find_file(const std::filesystem::path& folder,
                                               const std::vector<std::string>& names);

/// Why what has one of the names, in whatever case, is not taken: "PATH: is a named pipe, not a regular file", or a
/// link that leads nowhere, a folder. Where `names` is empty, of each name that ends as that of a data file. And why
/// the folder itself can't be read. "" where there is nothing to tell.
std::string why_not_taken(const std::filesystem::path& folder, const std::vector<std::string>& names = {});

/// The name in lower case.
std::string lower_case(std::string_view name);

/// The folders in and below `root` that may be those of a dataset, in the order in which they are looked at: those of
/// one of `names` ("fashion_mnist", "fashion-mnist"; also FashionMNIST, without a look at case, '_' and '-'), such a
/// folder in one, and "raw" in each. Those with exactly a name come first.
std::vector<std::filesystem::path> folders_below(const std::filesystem::path& root,
                                                 const std::vector<std::string>& names);

/// Whether the folder's own name is one of `names`, as folders_below() compares.
bool has_name(const std::filesystem::path& folder, const std::vector<std::string>& names);

}  // namespace bnlab::data

#pragma once
#include <span>
#include <string>

#include "onednn/builder.h"

namespace bnlab::network {

/// Which values an array may hold.
enum class Allowed { finite, finite_and_not_negative };

/// The first value, in C order of `shape`, that the array may not hold, with its name and index:
/// "dense1.weights: nan at index (3, 5)". "" where there is none.
std::string problem_of(const std::string& name, const onednn::Dims& shape, std::span<const float> values,
                       Allowed allowed = Allowed::finite);

}  // namespace bnlab::network

#pragma once
// Labels name an arm, "none", or a point of its axes, "none[learning_rate=0.1]".

#include <string>

namespace bnlab::config {

inline std::string arm_of(const std::string& label) { return label.substr(0, label.find('[')); }

}  // namespace bnlab::config

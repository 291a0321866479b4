#pragma once

namespace bnlab::network {

/// Sets how many threads oneDNN and bnlab's own loops use from now on. Some kernels fix their threads when they are
/// made: call it before the first network. Throws ConfigError where OpenMP gives fewer: oneDNN's kernels would wait for
/// the others for ever, and another number gives other roundings.
void set_threads(int threads);

}  // namespace bnlab::network

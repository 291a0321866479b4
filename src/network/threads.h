#pragma once

namespace bnlab::network {

/// Sets how many threads oneDNN and bnlab's own loops use from now on. Some kernels fix their threads when they are
/// made: call it before the first network.
void set_threads(int threads);

}  // namespace bnlab::network

#include "network/threads.h"

#include <fmt/format.h>
#include <omp.h>

#include "util/errors.h"

namespace bnlab::network {

void set_threads(int threads) {
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
  int given = 0;
#pragma omp parallel
#pragma omp single
  given = omp_get_num_threads();
  if (given < threads)
    throw ConfigError(fmt::format("--threads: must be at most {} on this machine, got {}; OMP_THREAD_LIMIT is {}",
                                  given, threads, omp_get_thread_limit()));
}

}  // namespace bnlab::network

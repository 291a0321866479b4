#include "network/threads.h"

#include <omp.h>

namespace bnlab::network {

void set_threads(int threads) {
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
}

}  // namespace bnlab::network

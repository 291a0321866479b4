#include "network/precise_statistics.h"

#include "data/batch_order.h"
#include "util/random.h"

namespace bnlab::network {

void measure_precise_statistics(Network& network, Executable& program, const data::Dataset& dataset,
                                const data::Scaler& scaler, const config::RunConfig& run) {
  const std::int64_t batch = run.training.batch_size;
  data::BatchOrder order(run.training.seed, dataset.train.size(), batch, RandomPurpose::precise_statistics);
  network.reset_precise_statistics();
  for (std::int64_t i = 0; i < run.normalization.precise_batches; ++i) {
    scaler.gather(dataset.train, order.batch(i), program.images(), program.labels(), program.targets());
    program.forward();
    network.accumulate_precise_statistics(batch);
  }
  network.use_precise_statistics();
}

}  // namespace bnlab::network

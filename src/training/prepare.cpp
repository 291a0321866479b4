#include "training/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "data/training_batches.h"
#include "network/network.h"
#include "network/threads.h"
#include "probes/probe.h"
#include "util/errors.h"

namespace bnlab::training {
namespace {

constexpr std::int64_t largest_batch_record = 1 << 29;  // indices in batches.npy, 2 GiB
constexpr double largest_mask_record = 0x1p30;          // bytes of dropout_masks.npz

/// Fills in what depends on the data: a batch of all becomes a number, epochs become steps.
void resolve(config::RunConfig& config, const data::Dataset& dataset) {
  auto& training = config.training;
  const std::int64_t examples = dataset.train.size();
  data::resolve_batches(training, dataset);
  if (training.epochs) {
    const std::int64_t per_epoch = examples / training.batch_size;
    training.steps = std::max<std::int64_t>(1, std::llround(*training.epochs * static_cast<double>(per_epoch)));
    training.epochs.reset();
  }
  for (std::size_t i = 0; i < config.probes.size(); ++i)
    if (config.probes[i].examples > examples)
      throw ConfigError(fmt::format("probes.{}.examples: must be at most {}, the number of training images, got {}", i,
                                    examples, config.probes[i].examples));
  if (config.record.batches && training.steps > largest_batch_record / training.batch_size)
    throw ConfigError(fmt::format("record.batches: steps x batch_size must be at most {}, got {} x {}",
                                  largest_batch_record, training.steps, training.batch_size));
}

/// Throws where dropout_masks.npz would be larger than 1 GiB.
void check_dropout_masks(const config::RunConfig& config, const std::vector<network::LayerShape>& layers) {
  if (!config.record.dropout_masks) return;
  double bytes = 0;
  for (const network::LayerShape& layer : layers)
    if (layer.kind == layers::LayerKind::dropout)
      bytes += std::accumulate(layer.dst_shape.begin(), layer.dst_shape.end(), 4.0, std::multiplies<>());
  bytes *= static_cast<double>(config.training.steps) * static_cast<double>(config.training.batch_size);
  if (bytes > largest_mask_record)
    throw ConfigError(
        fmt::format("record.dropout_masks: the masks of {} steps must not be larger than 1 GiB, they are "
                    "{:.1f} GiB",
                    config.training.steps, bytes / largest_mask_record));
}

}  // namespace

PreparedRun prepare(config::RunConfig config, int threads) {
  network::set_threads(threads);
  network::check_precision(config.training);
  auto assembly = network::assemble_checked(config, data::dataset_info(config.dataset));
  const std::vector<network::LayerShape> layers = assembly->shapes();
  probes::check(config, layers);
  data::Dataset dataset = data::load(config.dataset);
  resolve(config, dataset);
  check_dropout_masks(config, layers);
  return {std::move(config), std::move(dataset), std::move(assembly)};
}

}  // namespace bnlab::training

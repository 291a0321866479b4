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

/// Throws where a probe asks for more images than there are.
void check_images(const config::ProbeConfig& probe, std::size_t place, const data::Dataset& dataset) {
  const bool has_split = config::holds(row_of(probe.type).fields, "split");
  const std::string split = has_split ? config::name_of(probe.split) : "training";
  const std::int64_t images = has_split ? dataset.split(probe.split).size() : dataset.train.size();
  if (images == 0)
    throw ConfigError(fmt::format("probes.{}.split: there are no validation images; set dataset.validation", place));
  if (probe.examples > images)
    throw ConfigError(fmt::format("probes.{}.examples: must be at most {}, the number of {} images, got {}", place,
                                  images, split, probe.examples));
}

/// Fills in what depends on the data: a batch of all becomes a number, epochs become steps.
void resolve(config::RunConfig& config, const data::Dataset& dataset) {
  auto& training = config.training;
  const std::int64_t examples = dataset.train.size();
  data::resolve_batches(training, dataset);
  if (training.epochs) {
    const double per_epoch =
        static_cast<double>(examples / training.batch_size) / static_cast<double>(config::micro_batches(training));
    training.steps = std::max<std::int64_t>(1, std::llround(*training.epochs * per_epoch));
    training.epochs.reset();
  }
  for (std::size_t i = 0; i < config.probes.size(); ++i) check_images(config.probes[i], i, dataset);
  const std::int64_t images = training.batch_size * config::micro_batches(training);
  if (config.record.batches && training.steps > largest_batch_record / images)
    throw ConfigError(fmt::format("record.batches: steps x images of a step must be at most {}, got {} x {}",
                                  largest_batch_record, training.steps, images));
}

/// Throws where dropout_masks.npz would be larger than 1 GiB.
void check_dropout_masks(const config::RunConfig& config, const std::vector<network::LayerShape>& layers) {
  if (!config.record.dropout_masks) return;
  double bytes = 0;
  for (const network::LayerShape& layer : layers)
    if (layer.kind == layers::LayerKind::dropout)
      bytes += std::accumulate(layer.dst_shape.begin(), layer.dst_shape.end(), 4.0, std::multiplies<>());
  bytes *= static_cast<double>(config.training.steps) *
           static_cast<double>(config.training.batch_size * config::micro_batches(config.training));
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

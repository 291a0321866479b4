#pragma once
// The fields of loss, training, evaluation and record; see config/fields.h.

#include <algorithm>

#include "config/names.h"
#include "config/rule.h"
#include "config/run_config.h"

namespace bnlab::config {

template <class V>
void fields(V& v, LossConfig& c) {
  v.field("type", c.type, meanings_of<LossType>());
  v.field("label_smoothing", c.label_smoothing,
          "share of the target that is distributed over all classes (Szegedy et al. 2016, 7)",
          at_least(0).below(1).only_where_listed("type", c.type, "label_smoothing"));
  v.field("reduction", c.reduction, "mean: over the batch, and for squared_error over the outputs too; sum: over both");
}

template <class V>
void fields(V& v, TrainingConfig& c) {
  using enum BatchComposition;
  v.field("composition", c.composition,
          "shuffled: a new order in each epoch; in_order: the order of the file; by_class: batches of a few classes "
          "(Ioffe 2017, 4.3); full_batch: all training images in one batch, which is gradient descent without noise");
  v.field("batch_size", c.batch_size, "images in a batch",
          between(1, 1e6).only_for("composition", c.composition, {shuffled, in_order, by_class}));
  v.field("classes_per_batch", c.classes_per_batch, "number of classes in a batch, each with the same number of images",
          between(1, 256).only_for("composition", c.composition, {by_class}));
  v.require(c.composition != by_class || c.batch_size % c.classes_per_batch == 0, "classes_per_batch",
            "must divide batch_size");
  v.field("accumulate", c.accumulate,
          "batches whose gradients are averaged before each update (gradient accumulation); an update uses accumulate "
          "x batch_size images, and each batch has statistics of its own; unset: 1",
          between(1, 1e6).only_for("composition", c.composition, {shuffled, in_order, by_class}));
  v.field("epochs", c.epochs, "number of passes over the training images, may be a fraction; replaces steps",
          above(0).at_most(1e6).instead_of("steps"));
  v.field("steps", c.steps, "number of updates of the weights",
          between(1, most_steps).unless("epochs", c.epochs.has_value()));
  v.field(
      "seed", c.seed,
      "seed of all random numbers: weights, batch order, augmentation, dropout, noise, and the images of probes and "
      "precise statistics",
      at_least(0));
  v.field("precision", c.precision, meanings_of<Precision>());
  v.field("allow_slow_bf16", c.allow_slow_bf16, "use bf16 even if the processor has no instructions for it");
  v.field("eval_every", c.eval_every, "steps between two evaluations; 0: at the end only", between(0, most_steps));
  v.field("log_every", c.log_every, "steps between two rows of train.csv", between(1, most_steps));
  v.field("checkpoint_every", c.checkpoint_every, "steps between two checkpoints; 0: only if the run is interrupted",
          between(0, most_steps));
}

template <class V>
void fields(V& v, EvaluationConfig& c) {
  v.field("batch_size", c.batch_size, "images in a batch; batch statistics use training.batch_size, or batch_sizes",
          between(1, 1e6));
  v.field("statistics", c.statistics,
          "one evaluation with each; population: as normalization.population says; batch: those of the batch itself",
          not_empty());
  v.field(
      "batch_sizes", c.batch_sizes,
      "images in a batch for batch statistics: one evaluation with each, and a column batch_size in eval.csv; none: "
      "training.batch_size alone, without the column",
      between(1, 1e6).left_out_if_empty());
  v.require(c.batch_sizes.empty() || std::ranges::find(c.statistics, Statistics::batch) != c.statistics.end(),
            "batch_sizes", "needs batch among statistics; running and precise statistics do not depend on the batch");
  v.field("train_split", c.train_split, "evaluate the training images too");
}

template <class V>
void fields(V& v, RecordConfig& c) {
  v.field("initial_weights", c.initial_weights, "write weights_initial.npz");
  v.field("batches", c.batches, "write batches.npy, the image indices of each step");
  v.field("final_weights", c.final_weights, "write weights.npz");
  v.field("dropout_masks", c.dropout_masks, "write dropout_masks.npz, the masks of each step");
}

}  // namespace bnlab::config

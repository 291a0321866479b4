#pragma once
// The one table of the fields of a config. It reads, writes, checks and documents them: a visitor V gets each row as
//
//   v.field(name, member, meaning, rule)      a value: number, flag, text, choice, size, list of values
//   v.section(name, member, meaning, rule)    an object with rows of its own
//   v.sections(name, member, meaning, rule)   a list of such objects
//   v.blocks(name, member, meaning, rule)     a list of blocks of a network
//   v.branches(name, member, meaning, rule)   a list of such lists
//   v.require(holds, name, rule)              a rule between fields that were read before; `name` is the field to blame
//
// Each section has its rows in a file of fields/. A new field is one member in run_config.h and one row there. A new
// kind of normalization, block, optimizer, ... is one row in its table (config/normalizations.h, ...), which names the
// fields that only it has.

#include <optional>
#include <string>

#include "config/fields/dataset.h"
#include "config/fields/initialization.h"
#include "config/fields/network.h"
#include "config/fields/normalization.h"
#include "config/fields/optimizer.h"
#include "config/fields/probe.h"
#include "config/fields/training.h"
#include "config/run_config.h"

namespace bnlab::config {

template <class V>
void fields(V& v, RunConfig& c) {
  std::optional<std::string> extends;  // a config that has been read extends no other: config/extends.h
  v.field("extends", extends,
          "another config, relative to this file, for the values that this config omits. Objects are merged key by "
          "key, lists are replaced");
  v.field("description", c.description, "free text");
  v.section("dataset", c.dataset, "the data", required());
  v.section("network", c.network, "the network: the name of a network file, or layers", required());
  v.section("normalization", c.normalization, "the normalization at each of the network's places for it");
  v.section("initialization", c.initialization, "the initial weights");
  v.section("loss", c.loss, "the loss that is minimized");
  v.section("optimizer", c.optimizer, "the optimizer");
  v.section("training", c.training, "the length of the training, and its batches");
  v.section("evaluation", c.evaluation, "the rows of eval.csv");
  v.sections("probes", c.probes, "measurements that do not change the run; each writes a CSV file");
  v.require(probes_differ(c.probes), "probes", "must not have two of the same type, because each type writes one file");
  v.section("record", c.record, "additional files of a run");
}

}  // namespace bnlab::config

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
  v.field(
      "extends", extends,
      "another config, relative to this file: what this one does not say is as there. Objects are merged key by key, "
      "lists are replaced");
  v.field("description", c.description, "free text");
  v.section("dataset", c.dataset, "what is learned", required());
  v.section("network", c.network, "what learns: the name of a network file, or layers", required());
  v.section("normalization", c.normalization, "how the places for it are normalized");
  v.section("initialization", c.initialization, "the weights at the start");
  v.section("loss", c.loss, "what is minimized");
  v.section("optimizer", c.optimizer, "how the weights change");
  v.section("training", c.training, "how long, and in which batches");
  v.section("evaluation", c.evaluation, "what eval.csv holds");
  v.sections("probes", c.probes, "measurements that leave the run unchanged, each in a CSV file");
  v.require(probes_differ(c.probes), "probes", "must hold each type once, since each writes one file");
  v.section("record", c.record, "further files of a run");
}

}  // namespace bnlab::config

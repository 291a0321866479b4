#include <fmt/format.h>

#include <cstdio>
#include <map>

#include "cli/command.h"
#include "config/names.h"
#include "data/training_batches.h"
#include "network/network.h"
#include "network/threads.h"

namespace bnlab::cli {
namespace {

std::string count_text(double value) {
  if (value >= 1e9) return fmt::format("{:.3g} G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.3g} M", value / 1e6);
  if (value >= 1e3) return fmt::format("{:.3g} k", value / 1e3);
  return fmt::format("{:.0f}", value);
}

double flop_of(const onednn::Program& program, const std::string& layer) {
  double flop = 0;
  for (const auto& call : program.calls())
    if (layer.empty() || call.layer == layer) flop += call.flop;
  return flop;
}

std::string layer_table(network::Network& network) {
  std::vector<std::vector<std::string>> rows{{"layer", "type", "output", "parameters", "FLOP per step"}};
  for (const layers::Layer* layer : network.layers()) {
    std::int64_t parameters = 0;
    for (const auto& parameter : network.parameters().all())
      if (parameter->name.rfind(layer->name() + ".", 0) == 0) parameters += parameter->count();
    const double flop = flop_of(network.train().program(), layer->name());
    rows.push_back({layer->name(), layer->type(), layers::shape_text(layer->dst_shape()),
                    parameters > 0 ? std::to_string(parameters) : "", flop > 0 ? count_text(flop) : ""});
  }
  rows.push_back(
      {"total", "", "", std::to_string(network.parameter_count()), count_text(flop_of(network.train().program(), ""))});
  return table(rows, 3);
}

std::string parameter_table(const network::Network& network) {
  std::vector<std::vector<std::string>> rows{{"parameter", "shape", "values"}};
  for (const auto& parameter : network.parameters().all())
    rows.push_back(
        {parameter->name, fmt::format("({})", fmt::join(parameter->shape, ", ")), std::to_string(parameter->count())});
  return table(rows, 2);
}

std::string call_table(const onednn::Program& program) {
  std::vector<std::vector<std::string>> rows{{"layer", "call", "implementation"}};
  for (const auto& call : program.calls()) rows.push_back({call.layer, call.operation, call.implementation});
  return table(rows, 3);
}

void describe(const ConfigOptions& options) {
  std::vector<std::string> warnings;
  config::RunConfig config = options.load(&warnings);
  for (const std::string& warning : warnings) complain(fmt::format("warning: {}", warning));
  network::set_threads(options.threads);
  if (config.training.composition == config::BatchComposition::full_batch)
    data::resolve_batches(config.training, data::load(config.dataset));
  const std::int64_t batch = config.training.batch_size;
  network::Network network(config, data::dataset_info(config.dataset), batch);
  const auto evaluate = network.build(onednn::Mode::evaluate_population, config.evaluation.batch_size);
  say("network {}, batch {}, {}, {} {}, oneDNN {} ({})\n\n", config.network.name, batch,
      config::name_of(config.training.precision), options.threads, options.threads == 1 ? "thread" : "threads",
      network::onednn_version(), network::onednn_isa());
  say("Layers (FLOP: multiplications and additions of dense and convolution calls, forward and backward)\n{}\n",
      layer_table(network));
  say("Parameters, with their names in weights.npz\n"
      "{}\n",
      parameter_table(network));
  say("Calls of a training step ({:.1f} MB of buffers)\n{}\n",
      static_cast<double>(network.train().program().arena_bytes()) / 1e6, call_table(network.train().program()));
  say("Calls of an evaluation of {} images ({:.1f} MB of buffers)\n{}", config.evaluation.batch_size,
      static_cast<double>(evaluate->program().arena_bytes()) / 1e6, call_table(evaluate->program()));
}

}  // namespace

void add_describe(Command program, Context&) {
  const auto options = std::make_shared<ConfigOptions>();
  Command command = program.add_command(
      "describe", "show a network: layers, shapes, parameters, FLOP, and the oneDNN implementation of each call");
  options->add_to(command);
  command.footer(
      "Examples:\n"
      "  bnlab describe configs/v6_batch_normalization.json\n"
      "  bnlab describe configs/figure1_batch_normalization.json --set training.batch_size=8 --threads 2\n"
      "\n"
      "Data files are read only if training.composition is full_batch. Of your own data (idx, npz), the headers and\n"
      "labels are read, because they give the sizes.");
  command.callback([options] { describe(*options); });
}

}  // namespace bnlab::cli

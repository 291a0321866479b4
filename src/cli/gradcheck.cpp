#include <fmt/format.h>

#include <numeric>

#include "cli/command.h"
#include "data/scaler.h"
#include "network/network.h"
#include "network/threads.h"
#include "training/gradient_check.h"
#include "util/errors.h"

namespace bnlab::cli {
namespace {

struct Options {
  ConfigOptions config;
  std::int64_t examples = 16;
  training::GradientCheckOptions check;
};

void gradcheck(const Options& options, Context& context) {
  start_log(context, {options.config.path()});
  config::RunConfig config = options.config.load();
  if (config.training.precision != config::Precision::f32)
    throw ConfigError(
        "training.precision: must be f32 for gradcheck; a bf16 loss is too coarse for finite differences");
  if (config.normalization.type == config::NormalizationType::batch_renorm) {
    config.normalization.r_max = {.initial = 1, .final = 1, .begin = 0, .end = 0};
    config.normalization.d_max = {.initial = 0, .final = 0, .begin = 0, .end = 0};
    context.logger->warn(
        "batch_renorm is checked with r_max 1 and d_max 0: the gradient treats its correction as a constant, finite "
        "differences do not");
  }
  network::set_threads(options.config.threads);
  network::check(config, data::dataset_info(config.dataset));
  const data::Dataset dataset = data::load(config.dataset);
  if (options.examples > dataset.train.size())
    throw ConfigError(fmt::format("--examples: must be at most {}, the number of training images, got {}",
                                  dataset.train.size(), options.examples));
  network::Network network(config, dataset.info, options.examples, true);
  std::vector<std::uint32_t> indices(static_cast<std::size_t>(options.examples));
  std::iota(indices.begin(), indices.end(), 0u);
  data::Scaler(dataset, config.dataset.scaling)
      .gather(dataset.train, indices, network.train().images(), network.train().labels(), network.train().targets());

  write_log_file(*context.logger);
  std::vector<std::vector<std::string>> rows{
      {"result", "gradient of", "values", "norm", "error along directions", "error of single values"}};
  bool passed = true;
  for (const training::GradientCheckRow& row : training::check_gradients(network, options.check)) {
    passed = passed && row.passed;
    rows.push_back({row.passed ? "ok" : "WRONG", row.name, std::to_string(row.values),
                    fmt::format("{:.4g}", row.gradient_norm), fmt::format("{:.2e}", row.direction_error),
                    fmt::format("{:.2e}", row.element_error)});
  }
  say("{}\n{} at tolerance {:g} on {} examples\n", table(rows, 2),
      passed ? "all gradients agree with central differences" : "gradients differ from central differences",
      options.check.tolerance, options.examples);
  if (!passed) context.exit_status = ExitStatus::failed;
}

}  // namespace

void add_gradcheck(Command program, Context& context) {
  const auto options = std::make_shared<Options>();
  Command command = program.add_command("gradcheck", "compare every gradient of a network with central differences");
  options->config.add_to(command);
  command.add_option("--examples", options->examples, "number of training images in the batch")
      .between(2, 1000000)
      .shows_default();
  command.add_option("--directions", options->check.directions, "number of random directions for each parameter")
      .between(0, 10000)
      .shows_default();
  command
      .add_option("--elements", options->check.elements,
                  "number of single values for each parameter, chosen by the largest gradients")
      .between(0, 1000000)
      .shows_default();
  command.add_option("--tolerance", options->check.tolerance, "largest relative error allowed")
      .number_between(1e-15, 1)
      .shows_default();
  command.footer(
      "Examples:\n"
      "  bnlab gradcheck configs/figure1_batch_normalization.json\n"
      "  bnlab gradcheck configs/v6_batch_normalization.json --examples 8 --elements 20\n"
      "\n"
      "Errors are relative to the norm of the gradient or to its largest value. The loss is a 32-bit float, so errors "
      "up to\n"
      "1e-3 are rounding; the kinks of ReLU and max pooling cause errors up to 1e-2 in deep networks.\n"
      "Exit status: 0 all gradients agree, 1 a gradient differs, 2 usage or config error, 3 data missing or damaged.");
  command.callback([options, &context] { gradcheck(*options, context); });
}

}  // namespace bnlab::cli

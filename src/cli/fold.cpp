#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/output_guard.h"
#include "config/load.h"
#include "config/names.h"
#include "network/fold.h"
#include "network/threads.h"
#include "training/run_files.h"
#include "training/run_summary.h"
#include "training/trainer.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/npz.h"
#include "util/result_file.h"

namespace bnlab::cli {
namespace {

namespace fs = std::filesystem;

struct FoldOptions {
  std::string directory;
  std::string out;
  bool force = false;
};

bool is_npz(std::string_view bytes) { return bytes.starts_with("PK"); }

/// Whether an .npz says that it has folded weights.
bool is_folded(const fs::path& file) {
  try {
    return read_npz(file).contains(network::folded_array);
  } catch (const DataError&) {
    return false;
  }
}

void refuse_existing(const FoldOptions& options) {
  refuse_to_replace("--out", options.out, is_npz);
  std::error_code error;
  if (!options.force && fs::exists(options.out, error) && !fs::is_fifo(options.out, error))
    throw ConfigError(fmt::format("--out: {} exists; --force replaces it", options.out));
  if (fs::is_regular_file(options.out, error) && !is_folded(options.out))
    throw ConfigError(fmt::format(
        "--out: {} exists and was not written by `bnlab fold`; choose another name, or remove it", options.out));
}

/// What was changed in the directory after its run. Throws where it is not that of a completed run.
std::vector<std::string> check_run(const fs::path& directory) {
  const auto end = training::read_end(directory / "run.json");
  if (!end || !is_there(directory / "config.json"))
    throw DataError(
        fmt::format("{}: not a run directory: it has no {}", directory.string(), end ? "config.json" : "run.json"));
  if (end->status != training::RunStatus::completed)
    throw DataError(fmt::format("{}: the run has not completed{}", directory.string(),
                                end->status ? "; its status is " + config::name_of(*end->status) : ""));
  if (!is_there(directory / "weights.npz"))
    throw DataError(
        fmt::format("{}: weights.npz is missing; train with record.final_weights true", directory.string()));
  return training::problems_of_files(directory, end->files, training::Check::changed);
}

void fold(const FoldOptions& options, Context& context) {
  context.logger = make_logger(context.log);
  refuse_existing(options);
  const fs::path directory = options.directory;
  for (const std::string& problem : check_run(directory)) context.logger->warn("{}: {}", directory.string(), problem);
  config::RunConfig run = config::load(directory / "config.json", {});
  if (run.normalization.population == config::Population::precise)
    throw ConfigError(
        "normalization.population: precise statistics are not in weights.npz, so that the run's evaluation cannot be "
        "repeated; train with running_average");
  if (run.training.precision != config::Precision::f32)
    context.logger->warn(
        "the run was trained and evaluated in bf16; the folded network has f32 weights, so its outputs differ from "
        "those "
        "of the run by the rounding of bf16");
  run.training.precision = config::Precision::f32;  // weights are f32 in each precision
  network::set_threads(1);
  const data::DatasetInfo dataset = data::dataset_info(run.dataset);
  network::check_fold(run, *network::assemble(run, dataset));
  network::Network network(run, dataset, run.training.batch_size);
  const fs::path weights = directory / "weights.npz";
  const NpzArrays arrays = read_npz(weights, Place::results);
  try {
    network.set_weights(arrays);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", weights.string(), error.what()));
  }
  const NpzArrays folded = network::folded_weights(run, network);
  write_output("--out", options.out, npz_bytes(folded), is_npz);
  context.logger->info("{}: {} arrays; {} normalizations folded", options.out, folded.size(),
                       network.assembly().normalizations.size());
}

}  // namespace

void add_fold(Command program, Context& context) {
  const auto options = std::make_shared<FoldOptions>();
  Command command = program.add_command(
      "fold", "write a run's weights with its normalizations folded into convolutions and dense layers");
  command.add_option("RUN", options->directory, "the directory of a completed run").home_path().required();
  command.add_option("--out", options->out, "the .npz to write").type_name("FILE").home_path().required().not_empty();
  command.add_flag("--force", options->force, "replace an .npz that exists");
  command.footer(
      "Example:\n"
      "  bnlab fold results/mine --out folded.npz\n"
      "  bnlab train results/mine/config.json --set normalization.type=none --set initialization.from=folded.npz "
      "--set optimizer.learning_rate=1e-30 --set training.steps=1\n"
      "\nThe arrays are NAME.weights and NAME.bias of each convolution and dense layer, as f32, and the factors of\n"
      "residual branches. With them the network without normalization gives the outputs of the evaluated one, up to\n"
      "rounding. Its input is scaled as dataset.scaling says. Weights of standardized convolutions are written\n"
      "standardized. A normalization must directly follow a convolution or a dense layer and have running statistics.\n"
      "Files that were changed after the run cause a warning.\n"
      "Exit status: 0 done, 1 not written, 2 a normalization cannot be folded, 3 no completed run, or damaged files.");
  command.callback([options, &context] { fold(*options, context); });
}

}  // namespace bnlab::cli

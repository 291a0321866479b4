#pragma once
// What the fuzzing programs run, and what replays their seeds and findings in the tests: each target hands the bytes of
// a file to the functions with which bnlab reads such a file. It returns whether the file was read. The project's own
// errors are the right answer to a damaged file; every other exception is a finding, and so is what a sanitizer sees.

#include <stdlib.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "config/experiment.h"
#include "config/load.h"
#include "data/cifar.h"
#include "data/dataset.h"
#include "data/idx.h"
#include "experiments/plan.h"
#include "experiments/quantities.h"
#include "experiments/verdict.h"
#include "network/network.h"
#include "probes/probe.h"
#include "training/checkpoint.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/npz.h"

namespace bnlab::fuzz {

namespace fs = std::filesystem;
using Bytes = std::span<const std::uint8_t>;

inline const fs::path source_folder = BNLAB_SOURCE_DIR;

// ---- what the targets share

inline std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// False where `read` throws an error of the project's own.
template <class Read>
bool accepts(const Read& read) {
  try {
    read();
    return true;
  } catch (const ConfigError&) {
    return false;
  } catch (const DataError&) {
    return false;
  } catch (const RunError&) {
    return false;
  }
}

/// For what has been read and must be read again.
template <class Read>
void require_accepted(const char* what, const Read& read) {
  if (!accepts(read)) throw std::logic_error(what);
}

/// A folder of its own below the temporary one (scripts/fuzz.sh has that in memory), removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "bnlab_fuzz_XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const fs::path& path() const { return path_; }
  fs::path write(std::string_view name, std::string_view bytes) const {
    fs::path file = path_ / name;
    std::ofstream stream(file, std::ios::binary);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    stream.close();
    if (!stream) throw std::runtime_error("cannot write " + file.string());
    return file;
  }

 private:
  fs::path path_;
};

inline void check_run(const config::RunConfig& run) {
  probes::check(run, network::check(run, data::dataset_info(run.dataset)));
}

// ---- configs and experiments: as `bnlab validate` reads them

inline bool config_target(Bytes bytes) {
  static const Folder folder;
  const fs::path configs = source_folder / "configs";
  return accepts([&] {
    const fs::path file = folder.write("network.json", text_of(bytes));
    if (config::is_network_file(file)) {
      config::load_network(file);
      return;
    }
    const config::RunConfig run = config::parse(text_of(bytes), {}, configs, "config.json");
    require_accepted("the resolved config is refused", [&] {
      if (config::parse(config::to_json(run), {}, configs, "resolved") != run)
        throw std::logic_error("the resolved config is another one");
    });
    check_run(run);
  });
}

/// How many configs a plan makes; 100,000 are allowed, which take minutes under the sanitizers.
inline std::size_t planned_runs(const config::ExperimentConfig& experiment) {
  std::size_t points = 0;
  for (const config::ArmConfig& arm : experiment.arms) {
    std::size_t of_arm = arm.zip.paths.empty() ? 1 : arm.zip.paths.front().second.size();
    for (const auto& [path, values] : arm.grid.paths) of_arm = std::min(of_arm * values.size(), std::size_t{1} << 20);
    points += of_arm;
  }
  return points * experiment.seeds.list.size();
}

inline bool experiment_target(Bytes bytes) {
  constexpr std::size_t most_runs = 50;
  return accepts([&] {
    config::ExperimentConfig experiment = config::parse_experiment(text_of(bytes), "experiment.json");
    require_accepted("the experiment that was written is refused", [&] {
      if (config::parse_experiment(config::to_json(experiment), "written") != experiment)
        throw std::logic_error("the experiment that was written is another one");
    });
    if (experiment.name.empty()) experiment.name = "experiment";
    for (const auto profile : {config::Profile::quick, config::Profile::full}) {
      const auto effective = config::effective(experiment, profile, {}, {}, source_folder / "experiments");
      if (planned_runs(effective) > most_runs) continue;
      for (const experiments::ArmPoint& point : experiments::make_plan(effective).points) check_run(point.config);
    }
  });
}

// ---- data

inline std::string idx_bytes(const std::vector<std::uint32_t>& shape) {
  std::string bytes("\0\0\x08", 3);
  bytes += static_cast<char>(shape.size());
  std::size_t count = 1;
  for (const std::uint32_t extent : shape) {
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(extent >> shift & 0xff);
    count *= extent;
  }
  return bytes.append(count, '\1');
}

/// A folder of the four files of MNIST with 2 images each, without the file that the target writes.
struct MnistFolder {
  explicit MnistFolder(const std::string& without) {
    for (const std::string split : {"train", "t10k"}) {
      if (split + without != "train-images") folder.write(split + "-images-idx3-ubyte", idx_bytes({2, 28, 28}));
      if (split + without != "train-labels") folder.write(split + "-labels-idx1-ubyte", idx_bytes({2}));
    }
    config.name = "mnist";
    config.path = folder.path().string();
  }
  Folder folder;
  config::DatasetConfig config;
};

inline bool read_idx_files(Bytes bytes, const std::string& extension) {
  static const MnistFolder images("-images"), labels("-labels");
  const fs::path file = images.folder.write("train-images-idx3-ubyte" + extension, text_of(bytes));
  labels.folder.write("train-labels-idx1-ubyte" + extension, text_of(bytes));
  for (const int dimensions : {1, 3})
    accepts([&] {
      Sha256 sum;
      data::read_idx(file, dimensions, sum);
    });
  const bool are_images = accepts([&] { data::load(images.config); });
  const bool are_labels = accepts([&] { data::load(labels.config); });
  return are_images || are_labels;
}

inline bool idx_target(Bytes bytes) { return read_idx_files(bytes, ""); }

inline bool idx_gz_target(Bytes bytes) { return read_idx_files(bytes, ".gz"); }

/// Images of 1 x 2 x 2, so that a record has 5 bytes: all files the same, and the first of one record.
inline bool cifar_target(Bytes bytes) {
  static const Folder equal, one_record;
  const data::DatasetInfo info{.name = "cifar10", .channels = 1, .height = 2, .width = 2, .classes = 10};
  for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                           "data_batch_5.bin", "test_batch.bin"}) {
    equal.write(name, text_of(bytes));
    one_record.write(name, text_of(bytes));
  }
  one_record.write("data_batch_1.bin", "\1abcd");
  const bool was_read = accepts([&] { data::read_cifar10(info, equal.path()); });
  accepts([&] { data::read_cifar10(info, one_record.path()); });
  return was_read;
}

// ---- checkpoints

/// A network of 17 parameters with batch normalization and Adam.
struct SmallState {
  SmallState() {
    const data::DatasetInfo info{.name = "mnist", .channels = 2, .height = 1, .width = 1, .classes = 3};
    const std::string text =
        R"({"dataset": {"name": "mnist"}, "network": {"name": "small", "layers": [{"flatten": {}}, )"
        R"({"dense_block": {"units": 2}}, {"dense": {"units": 3}}]}, "normalization": {"type": "batch"}, )"
        R"("optimizer": {"type": "adam"}, "training": {"batch_size": 2}})";
    const config::RunConfig run = config::parse(text, {}, ".", "small.json");
    network = std::make_unique<network::Network>(run, info, run.training.batch_size);
    optimizer = training::make_optimizer(run.optimizer, network->parameters(), 1);
  }
  std::unique_ptr<network::Network> network;
  std::unique_ptr<training::Optimizer> optimizer;
};

inline bool npz_target(Bytes bytes) {
  static const Folder folder;
  static SmallState state;
  const fs::path file = folder.write("checkpoint.npz", text_of(bytes));
  accepts([&] { state.network->set_weights(read_npz(file)); });
  return accepts([&] { training::load_checkpoint(file, *state.network, *state.optimizer); });
}

// ---- CSV

/// Each reduction over time and over rows, and arms with and without an axis.
inline const experiments::Plan& small_plan() {
  static const std::string text = R"({"claim": "c", "source": "s",
    "base": {"dataset": {"name": "drawn_digits"}, "network": {"name": "small", "layers": [{"flatten": {}},
             {"dense_block": {"units": 2}}, {"dense": {"units": 10}}]}, "training": {"batch_size": 20, "steps": 20},
             "evaluation": {"train_split": true}},
    "arms": [{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch"},
             {"name": "grid", "grid": {"optimizer.learning_rate": [0.1, 0.2]}},
             {"name": "best", "best_of": {"arm": "grid", "quantity": "final"}}],
    "seeds": 2,
    "quantities": [
      {"name": "final", "file": "train.csv", "series": {"column": "loss"}},
      {"name": "gap", "where": {"statistics": "running"}, "over_rows": "difference",
       "series": {"column": "loss", "over_time": "best"},
       "divided_by": {"column": "accuracy", "over_time": "at", "step": 10}},
      {"name": "slope", "over_rows": "log_slope", "series": {"column": "accuracy", "over_time": "range"}},
      {"name": "middle", "over_rows": "maximum", "series": {"column": "accuracy", "over_time": "median", "last": 2},
       "where": {"split": "test", "statistics": ["running", "batch"]}},
      {"name": "area", "file": "train.csv", "series": {"column": "loss", "minus": "accuracy", "over_time": "area"}},
      {"name": "steps", "where": {"split": "test", "statistics": "running"},
       "series": {"column": "accuracy", "over_time": "steps_to", "level": 0.5}},
      {"name": "broken", "file": "train.csv", "series": {"column": "loss", "over_time": "first_non_finite"}}],
    "criteria": [
      {"name": "d", "type": "difference", "quantity": "final", "arms": ["batch", "none"], "at_least": 0, "source": "s"},
      {"name": "r", "type": "ratio", "quantity": "steps", "arms": ["best", "none"], "less_than": 1, "source": "s"},
      {"name": "l", "type": "log_slope", "quantity": "area", "arms": ["grid"], "axis": "optimizer.learning_rate"},
      {"name": "w", "type": "widest_interval", "quantity": "gap", "arms": ["grid"], "usable": 0.5,
       "axis": "optimizer.learning_rate"},
      {"name": "o", "type": "order", "quantity": "middle", "arms": ["none", "batch", "best"], "source": "s"}]})";
  static const experiments::Plan plan = [] {
    config::ExperimentConfig experiment = config::parse_experiment(text, "small.json");
    experiment.name = "small";
    return experiments::make_plan(config::effective(experiment, config::Profile::full, {}, {}, "."));
  }();
  return plan;
}

/// The verdict from a runs.csv, and from it written again.
inline bool judge_table(const fs::path& file, const Folder& written) {
  const experiments::Plan& plan = small_plan();
  return accepts([&] {
    const experiments::RunTable table = experiments::read_run_table(file, plan);
    const std::vector<experiments::ExperimentVerdict> verdict{experiments::judge_runs(plan, table)};
    experiments::text_table(verdict);
    experiments::markdown_table(verdict);
    require_accepted("the table that was written is refused", [&] {
      const fs::path again = written.write("again.csv", experiments::to_csv(table, plan.experiment));
      const auto second = experiments::judge_runs(plan, experiments::read_run_table(again, plan));
      if (experiments::to_json(second) != experiments::to_json(verdict.front()))
        throw std::logic_error("the table that was written gives another verdict");
    });
  });
}

/// As the train.csv and the eval.csv of a run, and as a runs.csv.
inline bool csv_target(Bytes bytes) {
  static const Folder folder;
  const experiments::Plan& plan = small_plan();
  for (const char* name : {"train.csv", "eval.csv", "runs.csv"}) folder.write(name, text_of(bytes));
  bool was_read = judge_table(folder.path() / "runs.csv", folder);
  accepts([&] { experiments::collect(plan, folder.path()); });
  experiments::last_logged_step(folder.path());
  experiments::RunReport report;
  report.last_step = report.steps = 20;
  for (const auto state : {experiments::RunState::completed, experiments::RunState::diverged}) {
    report.state = state;
    for (const config::QuantityConfig& quantity : plan.experiment.quantities)
      if (accepts([&] { experiments::measure(quantity, folder.path(), report); })) was_read = true;
  }
  return was_read;
}

// ---- all of them

struct Target {
  const char* name;  // of its file, and of its folders in seeds/ and findings/
  bool (*run)(Bytes);
};

inline constexpr Target targets[] = {{"config", config_target}, {"experiment", experiment_target},
                                     {"idx", idx_target},       {"idx_gz", idx_gz_target},
                                     {"cifar", cifar_target},   {"npz", npz_target},
                                     {"csv", csv_target}};

}  // namespace bnlab::fuzz

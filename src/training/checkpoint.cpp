#include "training/checkpoint.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "config/names.h"
#include "network/finite.h"
#include "util/errors.h"
#include "util/npz_values.h"

namespace bnlab::training {
namespace {

using config::SplitName;
using config::Statistics;

// Names in the file: network arrays as they are, the rest below these.
const std::string optimizer_prefix = "optimizer.";
const std::string progress_prefix = "progress.";
const std::string csv_prefix = "csv_bytes.";
const std::string initial_weights_bytes = "initial_weights_bytes";
const std::string evaluation_prefix = "evaluations.";

const std::vector<std::pair<std::string, std::string Progress::*>> texts{
    {"dataset_sha256", &Progress::dataset_sha256},
    {"initial_weights_sha256", &Progress::initial_weights_sha256},
    {"instruction_set", &Progress::instruction_set},
    {"onednn", &Progress::onednn}};

template <class T>
NpyArray vector_of(std::vector<T> values) {
  return {{static_cast<std::int64_t>(values.size())}, std::move(values)};
}

bool starts_with(const std::string& text, const std::string& prefix) { return text.rfind(prefix, 0) == 0; }

NpzArrays take(NpzArrays& arrays, const std::string& prefix) {
  NpzArrays taken;
  for (auto entry = arrays.begin(); entry != arrays.end();) {
    if (starts_with(entry->first, prefix)) {
      taken[entry->first.substr(prefix.size())] = std::move(entry->second);
      entry = arrays.erase(entry);
    } else {
      ++entry;
    }
  }
  return taken;
}

template <class T>
std::span<const T> values_of(const NpzArrays& arrays, const std::string& name) {
  const std::vector<T>* values = find_values<T>(arrays, name);
  if (!values) throw DataError(fmt::format("the array \"{}\" is missing or of another type", name));
  return *values;
}

template <class T>
T value_of(const NpzArrays& arrays, const std::string& name) {
  const std::span<const T> values = values_of<T>(arrays, name);
  if (values.size() != 1) throw DataError(fmt::format("the array \"{}\" must hold one value", name));
  return values[0];
}

/// A checkpoint has the index of a kind in these.
constexpr SplitName splits[] = {SplitName::train, SplitName::validation, SplitName::test};
constexpr Statistics all_statistics[] = {Statistics::running, Statistics::precise, Statistics::batch};

template <class E>
std::int32_t index_in(std::span<const E> kinds, E kind) {
  for (std::size_t i = 0; i < kinds.size(); ++i)
    if (kinds[i] == kind) return static_cast<std::int32_t>(i);
  throw std::logic_error("no index for " + config::name_of(kind));
}

template <class E>
E kind_at(std::span<const E> kinds, std::int32_t index) {
  if (index < 0 || static_cast<std::size_t>(index) >= kinds.size()) throw DataError("an evaluation of an unknown kind");
  return kinds[static_cast<std::size_t>(index)];
}

void put_evaluations(NpzArrays& arrays, const std::vector<EvaluationRow>& rows) {
  std::vector<std::int64_t> step, batch_size;
  std::vector<std::int32_t> split, kind;
  std::vector<double> loss, accuracy;
  for (const EvaluationRow& row : rows) {
    step.push_back(row.step);
    split.push_back(index_in<SplitName>(splits, row.split));
    kind.push_back(index_in<Statistics>(all_statistics, row.statistics));
    loss.push_back(row.loss);
    accuracy.push_back(row.accuracy);
    batch_size.push_back(row.batch_size);
  }
  arrays[evaluation_prefix + "step"] = vector_of(std::move(step));
  arrays[evaluation_prefix + "split"] = vector_of(std::move(split));
  arrays[evaluation_prefix + "statistics"] = vector_of(std::move(kind));
  arrays[evaluation_prefix + "loss"] = vector_of(std::move(loss));
  arrays[evaluation_prefix + "accuracy"] = vector_of(std::move(accuracy));
  if (std::ranges::any_of(batch_size, [](std::int64_t size) { return size > 0; }))
    arrays[evaluation_prefix + "batch_size"] = vector_of(std::move(batch_size));
}

std::vector<EvaluationRow> take_evaluations(NpzArrays& all) {
  const NpzArrays arrays = take(all, evaluation_prefix);
  const auto step = values_of<std::int64_t>(arrays, "step");
  const auto split = values_of<std::int32_t>(arrays, "split");
  const auto kind = values_of<std::int32_t>(arrays, "statistics");
  const auto loss = values_of<double>(arrays, "loss");
  const auto accuracy = values_of<double>(arrays, "accuracy");
  const std::size_t count = step.size();
  std::vector<std::int64_t> batch_size(count);  // zeros where the file has none
  if (arrays.contains("batch_size")) {
    const auto sizes = values_of<std::int64_t>(arrays, "batch_size");
    batch_size.assign(sizes.begin(), sizes.end());
  }
  if (batch_size.size() != count || split.size() != count || kind.size() != count || loss.size() != count ||
      accuracy.size() != count)
    throw DataError("the evaluations have different lengths");
  std::vector<EvaluationRow> rows;
  for (std::size_t i = 0; i < count; ++i)
    rows.push_back({step[i], kind_at<SplitName>(splits, split[i]), kind_at<Statistics>(all_statistics, kind[i]),
                    loss[i], accuracy[i], batch_size[i]});
  return rows;
}

std::string problem_of_optimizer(const NpzArrays& state) {
  for (const auto& [name, array] : state)
    if (const auto* values = std::get_if<std::vector<float>>(&array.values))
      if (std::string problem = network::problem_of(optimizer_prefix + name, array.shape, *values); !problem.empty())
        return problem;
  return "";
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const network::Network& network, const Optimizer& optimizer,
                     const Progress& progress) {
  NpzArrays arrays = network.weights();
  for (auto& [name, array] : optimizer.state()) arrays[optimizer_prefix + name] = array;
  arrays[progress_prefix + "step"] = vector_of(std::vector{progress.step});
  arrays[progress_prefix + "timed_steps"] = vector_of(std::vector{progress.timed_steps});
  arrays[progress_prefix + "seconds"] = vector_of(std::vector{progress.seconds});
  arrays[progress_prefix + "training_seconds"] = vector_of(std::vector{progress.training_seconds});
  arrays[progress_prefix + "last_loss"] = vector_of(std::vector{progress.last_loss});
  arrays[progress_prefix + "last_accuracy"] = vector_of(std::vector{progress.last_accuracy});
  arrays[progress_prefix + "threads"] = vector_of(std::vector{progress.threads});
  arrays[progress_prefix + initial_weights_bytes] = vector_of(std::vector{progress.initial_weights_bytes});
  for (const auto& [name, text] : texts)
    arrays[progress_prefix + name] =
        vector_of(std::vector<std::int32_t>((progress.*text).begin(), (progress.*text).end()));
  for (const auto& [name, bytes] : progress.csv_bytes)
    arrays[csv_prefix + name] = vector_of(std::vector<std::uint64_t>{bytes});
  put_evaluations(arrays, progress.evaluations);
  write_npz(path, arrays);
}

std::string problem_of_checkpoint(const network::Network& network, const Optimizer& optimizer) {
  const std::string problem = network.problem_of_state();
  return problem.empty() ? problem_of_optimizer(optimizer.state()) : problem;
}

Progress load_checkpoint(const std::filesystem::path& path, network::Network& network, Optimizer& optimizer) {
  NpzArrays arrays = read_npz(path, Place::results);
  try {
    Progress progress;
    const NpzArrays values = take(arrays, progress_prefix);
    progress.step = value_of<std::int64_t>(values, "step");
    progress.timed_steps = value_of<std::int64_t>(values, "timed_steps");
    progress.seconds = value_of<double>(values, "seconds");
    progress.training_seconds = value_of<double>(values, "training_seconds");
    progress.last_loss = value_of<double>(values, "last_loss");
    progress.last_accuracy = value_of<double>(values, "last_accuracy");
    progress.threads = value_of<std::int64_t>(values, "threads");
    if (values.contains(initial_weights_bytes))  // checkpoints of earlier versions lack it
      progress.initial_weights_bytes = value_of<std::uint64_t>(values, initial_weights_bytes);
    for (const auto& [name, text] : texts)
      for (const std::int32_t code : values_of<std::int32_t>(values, name)) (progress.*text) += static_cast<char>(code);
    const NpzArrays csv = take(arrays, csv_prefix);
    for (const auto& [name, array] : csv) progress.csv_bytes[name] = value_of<std::uint64_t>(csv, name);
    progress.evaluations = take_evaluations(arrays);
    const NpzArrays of_optimizer = take(arrays, optimizer_prefix);
    if (const std::string problem = problem_of_optimizer(of_optimizer); !problem.empty())
      throw DataError(problem + "; all values must be finite");
    optimizer.set_state(of_optimizer);
    network.set_weights(arrays);
    return progress;
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}; --force starts the run anew", path.string(), error.what()));
  }
}

}  // namespace bnlab::training

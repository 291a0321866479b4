#include "training/run_summary.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/find_kind.h"
#include "config/names.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/printable.h"
#include "util/provenance.h"
#include "util/result_file.h"
#include "util/sealed.h"

namespace bnlab::training {
namespace {

using Json = nlohmann::ordered_json;

using config::SplitName;
using config::Statistics;

constexpr std::uint64_t max_bytes = std::uint64_t{1} << 24;
const char* const batch_key = "batch";  // of the last batch of training, among the splits

/// Nothing where no step was timed.
std::optional<double> steps_per_second(const Progress& progress) {
  if (progress.training_seconds <= 0) return std::nullopt;
  return static_cast<double>(progress.timed_steps) / progress.training_seconds;
}

/// "running", or for one of several batch sizes "batch_4".
std::string way_of(const EvaluationRow& row) {
  const std::string name = config::name_of(row.statistics);
  return row.statistics == Statistics::batch && row.batch_size > 0 ? fmt::format("{}_{}", name, row.batch_size) : name;
}

// The last and the best evaluation of each split and statistics: {"test": {"running": {...}}}.
Json final_metrics(const Progress& progress) {
  Json metrics = Json::object();
  if (progress.step > 0) metrics[batch_key] = {{"loss", progress.last_loss}, {"accuracy", progress.last_accuracy}};
  for (const EvaluationRow& row : progress.evaluations)
    metrics[name_of(row.split)][way_of(row)] = {{"step", row.step}, {"loss", row.loss}, {"accuracy", row.accuracy}};
  return metrics;
}

Json best_metrics(const Progress& progress) {
  Json metrics = Json::object();
  for (const EvaluationRow& row : progress.evaluations) {
    Json& best = metrics[name_of(row.split)][way_of(row)];
    if (best.is_null())
      best = {{"accuracy", row.accuracy}, {"accuracy_step", row.step}, {"loss", row.loss}, {"loss_step", row.step}};
    if (row.accuracy > best["accuracy"].get<double>()) {
      best["accuracy"] = row.accuracy;
      best["accuracy_step"] = row.step;
    }
    if (const double least = best["loss"].get<double>();
        row.loss < least || (std::isnan(least) && !std::isnan(row.loss))) {
      best["loss"] = row.loss;
      best["loss_step"] = row.step;
    }
  }
  return metrics;
}

Json provenance(const RunSummary& summary, const RunOptions& options) {
  const BuildInfo build = build_info();
  Json json = {{"bnlab", build.version},
               {"git_revision", build.git_revision},
               {"git_dirty", build.git_dirty},
               {"compiler", build.compiler},
               {"build_type", build.build_type},
               {"onednn", summary.progress.onednn},
               {"cpu", cpu_model()},
               {"isa", summary.progress.instruction_set},
               {"threads", options.threads},
               {"host", host_name()},
               {"dataset", summary.dataset},
               {"dataset_sha256", summary.dataset_sha256},
               {"train_examples", summary.train_examples},
               {"command_line", options.command_line},
               {"start_time", summary.start_time}};
  if (const std::string& sum = summary.progress.initial_weights_sha256; !sum.empty())
    json["initial_weights_sha256"] = sum;
  return json;
}

/// {"eval.csv": {"bytes": 131, "modified": NANOSECONDS, "sha256": "..."}, ...}.
Json files_json(const std::vector<FileRecord>& files) {
  Json json = Json::object();
  for (const FileRecord& file : files)
    json[file.name] = {{"bytes", file.bytes}, {"modified", file.modified}, {"sha256", file.sha256}};
  return json;
}

/// What the run read: {"dataset": {"name": ..., "bytes": ..., "sha256": ...}, "initialization.from": {"path": ...,
/// "bytes": ..., "sha256": ...}}.
Json inputs_json(const RunSummary& summary) {
  Json json = {
      {"dataset", {{"name", summary.dataset}, {"bytes", summary.dataset_bytes}, {"sha256", summary.dataset_sha256}}}};
  if (!summary.initialization_from.empty())
    json["initialization.from"] = {{"path", summary.initialization_from},
                                   {"bytes", summary.progress.initial_weights_bytes},
                                   {"sha256", summary.progress.initial_weights_sha256}};
  return json;
}

/// Throws DataError where the text of the file is no JSON object.
Json parsed(const std::string& text, const std::filesystem::path& file) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw DataError(fmt::format("{}: damaged: not a JSON object", file.string()));
  return json;
}

/// Throws DataError where the file can't be read.
std::string text_of(const std::filesystem::path& file) {
  const std::vector<std::uint8_t> bytes = read_file(file, max_bytes, Place::results);
  return {bytes.begin(), bytes.end()};
}

/// The texts that are not empty, separated.
std::string joined(const std::vector<std::string>& texts, const char* separator) {
  std::string all;
  for (const std::string& text : texts)
    if (!text.empty()) all += (all.empty() ? "" : separator) + text;
  return all;
}

std::string text_at(const Json& json, const char* key) {
  const auto value = json.find(key);
  return value != json.end() && value->is_string() ? value->get<std::string>() : "";
}

double number_at(const Json& json, const char* key) {
  const auto value = json.find(key);
  return value != json.end() && value->is_number() ? value->get<double>() : 0.0;
}

std::int64_t integer_at(const Json& json, const char* key) {
  const auto value = json.find(key);
  return value != json.end() && value->is_number_integer() ? value->get<std::int64_t>() : 0;
}

/// A number; nan where it is null, as JSON has what is not finite.
double metric_at(const Json& json, const char* key) {
  const auto value = json.find(key);
  return value != json.end() && value->is_number() ? value->get<double>() : std::numeric_limits<double>::quiet_NaN();
}

const Json& object_at(const Json& json, const std::string& key) {
  static const Json none = Json::object();
  const auto value = json.find(key);
  return value != json.end() && value->is_object() ? *value : none;
}

std::vector<FileRecord> files_in(const Json& json) {
  std::vector<FileRecord> files;
  for (const auto& [name, file] : object_at(json, "files").items())
    if (file.is_object() && name.find('/') == std::string::npos)
      files.push_back({name, static_cast<std::uint64_t>(integer_at(file, "bytes")), integer_at(file, "modified"),
                       text_at(file, "sha256")});
  return files;
}

std::vector<FinalMetric> finals_in(const Json& json) {
  std::vector<FinalMetric> finals;
  const auto add = [&](std::optional<SplitName> split, Statistics statistics, const Json& metric) {
    if (metric.is_object())
      finals.push_back(
          {split, statistics, integer_at(metric, "step"), metric_at(metric, "loss"), metric_at(metric, "accuracy")});
  };
  const Json& all = object_at(json, "final");
  if (const auto batch = all.find(batch_key); batch != all.end()) add(std::nullopt, Statistics::batch, *batch);
  for (const auto& split : config::Names<SplitName>::table)
    for (const auto& [name, metric] : object_at(all, std::string(split.name)).items())
      if (const auto statistics = config::find_kind<Statistics>(name)) add(split.value, *statistics, metric);
  return finals;
}

}  // namespace

std::string run_json(const RunSummary& summary, const RunOptions& options) {
  Json json;
  json["status"] = config::name_of(summary.status);
  if (!summary.error.empty()) json["error"] = summary.error;
  if (!summary.reason.empty()) json["reason"] = summary.reason;
  json["last_step"] = summary.progress.step;
  json["steps"] = summary.steps;
  json["parameters"] = summary.parameters;
  json["precision"] = summary.precision;
  json["wall_seconds"] = summary.progress.seconds;
  const std::optional<double> rate = steps_per_second(summary.progress);
  json["steps_per_second"] = rate ? Json(*rate) : Json(nullptr);
  json["seconds_to_first_step"] = summary.seconds_to_first_step;
  json["peak_memory_bytes"] = peak_memory_bytes();
  json["final"] = final_metrics(summary.progress);
  json["best"] = best_metrics(summary.progress);
  json["inputs"] = inputs_json(summary);
  if (!summary.files.empty()) json["files"] = files_json(summary.files);
  json["provenance"] = provenance(summary, options);
  // Text from outside (a command line, a path) may not be UTF-8.
  return sealed(printable(json.dump(2, ' ', false, Json::error_handler_t::replace)) + "\n");
}

std::optional<RunEnd> read_end(const std::filesystem::path& file) {
  if (!is_there(file)) return std::nullopt;
  const std::string text = text_of(file);
  const Json json = parsed(text, file);
  if (!json.contains("status") || !json["status"].is_string() || !json.contains("last_step") ||
      !json["last_step"].is_number_integer())
    throw DataError(fmt::format("{}: damaged: it does not say how the run ended", file.string()));
  RunEnd end;
  end.status = config::find_kind<RunStatus>(json["status"].get<std::string>());
  end.last_step = json["last_step"].get<std::int64_t>();
  end.error = text_at(json, "error");
  end.steps = static_cast<std::int64_t>(number_at(json, "steps"));
  end.seconds = number_at(json, "wall_seconds");
  end.steps_per_second = number_at(json, "steps_per_second");
  end.files = files_in(json);
  end.finals = finals_in(json);
  end.reason = text_at(json, "reason");
  end.is_changed = json.contains("sha256") && !is_as_sealed(text);
  const auto provenance = json.find("provenance");
  if (provenance == json.end() || !provenance->is_object()) return end;
  end.threads = static_cast<int>(number_at(*provenance, "threads"));
  end.dataset_sha256 = text_at(*provenance, "dataset_sha256");
  end.initial_weights_sha256 = text_at(*provenance, "initial_weights_sha256");
  end.instruction_set = text_at(*provenance, "isa");
  end.git_revision = text_at(*provenance, "git_revision");
  end.onednn = text_at(*provenance, "onednn");
  end.machine = text_at(*provenance, "cpu");  // not the host: one processor computes the same anywhere
  const bool changed = provenance->contains("git_dirty") && (*provenance)["git_dirty"] == true;
  end.build = joined({text_at(*provenance, "bnlab"), text_at(*provenance, "compiler"),
                      text_at(*provenance, "build_type"), changed ? "changed sources" : ""},
                     ", ");
  return end;
}

std::string problem_of_interruption(const std::filesystem::path& directory) {
  const std::filesystem::path checkpoint = directory / "checkpoint.npz";
  if (is_there(checkpoint)) return "";
  const std::optional<RunEnd> end = read_end(directory / "run.json");
  if (!end || end->status != RunStatus::interrupted) return "";
  return fmt::format("{}: is gone, and with it the run that was interrupted after step {}", checkpoint.string(),
                     end->last_step);
}

std::string failure_json(const std::string& error) {
  const Json json = {{"status", "failed"}, {"error", error}, {"host", host_name()}, {"time", utc_time()}};
  return printable(json.dump(2, ' ', false, Json::error_handler_t::replace)) + "\n";
}

std::optional<std::string> read_failure(const std::filesystem::path& file) {
  if (!is_there(file)) return std::nullopt;
  try {
    if (const std::string error = text_at(parsed(text_of(file), file), "error"); !error.empty()) return error;
  } catch (const ReadError&) {
    throw;
  } catch (const DataError& problem) {
    return fmt::format("failed, but {}", problem.what());
  }
  return fmt::format("failed, but {} does not say why", file.string());
}

void refuse_foreign_failure(const std::filesystem::path& file) {
  if (kind_of(file) != FileKind::file) return;  // others are refused by their kind
  const std::string text = text_of(file);
  const Json json = Json::parse(text, nullptr, false);
  const bool is_ours = json.is_object() && text_at(json, "status") == "failed" && !text_at(json, "error").empty() &&
                       json.contains("host") && json.contains("time");
  if (!text.empty() && !is_ours)
    throw RunError(
        fmt::format("{}: bnlab did not write this file, and does not remove it; move it away", file.string()));
}

std::string summary_line(const RunSummary& summary) {
  std::string line = fmt::format("{} after {} of {} steps, {:.1f} s", config::name_of(summary.status),
                                 summary.progress.step, summary.steps, summary.progress.seconds);
  if (const auto rate = steps_per_second(summary.progress)) line += fmt::format(", {:.1f} steps/s", *rate);
  if (!summary.reason.empty()) line += "; " + summary.reason;
  for (auto row = summary.progress.evaluations.rbegin(); row != summary.progress.evaluations.rend(); ++row)
    if (row->split == SplitName::test)
      return line + fmt::format("; test accuracy {:.4f}, loss {:.4f} at step {} ({} statistics)", row->accuracy,
                                std::isnan(row->loss) ? std::abs(row->loss) : row->loss, row->step,
                                config::name_of(row->statistics));
  return line;
}

}  // namespace bnlab::training

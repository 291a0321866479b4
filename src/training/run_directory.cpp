#include "training/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "config/probe_files.h"
#include "training/run_summary.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/result_file.h"

namespace bnlab::training {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

std::vector<std::string> files_of_a_run() {
  std::vector<std::string> files{"run.json",
                                 "train.csv",
                                 "eval.csv",
                                 "checkpoint.npz",
                                 "weights.npz",
                                 "weights_initial.npz",
                                 "gradients_first.npz",
                                 "batches.npy",
                                 "dropout_masks.npz",
                                 failure_file};
  for (std::string& file : config::files_of_probes()) files.push_back(std::move(file));
  // The last: without it, what a kill leaves of the others would be nobody's.
  files.push_back("config.json");
  return files;
}

/// The names in a directory that the user gave, which may be a link.
std::vector<std::string> names_in_given(const fs::path& directory) {
  std::error_code error;
  const fs::path whole = fs::canonical(directory, error);
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) return {};
  if (error) throw ReadError(fmt::format("{}: cannot look at: {}", directory.string(), error.message()));
  return names_in(whole);
}

void refuse_other_than_file(const fs::path& file) {
  const FileKind kind = kind_of(file);
  if (kind != FileKind::missing && kind != FileKind::file)
    throw RunError(fmt::format("{}: is {}, which no run makes, and is not removed; nothing was changed", file.string(),
                               kind == FileKind::link ? "a symbolic link" : "no regular file"));
}

/// The beginning of a file that a run wrote; "" where there is none.
std::string beginning_of(const fs::path& file) {
  if (!is_there(file)) return "";
  constexpr std::size_t enough = std::size_t{1} << 20;
  std::string text(enough, '\0');
  FileReader reader(file, FileReader::Gzip::keep, Place::results);
  text.resize(reader.read({reinterpret_cast<std::uint8_t*>(text.data()), text.size()}));
  return text;
}

/// Whether a run of bnlab has been here, whole or not: from the beginning to its end there is a config.json.
bool holds_a_run(const fs::path& directory) {
  const std::string config = beginning_of(directory / "config.json");
  const auto has = [&](const char* key) { return config.find(key) != std::string::npos; };
  // A config that a user wrote says less than the resolved one of a run, which has every section.
  const auto sections = {"\"description\"",    "\"dataset\"",   "\"network\"",  "\"normalization\"",
                         "\"initialization\"", "\"optimizer\"", "\"training\"", "\"probes\""};
  if (std::ranges::all_of(sections, has)) return true;
  // Where config.json is damaged.
  const std::string end = beginning_of(directory / "run.json");
  return (end.starts_with("{") && end.find("\"last_step\"") != std::string::npos) ||
         beginning_of(directory / "train.csv").starts_with("step,epoch,examples,learning_rate,");
}

/// Throws where files with the names of a run's are somebody else's.
void refuse_to_replace(const fs::path& directory) {
  std::string first;
  for (const std::string& name : files_of_a_run()) {
    refuse_other_than_file(directory / name);
    if (first.empty() && name != failure_file && is_there(directory / name)) first = name;
  }
  refuse_foreign_failure(directory / failure_file);
  if (first.empty() && is_there(directory / "experiment.json"))
    throw ConfigError(fmt::format(
        "--out: {} is the directory of a sweep (it has an experiment.json); nothing was changed. Choose another "
        "directory for a run",
        directory.string()));
  if (!first.empty() && !holds_a_run(directory))
    throw ConfigError(
        fmt::format("{}: holds {}, but no run: no config.json as a run writes it; nothing was changed. Choose another "
                    "directory, or "
                    "remove it yourself",
                    directory.string(), first));
}

}  // namespace

bool holds_nothing(const fs::path& directory, const fs::path& log_file) {
  try {
    refuse_foreign_failure(directory / failure_file);
  } catch (const RunError&) {
    return false;
  }
  std::error_code ignored;
  if (fs::exists(directory, ignored) && !fs::is_directory(directory, ignored)) return false;
  for (const std::string& name : names_in_given(directory)) {
    // A kill in the middle of a write leaves .tmp files; config.json is the first file of a run.
    if (!fs::equivalent(directory / name, log_file, ignored) && name != stderr_file && name != failure_file &&
        name != failure_file + ".tmp"s && name != "config.json.tmp")
      return false;
  }
  return true;
}

bool is_file_of_a_run(const fs::path& directory, const fs::path& file) {
  std::error_code ignored;
  const fs::path folder = fs::weakly_canonical(fs::absolute(file, ignored).parent_path(), ignored);
  const std::vector<std::string> files = files_of_a_run();
  return folder == fs::weakly_canonical(fs::absolute(directory, ignored), ignored) &&
         std::find(files.begin(), files.end(), file.filename()) != files.end();
}

bool is_locked(const fs::path& directory) {
  const posix::Descriptor file = posix::open(directory, O_RDONLY | O_DIRECTORY);
  if (!file.valid() && errno != ENOENT && errno != ENOTDIR) throw_run_error(directory, "open", errno);
  return file.valid() && !posix::try_lock(file, LOCK_SH);
}

RunDirectory::RunDirectory(fs::path path, Existing existing, const fs::path& log_file) : path_(std::move(path)) {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error || !fs::is_directory(path_))
    throw ConfigError(fmt::format("--out: can't make the directory {}: {}", path_.string(),
                                  error ? error.message() : "a file of that name exists"));
  if (::access(path_.c_str(), W_OK | X_OK) != 0)
    throw ConfigError(
        fmt::format("--out: can't write into {}: {}", path_.string(), std::generic_category().message(errno)));
  lock_ = posix::open(path_, O_RDONLY | O_DIRECTORY);
  // A folder that may be written but not read can't be locked.
  if (!lock_.valid() && errno != EACCES) throw_run_error(path_, "open", errno);
  if (lock_.valid() && !posix::try_lock(lock_, LOCK_EX))
    throw ConfigError(fmt::format("--out: another run writes into {}", path_.string()));
  if (existing == Existing::replace) refuse_to_replace(path_);
  if (existing == Existing::refuse && !holds_nothing(path_, log_file))
    throw ConfigError(
        fmt::format("--out: {} is not empty; nothing was changed. Choose another directory, continue the run "
                    "in it with --resume, or replace it with --force",
                    path_.string()));
}

void RunDirectory::clear() {
  for (const std::string& name : files_of_a_run()) refuse_other_than_file(file(name));
  refuse_foreign_failure(file(failure_file));
  for (const std::string& name : files_of_a_run())
    for (const char* suffix : {"", ".tmp"}) {  // a kill in the middle of a write leaves the latter
      std::error_code error;
      fs::remove(file(name + suffix), error);
      if (error) throw RunError(fmt::format("can't remove {}: {}", file(name + suffix).string(), error.message()));
    }
}

CsvWriter& RunDirectory::open_csv(const std::string& name, const std::vector<std::string>& columns) {
  auto& place = csv_[name];
  if (place)
    throw ConfigError(fmt::format("probes: {} is there twice; one probe of each type writes {}.csv", name, name));
  if (!continue_at_) {
    place = std::make_unique<CsvWriter>(file(name + ".csv"), columns);
    return *place;
  }
  const auto bytes = continue_at_->find(name);
  if (bytes == continue_at_->end())
    throw DataError(fmt::format("{}: does not say how much of {}.csv is of the run so far; --force starts the run anew",
                                file("checkpoint.npz").string(), name));
  place = std::make_unique<CsvWriter>(file(name + ".csv"), columns, bytes->second);
  return *place;
}

void RunDirectory::write(const std::string& name, std::string bytes) {
  using data::BackgroundSha256;
  constexpr std::size_t worth_a_thread = std::size_t{1} << 20;
  const auto content = std::make_shared<const std::string>(std::move(bytes));
  sums_.erase(name);
  const auto start =
      content->size() < worth_a_thread ? BackgroundSha256::Start::later : BackgroundSha256::Start::at_once;
  BackgroundSha256& sum = sums_.try_emplace(name, start).first->second;
  sum.update({reinterpret_cast<const std::uint8_t*>(content->data()), content->size()}, content);
  sum.end();
  write_file_atomically(file(name), *content);
}

std::vector<FileRecord> RunDirectory::records() {
  std::map<std::string, std::string> sums;
  for (const auto& [name, writer] : csv_) sums[name + ".csv"] = writer->sha256();
  for (auto& [name, sum] : sums_) sums[name] = sum.hex();
  std::vector<FileRecord> all;
  for (const std::string& name : files_of_a_run()) {
    if (name == "run.json" || name == "checkpoint.npz" || name == failure_file) continue;
    std::error_code error;
    if (fs::is_regular_file(fs::symlink_status(file(name), error))) all.push_back(record_of(path_, name, sums[name]));
  }
  return all;
}

void RunDirectory::sync_csv() {
  for (const auto& [name, writer] : csv_) writer->sync();
}

std::map<std::string, std::uint64_t> RunDirectory::csv_bytes() const {
  std::map<std::string, std::uint64_t> bytes;
  for (const auto& [name, writer] : csv_) bytes[name] = writer->bytes();
  return bytes;
}

}  // namespace bnlab::training

#include "experiments/slurm_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "training/run_directory.h"
#include "util/errors.h"
#include "util/process.h"

namespace bnlab::experiments {
namespace {

/// The script of a submission. The shell stays, to pass the warning on and to keep the exit status.
constexpr const char* script = R"sh(#!/bin/sh
# One run of a bnlab sweep: this task's line of {name}.commands is its command, of {name}.directories its directory.
submission={submission}
export OMP_NUM_THREADS={threads}
line() {{ sed -n "${{SLURM_ARRAY_TASK_ID}}{{p;q;}}" "$submission.$1"; }}
status_file=$submission.$SLURM_ARRAY_TASK_ID.status
rm -f "$status_file"
eval "directory=$(line directories)"
mkdir -p "$directory"
log=$directory/{stderr}
if [ -L "$directory" ] || [ -L "$log" ] || {{ [ -e "$log" ] && [ ! -f "$log" ]; }}; then
  echo "$log is a link or not a regular file; nothing is written to it" >&2
  echo 1 >"$status_file"
  exit 1
fi
child=
# Before the time limit Slurm signals this shell, and the run writes a checkpoint. To cancel it signals the run itself.
trap 'kill -TERM "$child"' USR1
trap : TERM
eval "$(line commands) >/dev/null 2>>\"\$log\" &"
child=$!
wait "$child"
status=$?
while [ "$status" -gt 128 ] && kill -0 "$child" 2>/dev/null; do  # a signal ended the waiting, not the run
  wait "$child"
  status=$?
done
[ -s "$log" ] || rm -f "$log"
[ "$status" -eq 0 ] || echo "$status" >"$status_file"
exit "$status"
)sh";

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  text.erase(0, text.find_first_not_of(" \t\r\n"));
  return text;
}

}  // namespace

std::string output_of_slurm(const std::vector<std::string>& arguments) {
  const Captured captured = run_and_capture(arguments);
  if (captured.end.status != 0 || captured.end.signal != 0)
    throw RunError(fmt::format("{} failed: {}", arguments.front(), trimmed(captured.error + captured.output)));
  return trimmed(captured.output);
}

int largest_array_index() {
  std::istringstream config(output_of_slurm({"scontrol", "show", "config"}));
  for (std::string line; std::getline(config, line);)
    if (line.starts_with("MaxArraySize")) {
      const int size = std::atoi(line.c_str() + std::min(line.size(), line.find('=') + 1));
      if (size < 2)
        throw RunError(fmt::format("scontrol: job arrays are disabled on this cluster ({})", trimmed(line)));
      return size - 1;
    }
  throw RunError("scontrol show config: no MaxArraySize in its output");
}

std::map<TaskPlace, Queued> slurm_queue(const std::string& job_prefix) {
  std::istringstream lines(
      output_of_slurm({"squeue", "--noheader", "--array", fmt::format("--user={}", getuid()), "--format=%j %K %T"}));
  std::map<TaskPlace, Queued> queue;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, state;
    int index = 0;
    if (words >> name >> index >> state && name.starts_with(job_prefix))
      queue[{name.substr(job_prefix.size()), index}] = state == "PENDING" ? Queued::waits : Queued::runs;
  }
  return queue;
}

std::string script_of(const std::filesystem::path& submission, int threads) {
  return fmt::format(fmt::runtime(script), fmt::arg("name", submission.filename().string()),
                     fmt::arg("submission", shell_quoted(submission.native())), fmt::arg("threads", threads),
                     fmt::arg("stderr", training::stderr_file));
}

}  // namespace bnlab::experiments

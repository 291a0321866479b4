#pragma once
// What a sweep asks of Slurm's commands, and the script of a submission.

#include <compare>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace bnlab::experiments {

/// Where a task is in the queue, or was.
struct TaskPlace {
  std::string submission;                              // "0001"
  int index = 0;                                       // of the array, from 1
  auto operator<=>(const TaskPlace&) const = default;  // NOLINT(modernize-use-nullptr): version 14 mistakes its own 0
};

enum class Queued { waits, runs };

/// The output of a Slurm command, without spaces around it. Throws RunError with its words where it refuses.
std::string output_of_slurm(const std::vector<std::string>& arguments);

/// The highest index that a task of a job array may have. Throws RunError where arrays are switched off.
int largest_array_index();

/// The user's tasks of jobs whose names begin with this: the rest of the name is the submission.
std::map<TaskPlace, Queued> slurm_queue(const std::string& job_prefix);

/// The script of a submission: the path of its files without their endings.
std::string script_of(const std::filesystem::path& submission, int threads);

}  // namespace bnlab::experiments

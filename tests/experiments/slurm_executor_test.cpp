#include "experiments/slurm_executor.h"

#include <signal.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "experiments/executor_testing.h"
#include "util/errors.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using test::expect_contains;
using test::make_task;
using test::Recorder;
using test::state_of;
using test::write_script;

// Commands in the place of Slurm's. sbatch writes its arguments down and runs the tasks at once; where there is a file
// `hold` it queues them instead.
constexpr const char* sbatch = R"(cd "$FAKE_SLURM" || exit 1
[ ! -e refuse ] || { echo 'sbatch: error: Batch job submission failed: Invalid partition name specified' >&2; exit 1; }
jobs=$(($(cat jobs 2>/dev/null || echo 0) + 1))
echo $jobs > jobs
printf '%s\n' "$@" > "arguments.$jobs"
for word; do
  case $word in
    --array=*) last=${word#--array=1-} last=${last%%%*} ;;
    --job-name=*) name=${word#--job-name=} ;;
  esac
done
index=1
while [ $index -le $last ]; do
  if [ -e hold ]; then echo "$name $index PENDING" >> queue; else SLURM_ARRAY_TASK_ID=$index sh "$word"; fi
  index=$((index + 1))
done
echo "$jobs;cluster"
)";
constexpr const char* squeue = R"(cd "$FAKE_SLURM" || exit 1
echo "$*" > squeue.arguments
if [ -e away ]; then rm away; echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1; fi
echo "someone-else N/A RUNNING"
[ ! -e queue ] || cat queue
)";
constexpr const char* scontrol = R"sh(echo "MaxJobCount             = 10000"
echo "MaxArraySize            = $(cat "$FAKE_SLURM/size")"
)sh";
// In bnlab's place: the config is what it does.
constexpr const char* program = R"sh(directory=$4
finish() { echo '{"status": "completed", "last_step": 5}' > "$directory/run.json"; }
. "$2"
)sh";

class SlurmExecutor : public ::testing::Test {
 protected:
  SlurmExecutor()
      : path_("PATH", ((folder / "bin").string() + ":" + std::getenv("PATH")).c_str()),
        fake_("FAKE_SLURM", (folder / "slurm").c_str()) {
    fs::create_directories(folder / "bin");
    fs::create_directories(folder / "slurm");
    write_script(folder / "bin/sbatch", sbatch);
    write_script(folder / "bin/squeue", squeue);
    write_script(folder / "bin/scontrol", scontrol);
    set("size", "1001");
    options.program = write_script(folder / "program", program);
    options.poll_seconds = 0.02;
  }

  void set(const std::string& name, const std::string& text = "") { test::write_text(folder / "slurm" / name, text); }
  std::string get(const std::string& name) { return test::read_text(folder / "slurm" / name); }
  bool has(const std::string& name) { return fs::exists(folder / "slurm" / name); }
  int submissions() { return has("jobs") ? std::stoi(get("jobs")) : 0; }

  Task task(const std::string& name, const std::string& text) { return make_task(folder / "sweep", name, text + "\n"); }
  SweepEnd run(const std::vector<Task>& tasks) {
    display.reports.clear();
    return run_slurm(tasks, folder / "sweep", options, display, stop);
  }
  /// Runs what is queued, as the cluster would.
  void run_queue() {
    std::ifstream lines(folder / "slurm/queue");
    std::string name, index, state;
    while (lines >> name >> index >> state) {
      const std::string command =
          fmt::format("SLURM_ARRAY_TASK_ID={} sh {}", index,
                      (folder / ("sweep/slurm/" + name.substr(name.rfind('-') + 1) + ".sh")).string());
      std::system(command.c_str());
    }
    fs::remove(folder / "slurm/queue");
  }

  test::TemporaryFolder folder;
  test::EnvironmentGuard path_, fake_;
  SlurmOptions options;
  Recorder display;
  std::atomic<int> stop{0};
};

TEST_F(SlurmExecutor, RunsAll) {
  std::vector<Task> tasks;
  for (int i = 0; i < 12; ++i)
    tasks.push_back(task(std::to_string(i), "echo \"$OMP_NUM_THREADS $*\" > \"$directory/said\"; finish"));
  options.partition = "main";
  options.time_limit = "1:30:00";
  options.tasks_at_a_time = 4;
  options.extra = {"--account=my project", "--mem=2G"};
  options.threads = 3;
  EXPECT_EQ(run(tasks), SweepEnd::done);
  for (const Task& one : tasks) {
    EXPECT_EQ(display.reports.at(one.name).state, RunState::completed);
    EXPECT_EQ(test::read_text(one.directory / "said"), fmt::format("3 train {} --out {} --resume --threads 3 --quiet\n",
                                                                   one.config.string(), one.directory.string()));
    EXPECT_FALSE(fs::exists(one.directory / "stderr.log"));
  }
  const std::string arguments = get("arguments.1");
  for (const char* word : {"--parsable\n", "--array=1-12%4\n", "--partition=main\n", "--time=1:30:00\n",
                           "--account=my project\n--mem=2G\n", "--cpus-per-task=3\n", "--signal=B:USR1@60\n"})
    expect_contains(arguments, word);
  EXPECT_TRUE(arguments.ends_with((folder / "sweep/slurm/0001.sh\n").string())) << arguments;
  expect_contains(display.messages, "submitted 12 runs to Slurm, job 1\n");
  EXPECT_EQ(submissions(), 1);
}

TEST_F(SlurmExecutor, SplitsAtTheLargestArray) {
  set("size", "6");  // the highest index is 5
  std::vector<Task> tasks;
  for (int i = 0; i < 12; ++i) tasks.push_back(task(std::to_string(i), "finish"));
  EXPECT_EQ(run(tasks), SweepEnd::done);
  EXPECT_EQ(submissions(), 3);
  for (const auto& [job, array] : {std::pair{1, "--array=1-5\n"}, {2, "--array=1-5\n"}, {3, "--array=1-2\n"}})
    expect_contains(get(fmt::format("arguments.{}", job)), array);
  for (const Task& one : tasks) EXPECT_EQ(state_of(one), RunState::completed);
}

TEST_F(SlurmExecutor, ErrorsAreFailuresAndNotTriedAgain) {
  const std::map<std::string, std::string> ends{
      {"echo 'bnlab: wrong' >&2; exit 2", "config error (status 2): wrong"},
      {"echo 'bnlab: no file' >&2; exit 3", "data missing or damaged (status 3): no file"},
      {"kill -SEGV $$", "ended by signal 11 (Segmentation fault)"},
      {"exit 0", ""}};
  std::vector<Task> tasks;
  for (const auto& [text, error] : ends)
    if (!error.empty()) tasks.push_back(task(std::to_string(tasks.size()), text));
  tasks.push_back(task("good", "finish"));
  EXPECT_EQ(run(tasks), SweepEnd::done);
  EXPECT_EQ(submissions(), 1);
  EXPECT_EQ(state_of(tasks.back()), RunState::completed);
  std::size_t i = 0;
  for (const auto& [text, error] : ends)
    if (!error.empty()) {
      const RunReport& report = display.reports.at(tasks[i].name);
      EXPECT_EQ(state_of(tasks[i]), RunState::failed);
      EXPECT_EQ(report.error, error) << text;
      ++i;
    }
  EXPECT_TRUE(fs::is_empty(folder / "sweep/slurm") == false);
  for (const auto& entry : fs::directory_iterator(folder / "sweep/slurm"))
    EXPECT_NE(entry.path().extension(), ".status") << "it was taken";
}

TEST_F(SlurmExecutor, WhatWasStoppedOrLostIsSubmittedAgain) {
  // Each does this once, and then finishes.
  std::vector<Task> tasks;
  for (const char* end : {"touch \"$directory/checkpoint.npz\"; exit 130", "kill -TERM $$", "kill -KILL $$",
                          // The whole job goes, its shell first.
                          "kill -KILL $PPID; exit 1"})
    tasks.push_back(task(
        std::to_string(tasks.size()),
        std::string("if [ -e \"$directory/once\" ]; then finish; else touch \"$directory/once\"; ") + end + "; fi"));
  EXPECT_EQ(run(tasks), SweepEnd::done);
  for (const Task& one : tasks)
    EXPECT_EQ(display.reports.at(one.name).state, RunState::completed) << display.reports.at(one.name).error;
  EXPECT_EQ(submissions(), 2);
  expect_contains(get("arguments.2"), "--array=1-4\n");
}

TEST_F(SlurmExecutor, NotForEver) {
  options.resubmissions = 2;
  const std::string count = "echo x >> \"$directory/count\"; echo words >&2; ";
  const Task killed = task("killed", count + "kill -KILL $$"), stopped = task("stopped", count + "exit 130"),
             lost = task("lost", count + "kill -KILL $PPID");
  EXPECT_EQ(run({killed, stopped, lost}), SweepEnd::done);
  EXPECT_EQ(display.reports.at("killed").error, "submitted 3 times to Slurm; ended by signal 9 (Killed): words");
  EXPECT_EQ(state_of(killed), RunState::failed);
  EXPECT_EQ(state_of(lost), RunState::failed);
  expect_contains(display.reports.at("lost").error, "ended without a result; was the job cancelled?");
  EXPECT_EQ(state_of(stopped), RunState::unfinished) << "a later call continues it";
  expect_contains(display.reports.at("stopped").error, "stopped 3 times");
  for (const Task& one : {killed, stopped, lost}) EXPECT_EQ(test::read_text(one.directory / "count"), "x\nx\nx\n");
}

TEST_F(SlurmExecutor, ProgressIsNoFailedTry) {
  options.resubmissions = 1;
  // Each time 10 steps further; after the fifth it ends.
  const Task one =
      task("a",
           "echo x >> \"$directory/count\"; n=$(wc -l < \"$directory/count\"); printf 'step,loss\\n1,2\\n%d,1\\n' "
           "$((10 * n)) > \"$directory/train.csv\"; if [ $n -lt 5 ]; then exit 130; fi; finish");
  EXPECT_EQ(run({one}), SweepEnd::done);
  EXPECT_EQ(display.reports.at("a").state, RunState::completed) << display.reports.at("a").error;
  EXPECT_EQ(submissions(), 5);
}

TEST_F(SlurmExecutor, DetachesAndTakesUpLater) {
  set("hold");
  const std::vector<Task> tasks{task("a", "finish"), task("b", "exit 4"),
                                task("c", "touch \"$directory/checkpoint.npz\"; exit 130")};
  options.wait = false;
  EXPECT_EQ(run(tasks), SweepEnd::detached);
  EXPECT_EQ(submissions(), 1);
  expect_contains(display.messages, "3 runs continue in Slurm");
  // Once more while they are queued, and with one more run.
  const Task more = task("d", "finish");
  EXPECT_EQ(run({tasks[0], tasks[1], tasks[2], more}), SweepEnd::detached);
  EXPECT_EQ(submissions(), 2);
  expect_contains(display.messages, "3 runs are in Slurm's queue already");
  expect_contains(get("arguments.2"), "--array=1-1\n");
  run_queue();
  // What failed meanwhile is told, what was stopped submitted again.
  options.wait = true;
  fs::remove(folder / "slurm/hold");
  options.resubmissions = 0;
  EXPECT_EQ(run({tasks[0], tasks[1], tasks[2], more}), SweepEnd::done);
  EXPECT_EQ(submissions(), 3);
  EXPECT_EQ(state_of(tasks[0]), RunState::completed);
  EXPECT_EQ(state_of(more), RunState::completed);
  EXPECT_EQ(display.reports.at("b").error, "ended with status 4");
  EXPECT_EQ(state_of(tasks[2]), RunState::unfinished);
}

TEST_F(SlurmExecutor, StopLeavesTheJobsAlone) {
  set("hold");
  const Task one = task("a", "finish");
  int ticks = 0;
  options.poll_seconds = 60;
  display.at_tick = [&] { stop = ++ticks > 2 ? 1 : 0; };
  EXPECT_EQ(run({one}), SweepEnd::detached);
  expect_contains(display.messages, "the same command later continues them");
  EXPECT_NE(get("queue"), "");
}

TEST_F(SlurmExecutor, ShowsWhatRunsAndOutlivesAnAbsentController) {
  set("hold");
  const Task one = task("a", "finish");
  int phase = 0;
  display.at_tick = [&] {
    if (!has("queue")) return;
    if (++phase == 2) {
      std::string queue = get("queue");
      set("queue", queue.replace(queue.find("PENDING"), 7, "RUNNING"));
      fs::create_directories(one.directory);
      test::write_text(one.directory / "train.csv", "step,loss\n30,0.5\n");
    }
    if (phase == 4) set("away");
    if (phase == 6) run_queue();
  };
  EXPECT_EQ(run({one}), SweepEnd::done);
  EXPECT_EQ(display.events, (std::vector<std::string>{"started a", "completed a"}));
  EXPECT_EQ(display.steps.at("a"), std::vector<std::int64_t>{30});
  EXPECT_EQ(display.losses.at("a"), 0.5);
  expect_contains(display.messages, "Unable to contact slurm controller; trying again");
  EXPECT_EQ(submissions(), 1);
  expect_contains(get("squeue.arguments"), "--array");
}

TEST_F(SlurmExecutor, SaysWhatIsMissingOrRefused) {
  const Task one = task("a", "finish");
  set("refuse");
  expect_contains(error_text<RunError>([&] { run({one}); }),
                  "sbatch failed: sbatch: error: Batch job submission failed: "
                  "Invalid partition name specified");
  fs::remove(folder / "slurm/refuse");
  set("size", "0");
  expect_contains(error_text<RunError>([&] { run({one}); }), "job arrays are disabled on this cluster");
  set("size", "1001");
  for (const char* command : {"sbatch", "squeue", "scontrol"}) {
    fs::rename(folder / "bin" / command, folder / "away");
    const test::EnvironmentGuard path("PATH", (folder.path().string() + "/bin").c_str());
    expect_contains(error_text<RunError>([&] { run({one}); }), fmt::format("{} is not on PATH", command));
    fs::rename(folder / "away", folder / "bin" / command);
  }
  EXPECT_EQ(run({one}), SweepEnd::done);
}

TEST_F(SlurmExecutor, OddPaths) {
  std::vector<Task> tasks;
  const fs::path sweep = folder / "it's 100%a \"quoted\" gr\xc3\xbc\xc3\x9f";
  for (const std::string name : {"two words", "new\nline", "$HOME `id` \\n *", "-dash"})
    tasks.push_back(make_task(sweep, name, "echo words >&2; finish\n"));
  EXPECT_EQ(run_slurm(tasks, sweep, options, display, stop), SweepEnd::done);
  EXPECT_EQ(submissions(), 1);
  for (const Task& one : tasks) {
    EXPECT_EQ(state_of(one), RunState::completed) << one.name;
    EXPECT_EQ(test::read_text(one.directory / "stderr.log"), "words\n");
  }
  expect_contains(get("arguments.1"), "100%%a");
}

TEST_F(SlurmExecutor, TheWarningReachesTheRun) {
  set("hold");
  options.wait = false;
  const Task one = task("a",
                        "trap 'echo stopped >&2; exit 130' TERM; touch \"$directory/ready\"; while :; do sleep 0.01; "
                        "done");
  run({one});
  Command command;
  command.program = "/bin/sh";
  command.arguments = {"sh", (folder / "sweep/slurm/0001.sh").string()};
  command.environment = {{"SLURM_ARRAY_TASK_ID", "1"}};
  Process job(command);
  while (!fs::exists(one.directory / "ready")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  kill(job.id(), SIGTERM);  // Slurm sends it to the run too, so the shell must not pass it on
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(job.end());
  kill(job.id(), SIGUSR1);
  const Process* const list[] = {&job};
  while (!job.end()) wait_for_any(list, std::chrono::seconds(1));
  EXPECT_EQ(job.end()->status, 130);
  EXPECT_EQ(test::read_text(folder / "sweep/slurm/0001.1.status"), "130\n");
  EXPECT_EQ(test::read_text(one.directory / "stderr.log"), "stopped\n");
}

}  // namespace
}  // namespace bnlab::experiments

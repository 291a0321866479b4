#include "util/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "util/errors.h"
#include "util/printable.h"
#include "util/test_files.h"

namespace bnlab {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

Command shell(const std::string& text) {
  Command command;
  command.program = "/bin/sh";
  command.arguments = {"sh", "-c", text};
  return command;
}

ProcessEnd wait_for(Process& process) {
  const Process* const list[] = {&process};
  while (!process.end()) wait_for_any(list, std::chrono::seconds(10));
  return *process.end();
}

TEST(Process, Ends) {
  Process exits(shell("exit 7"));
  EXPECT_EQ(wait_for(exits).status, 7);
  EXPECT_EQ(wait_for(exits).signal, 0);
  Process killed(shell("kill -USR2 $$"));
  EXPECT_EQ(wait_for(killed).signal, SIGUSR2);
}

TEST(Process, WaitReturnsAtOnceWhenOneEnds) {
  Process sleeps(shell("sleep 60")), ends(shell("exit 0"));
  const Process* const list[] = {&sleeps, &ends};
  const Clock::time_point start = Clock::now();
  wait_for_any(list, std::chrono::seconds(30));
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(10));
  EXPECT_TRUE(ends.end());
  EXPECT_FALSE(sleeps.end());
}

TEST(Process, WaitEndsWithTheTime) {
  Process sleeps(shell("sleep 60"));
  const Process* const list[] = {&sleeps};
  const Clock::time_point start = Clock::now();
  wait_for_any(list, std::chrono::milliseconds(50));
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(49));
  EXPECT_FALSE(sleeps.end());
}

TEST(Process, SignalsReachItsChildren) {
  const test::TemporaryFolder folder;
  Process process(shell("(trap 'exit 0' TERM; touch " + (folder / "ready").string() +
                        "; while :; do sleep 0.01; done; ) & wait $!; echo end"));
  while (!fs::exists(folder / "ready")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  process.send(SIGTERM);
  EXPECT_EQ(wait_for(process).signal, SIGTERM);
}

TEST(Process, DestructorKills) {
  const test::TemporaryFolder folder;
  const std::string file = (folder / "alive").string();
  {
    const Process process(shell("trap '' TERM; while :; do touch " + file + "; sleep 0.01; done"));
    while (!fs::exists(file)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  fs::remove(file);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(fs::exists(file));
}

TEST(Process, EnvironmentAndDescriptors) {
  const test::TemporaryFolder folder;
  const test::EnvironmentGuard kept("BNLAB_TEST_KEPT", "kept"), changed("BNLAB_TEST_CHANGED", "old");
  const posix::Descriptor output = posix::open(folder / "output", O_WRONLY | O_CREAT);
  const posix::Descriptor error = posix::open(folder / "error", O_WRONLY | O_CREAT);
  const posix::Descriptor shared = posix::open(folder / "shared", O_WRONLY | O_CREAT);
  const posix::Descriptor other = posix::open(folder / "other", O_WRONLY | O_CREAT);
  Command command = shell("echo $BNLAB_TEST_KEPT $BNLAB_TEST_CHANGED; echo no >&2; cat; echo x >&" +
                          std::to_string(shared.get()) + "; ls -l /proc/$$/fd");
  command.environment = {{"BNLAB_TEST_CHANGED", "new = value"}};
  command.output = output.get();
  command.error = error.get();
  command.kept_open = {shared.get()};
  Process process(command);
  EXPECT_EQ(wait_for(process).status, 0);
  EXPECT_EQ(test::read_text(folder / "error"), "no\n");
  EXPECT_EQ(test::read_text(folder / "shared"), "x\n");
  const std::string text = test::read_text(folder / "output");
  EXPECT_TRUE(text.starts_with("kept new = value\n")) << text;
  EXPECT_EQ(text.find((folder / "other").string()), std::string::npos) << text;
}

TEST(Process, HandlersOfThisProcessAreNotTheirs) {
  struct sigaction action {
  }, old{};
  action.sa_handler = [](int) {};
  sigaction(SIGTERM, &action, &old);
  sigset_t block, before;
  sigemptyset(&block);
  sigaddset(&block, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &block, &before);
  Process process(shell("while :; do sleep 0.01; done"));
  process.send(SIGTERM);
  EXPECT_EQ(wait_for(process).signal, SIGTERM);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  sigaction(SIGTERM, &old, nullptr);
}

TEST(Process, ProgramThatCannotBeStarted) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "no_program", "text");
  for (const fs::path& path : {folder / "missing", folder / "no_program", folder.path()}) {
    Command command;
    command.program = path;
    command.arguments = {"x"};
    test::expect_contains(test::error_text<RunError>([&] { Process process(command); }), path.string());
  }
}

TEST(RunAndCapture, TakesOutputAndEnd) {
  const Captured captured = run_and_capture({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(captured.output, "out\n");
  EXPECT_EQ(captured.error, "err\n");
  EXPECT_EQ(captured.end.status, 3);
  // More than a pipe holds.
  EXPECT_EQ(run_and_capture({"sh", "-c", "yes | head -c 3000000"}).output.size(), 3000000u);
  test::expect_contains(test::error_text<RunError>([] { run_and_capture({"bnlab_no_such_program"}); }),
                        "bnlab_no_such_program");
}

TEST(FindOnPath, FirstExecutableFile) {
  const test::TemporaryFolder folder;
  for (const char* name : {"a", "b", "c"}) fs::create_directory(folder / name);
  fs::create_directory(folder / "a/tool");
  test::write_text(folder / "b/tool", "not executable");
  test::write_text(folder / "c/tool", "");
  fs::permissions(folder / "c/tool", fs::perms::owner_all);
  const test::EnvironmentGuard path(
      "PATH", ((folder / "a").string() + ":" + (folder / "b").string() + ":" + (folder / "c").string()).c_str());
  EXPECT_EQ(find_on_path("tool"), folder / "c/tool");
  EXPECT_FALSE(find_on_path("other"));
  EXPECT_EQ(find_on_path((folder / "c/tool").string()), folder / "c/tool");
  EXPECT_FALSE(find_on_path((folder / "b/tool").string()));
}

TEST(ShellQuoted, PlainWordsStayPlain) {
  EXPECT_EQ(shell_quoted("results/a_b-1.json"), "results/a_b-1.json");
  EXPECT_EQ(shell_quoted(""), "''");
  EXPECT_EQ(shell_quoted("it's"), R"('it'\''s')");
}

TEST(ShellQuoted, ControlCharactersComeBackFromTheShell) {
  for (const std::string text : {"a\nb", "\033[2J", "it's\t\x7f\\n", "\xff\xc3\xa9", "caf\xc3\xa9 \xe2\x80\xae"}) {
    const std::string word = shell_quoted(text);
    EXPECT_EQ(word, printable(word));
    EXPECT_EQ(run_and_capture({"sh", "-c", "printf %s " + word}).output, text);
  }
}

}  // namespace
}  // namespace bnlab

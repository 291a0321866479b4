#include "util/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include "util/errors.h"
#include "util/printable.h"
#include "util/result_file.h"

namespace bnlab {
namespace {

std::string reason(int error) { return std::system_category().message(error); }

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

/// "NAME=VALUE" of this process, but for the names in `changes`, and those.
std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& changes) {
  std::vector<std::string> list;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto is_changed = [&](const auto& change) { return text.starts_with(change.first + "="); };
    if (std::none_of(changes.begin(), changes.end(), is_changed)) list.emplace_back(text);
  }
  for (const auto& [name, value] : changes) list.push_back(name + "=" + value);
  return list;
}

/// All signals wait until the end of the scope.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &old_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t old_;
};

/// What the child needs, made before the fork: afterwards it may call async-signal-safe functions only.
struct Start {
  const char* program;
  char* const* arguments;
  char* const* environment;
  int output, error;
  const int* kept_open;
  std::size_t kept_open_count;
  int null;    // /dev/null
  int report;  // where errno goes when the program can't be executed
  pid_t parent;
};

// A signal that comes before the program has its own handlers has to end the child, and must not be lost in a handler
// of this program.
void take_default_signals() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (sigaction(number, nullptr, &action) != 0 || (action.sa_handler == SIG_IGN && number != SIGPIPE)) continue;
    action.sa_handler = SIG_DFL;
    action.sa_flags = 0;
    sigaction(number, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool keep_open(const Start& start) {
  for (std::size_t i = 0; i < start.kept_open_count; ++i)
    if (start.kept_open[i] >= 0 && fcntl(start.kept_open[i], F_SETFD, 0) != 0) return false;
  return true;
}

[[noreturn]] void become(const Start& start) {
  setpgid(0, 0);
  const bool is_ready = prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && dup2(start.null, STDIN_FILENO) >= 0 &&
                        dup2(start.output >= 0 ? start.output : start.null, STDOUT_FILENO) >= 0 &&
                        dup2(start.error >= 0 ? start.error : start.null, STDERR_FILENO) >= 0 && keep_open(start);
  take_default_signals();
  // A parent that died before the first line here sends no signal any more.
  if (is_ready && getppid() == start.parent) execve(start.program, start.arguments, start.environment);
  const int error = errno;
  const ssize_t written = ::write(start.report, &error, sizeof error);
  _exit(written == sizeof error ? 127 : 126);
}

posix::Descriptor open_memory(const char* name) {
  posix::Descriptor file(memfd_create(name, MFD_CLOEXEC));
  if (!file.valid()) throw RunError(fmt::format("cannot create a file in memory: {}", reason(errno)));
  return file;
}

std::string content_of(const posix::Descriptor& file) {
  std::string text(static_cast<std::size_t>(std::max<off_t>(lseek(file.get(), 0, SEEK_END), 0)), '\0');
  const ssize_t count = pread(file.get(), text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

}  // namespace

Process::Process(const Command& command) {
  std::vector<std::string> arguments = command.arguments;
  std::vector<std::string> environment = environment_with(command.environment);
  const std::vector<char*> argument_list = pointers(arguments);
  const std::vector<char*> environment_list = pointers(environment);
  const posix::Descriptor null = posix::open("/dev/null", O_RDWR);
  int ends[2];
  if (!null.valid() || pipe2(ends, O_CLOEXEC) != 0) throw_run_error(command.program, "start", errno);
  const posix::Descriptor report_read(ends[0]);
  posix::Descriptor report_write(ends[1]);
  const Start start{command.program.c_str(),
                    argument_list.data(),
                    environment_list.data(),
                    command.output,
                    command.error,
                    command.kept_open.data(),
                    command.kept_open.size(),
                    null.get(),
                    report_write.get(),
                    getpid()};
  {
    const SignalsBlocked blocked;
    id_ = fork();
    if (id_ == 0) become(start);
  }
  if (id_ < 0) throw_run_error(command.program, "start", errno);
  report_write.close();
  int error = 0;
  if (posix::read(report_read, &error, sizeof error) == sizeof error) {  // else: closed by the program's start
    while (waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
    }
    throw_run_error(command.program, "start", error);
  }
  handle_ = posix::Descriptor(static_cast<int>(syscall(SYS_pidfd_open, id_, 0)));
}

Process::Process(Process&& other) noexcept
    : id_(std::exchange(other.id_, -1)), handle_(std::move(other.handle_)), end_(other.end_) {}

Process::~Process() {
  if (id_ < 0 || end_) return;
  send(SIGKILL);
  while (waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Process::send(int signal) const {
  if (!end_) kill(-id_, signal);
}

std::optional<ProcessEnd> Process::end() {
  int status = 0;
  if (!end_ && waitpid(id_, &status, WNOHANG) == id_)
    end_ = WIFSIGNALED(status) ? ProcessEnd{0, WTERMSIG(status)} : ProcessEnd{WEXITSTATUS(status), 0};
  return end_;
}

void wait_for_any(std::span<const Process* const> processes, std::chrono::milliseconds longest) {
  std::vector<pollfd> handles;
  for (const Process* process : processes) {
    if (process->end_) return;
    handles.push_back({process->handle_.get(), POLLIN, 0});
    // Without a handle the process has to be looked at often.
    if (!process->handle_.valid()) longest = std::min(longest, std::chrono::milliseconds(5));
  }
  poll(handles.data(), handles.size(), static_cast<int>(longest.count()));
}

Captured run_and_capture(const std::vector<std::string>& arguments) {
  const auto program = find_on_path(arguments.front());
  if (!program) throw RunError(fmt::format("{}: no such program on PATH", arguments.front()));
  const posix::Descriptor output = open_memory("output");
  const posix::Descriptor error = open_memory("error");
  Command command;
  command.program = *program;
  command.arguments = arguments;
  command.output = output.get();
  command.error = error.get();
  Process process(command);
  const Process* const list[] = {&process};
  while (!process.end()) wait_for_any(list, std::chrono::seconds(1));
  return {*process.end(), content_of(output), content_of(error)};
}

std::optional<std::filesystem::path> find_on_path(const std::string& name) {
  const auto is_program = [](const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos) return is_program(name) ? std::optional(name) : std::nullopt;
  const char* variable = std::getenv("PATH");
  std::string_view rest = variable != nullptr ? variable : "/usr/bin:/bin";
  for (;;) {
    const std::size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    const std::filesystem::path path = (folder.empty() ? std::filesystem::path(".") : folder) / name;
    if (is_program(path)) return path;
    if (colon == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(colon + 1);
  }
}

std::filesystem::path this_program() { return std::filesystem::read_symlink("/proc/self/exe"); }

std::string shell_quoted(std::string_view text) {
  // Control characters and the like are written as octal digits, which printf %b takes back.
  const bool is_coded = on_one_line(text) != text;
  // A command substitution drops newlines at the end.
  if (is_coded && text.back() == '\n') throw ConfigError("a path must not end with a newline");
  std::string word;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'')
      word += R"('\'')";
    else if (is_coded && (byte < ' ' || byte > '~' || c == '\\'))
      word += fmt::format("\\0{:03o}", byte);
    else
      word += c;
  }
  const bool is_plain = !text.empty() && text.find_first_not_of(
                                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                             "_-+=./,:@") == std::string_view::npos;
  if (is_plain) return word;
  return is_coded ? "\"$(printf %b '" + word + "')\"" : "'" + word + "'";
}

}  // namespace bnlab

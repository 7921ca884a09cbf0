#include "tests/support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

// All that the child needs, made before fork(): between fork() and exec() of a program with threads, memory may not be
// allocated.
struct ChildPlan {
  explicit ChildPlan(const Process::Options& options) : options(options) {
    for (const std::string& argument : options.command) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    for (char** variable = environ; *variable != nullptr; ++variable) {
      environment.push_back(*variable);
    }
    // The last mention of a name does not win everywhere, so ours go first.
    for (const std::string& variable : options.environment) {
      environment.insert(environment.begin(), const_cast<char*>(variable.c_str()));
    }
    environment.push_back(nullptr);
  }

  const Process::Options& options;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  const pid_t parent = getpid();
};

void RedirectOutput(const std::string& path) {
  const int descriptor = open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  if (descriptor >= 0) {
    dup2(descriptor, STDOUT_FILENO);
    dup2(descriptor, STDERR_FILENO);
    close(descriptor);
  }
}

// The child's side of Start(). On failure writes errno to `error_descriptor`, which exec() closes.
[[noreturn]] void RunChild(const ChildPlan& plan, int error_descriptor) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Ctrl-C is for the test program, which ends its processes itself.
  setpgid(0, 0);
  // The parent may have ended before the call above.
  if (getppid() != plan.parent) {
    _exit(127);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!plan.options.output_path.empty()) {
    RedirectOutput(plan.options.output_path);
  }
  if (plan.options.directory.empty() || chdir(plan.options.directory.c_str()) == 0) {
    execvpe(plan.arguments[0], plan.arguments.data(), plan.environment.data());
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(error_descriptor, &error, sizeof(error));
  _exit(127);
}

Process::Exit ToExit(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return Process::Exit{-1, WTERMSIG(wait_status)};
  }
  return Process::Exit{WEXITSTATUS(wait_status), 0};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Start(const Options& options) {
  const ChildPlan plan(options);
  int error_pipe[2];
  if (pipe2(error_pipe, O_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("pipe: ", std::strerror(errno)));
  }
  const pid_t pid = fork();
  if (pid == 0) {
    RunChild(plan, error_pipe[1]);
  }
  const int fork_error = errno;
  close(error_pipe[1]);
  int exec_error = 0;
  const ssize_t got = pid > 0 ? read(error_pipe[0], &exec_error, sizeof(exec_error)) : 0;
  close(error_pipe[0]);
  if (pid < 0) {
    return absl::InternalError(absl::StrCat("fork: ", std::strerror(fork_error)));
  }
  std::unique_ptr<Process> process(new Process(pid));
  if (got > 0) {
    return absl::NotFoundError(absl::StrCat(absl::StrJoin(options.command, " "), ": ", std::strerror(exec_error)));
  }
  return process;
}

Process::~Process() { Kill(); }

bool Process::IsRunning() {
  if (exit_.has_value()) {
    return false;
  }
  int wait_status = 0;
  if (waitpid(pid_, &wait_status, WNOHANG) != pid_) {
    return true;
  }
  exit_ = ToExit(wait_status);
  return false;
}

absl::StatusOr<Process::Exit> Process::Wait(absl::Time deadline) {
  if (!Eventually([this] { return !IsRunning(); }, deadline - absl::Now())) {
    return absl::DeadlineExceededError(absl::StrCat("process ", pid_, " is still running"));
  }
  return *exit_;
}

void Process::Signal(int signal) {
  // Only a child that has not been waited for is sure to own its id still.
  if (IsRunning()) {
    kill(pid_, signal);
  }
}

void Process::Kill() {
  Signal(SIGKILL);
  int wait_status = 0;
  if (!exit_.has_value() && waitpid(pid_, &wait_status, 0) == pid_) {
    exit_ = ToExit(wait_status);
  }
}

}  // namespace dunlin

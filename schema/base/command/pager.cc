// SPDX-License-Identifier: Apache-2.0
#include "schema/base/command/pager.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "schema/base/command/standard_output.h"
#include "schema/base/command/terminal.h"
#include "schema/base/pipe.h"
#include "schema/base/process.h"
#include "schema/base/shell_words.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kUsualPager[] = "less";
constexpr int kDeadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

// For die_after_pager(), which as a signal handler has nothing else to go by. -1: there is none.
std::atomic<int> pager_pid = -1;
std::atomic<int> pager_input = -1;

void close_input() {
  if (const int fd = pager_input.exchange(-1); fd >= 0) ::close(fd);
}

// ^C reaches us and the pager, which stays: two programs must not read from the terminal at once,
// so we die only after it has ended.
void die_after_pager(int signal) {
  close_input();
  // Without the pager's pid there is none to wait for; exchange() makes sure that only one of two
  // signals waits.
  if (const int pid = pager_pid.exchange(-1); pid > 0) ::waitpid(pid, nullptr, 0);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

// By a shell only where it needs one, since a shell that does not find the pager cannot be told
// from a pager that was left early.
ProcessPlan plan_of(const std::string& command) {
  ProcessPlan plan;
  plan.tie = ProcessTie::kForeground;
  plan.on_path = true;
  auto split = split_words(command, ActiveCharacters::kFault);
  auto* words = std::get_if<std::vector<std::string>>(&split);
  // "LESS=R less" needs a shell, which sets the variable.
  const bool plain =
      words != nullptr && !words->empty() && words->front().find('=') == std::string::npos;
  plan.program = plain ? words->front() : "sh";
  if (plain) {
    plan.arguments.assign(words->begin() + 1, words->end());
  } else {
    plan.arguments = {"-c", command};
  }
  return plan;
}

// Zero where it cannot.
size_t write_all(int fd, const char* text, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::write(fd, text + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    done += static_cast<size_t>(n);
  }
  return size;
}

}  // namespace

std::string pager_command() {
  for (const char* name : {"KTAPE_PAGER", "PAGER"}) {
    const char* value = std::getenv(name);
    if (value == nullptr) continue;
    return std::string_view(value) == "cat" ? "" : value;
  }
  return kUsualPager;
}

// Where what is written goes: the pager, or the terminal if that cannot be run.
class PagedOutput::Pipe {
 public:
  explicit Pipe(std::string command) : command_(std::move(command)) {}

  size_t write(const char* text, size_t size) {
    if (!begun_) begin();
    if (!pager_) return write_all(STDOUT_FILENO, text, size);
    if (left_ || write_all(pager_input, text, size) == size) return size;
    // EPIPE: the user has left it, which is no error. Anything else is: the output is incomplete.
    left_ = errno == EPIPE;
    close_input();
    return left_ ? size : 0;
  }

  void finish() {
    if (!pager_) return;
    // The pager sees its end and stays until the user leaves it.
    close_input();
    (void)pager_->wait();
    pager_pid = -1;
    for (const int signal : kDeadly) ::signal(signal, SIG_DFL);
  }

 private:
  // A signal waits until the pager is known to die_after_pager().
  void begin() {
    begun_ = true;
    // What git sets for its pager; a user's own setting stands.
    ::setenv("LESS", "FRX", 0);
    ::setenv("LV", "-c", 0);
    sigset_t deadly;
    // Until the handler knows the pager's pid, a signal would kill us and leave it alone at the
    // terminal.
    sigset_t before;
    ::sigemptyset(&deadly);
    for (const int signal : kDeadly) ::sigaddset(&deadly, signal);
    ::pthread_sigmask(SIG_BLOCK, &deadly, &before);
    start();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void start() {
    auto pipe = make_pipe();
    if (!pipe.ok()) return;
    ProcessPlan plan = plan_of(command_);
    plan.input = pipe->read.get();
    auto started = Process::start(plan);
    if (!started.ok()) {
      // A missing `less` is normal on small systems, a missing program of the user's choice is not.
      if (command_ != kUsualPager)
        std::fprintf(stderr, "ktape: no pager: %s\n", printable(started.error().message).c_str());
      return;
    }
    pager_.emplace(std::move(*started));
    pager_pid = pager_->pid();
    pager_input = pipe->write.release();
    // The write's own error tells us that the pager is gone.
    ::signal(SIGPIPE, SIG_IGN);
    for (const int signal : kDeadly) ::signal(signal, die_after_pager);
  }

  std::string command_;
  bool begun_ = false;
  std::optional<Process> pager_;
  bool left_ = false;  // by the user, before the end
};

PagedOutput::PagedOutput() {
  const std::string command = pager_command();
  // is_dumb_terminal(): a pager would print its escape sequences.
  if (command.empty() || is_dumb_terminal() || !is_terminal(STDOUT_FILENO)) return;
  auto pipe = std::make_unique<Pipe>(command);
  cookie_io_functions_t functions = {};
  functions.write = [](void* to, const char* text, size_t size) {
    return static_cast<ssize_t>(static_cast<Pipe*>(to)->write(text, size));
  };
  std::FILE* stream = ::fopencookie(pipe.get(), "w", functions);
  if (stream == nullptr) return;
  // What was printed before goes to the terminal first.
  std::fflush(stdout);
  pipe_ = std::move(pipe);
  terminal_ = std::exchange(stdout, stream);
}

PagedOutput::~PagedOutput() {
  if (!pipe_) return;
  std::fclose(std::exchange(stdout, terminal_));
  pipe_->finish();
}

Result<void> print_paged(const std::string& text) {
  const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  std::optional<PagedOutput> paged;
  if (lines >= terminal_rows()) paged.emplace();
  KTAPE_TRY(write_output(text));
  return flush_output();
}

PagerOption::PagerOption(CommandLine& program) {
  program.add_flag("--no-pager", off_, "Print to the terminal, without a pager");
}

}  // namespace ktape

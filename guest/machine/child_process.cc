// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "guest/machine/io.h"
#include "schema/base/pipe.h"

namespace ktape {

namespace {

bool speaks_of_error(std::string_view line) {
  std::string lower(line);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  // QEMU prints many warnings, some of them with the word "error", which do not stop it.
  return lower.find("error") != std::string::npos && lower.find("warning:") == std::string::npos;
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const std::string& program,
                                                          const std::vector<std::string>& arguments,
                                                          const Inherited& inherited) {
  KTAPE_ASSIGN(Pipe output, make_pipe());
  if (::fcntl(output.read.get(), F_SETFL, O_NONBLOCK) != 0) {
    return system_error(ErrorCode::kHost, "cannot make a pipe non-blocking");
  }
  KTAPE_ASSIGN(Process process, Process::start({.program = program,
                                                .arguments = arguments,
                                                .tie = ProcessTie::kBound,
                                                .on_path = true,
                                                .output = output.write.get(),
                                                .errors = output.write.get(),
                                                .inherited = inherited}));
  return std::unique_ptr<ChildProcess>(
      new ChildProcess(std::move(process), std::move(output.read)));
}

void ChildProcess::drain_output() {
  while (output_fd_.valid()) {
    Result<ReadResult> got = read_some(output_fd_.get(), kMaxOutputBytes);
    // A closed descriptor is reset, so that a poll loop does not see its end again and again.
    if (!got.ok() || got->ended) return output_fd_.reset();
    if (got->bytes.empty()) return;
    output_.append(reinterpret_cast<const char*>(got->bytes.data()), got->bytes.size());
    if (output_.size() > kMaxOutputBytes) output_.erase(0, output_.size() - kMaxOutputBytes);
  }
}

bool ChildProcess::wait_for_end(std::chrono::steady_clock::time_point deadline) {
  if (process_.status()) return true;
  // The pidfd, not a blocking wait: QEMU may hang, and the caller has a deadline.
  pollfd exit{process_.exit_fd(), POLLIN, 0};
  Result<bool> ready = poll_until({&exit, 1}, deadline);
  return ready.ok() && *ready && process_.wait().ok();
}

void ChildProcess::kill() { (void)process_.kill(); }

std::string ChildProcess::how_it_ended() const {
  const std::optional<int> status = process_.status();
  if (!status) return "is running";
  if (WIFEXITED(*status)) return fmt::format("exited with status {}", WEXITSTATUS(*status));
  return fmt::format("was killed by signal {} ({})", WTERMSIG(*status),
                     ::strsignal(WTERMSIG(*status)));
}

std::string ChildProcess::how_it_stopped() const {
  siginfo_t info{};
  // Left waitable, so that the next call reports it again.
  if (process_.status() ||
      ::waitid(P_PID, static_cast<id_t>(pid()), &info, WSTOPPED | WNOHANG | WNOWAIT) != 0)
    return "";
  if (info.si_pid != pid() || info.si_code != CLD_STOPPED) return "";
  return fmt::format("is stopped by signal {} ({})", info.si_status, ::strsignal(info.si_status));
}

// Whatever the last line is, it is better than nothing: the dynamic linker, for one, does not say
// "error" when a library lacks a version.
std::string error_line(std::string_view output) {
  std::string last;
  while (!output.empty()) {
    size_t end = std::min(output.find('\n'), output.size());
    std::string_view line = output.substr(0, end);
    output.remove_prefix(std::min(end + 1, output.size()));
    size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) continue;
    line = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
    if (speaks_of_error(line)) return std::string(line);
    last = line;
  }
  return last;
}

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "capture/run/outcome.h"
#include "capture/verbs/capture_arguments.h"
#include "capture/verbs/session.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/digest.h"
#include "schema/base/exit_code.h"
#include "schema/base/file.h"

namespace ktape {
namespace {

// Blocks the signals and returns a descriptor that is readable when one of them is pending.
UniqueFd take_signals(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  // Before any thread or child exists, so that all inherit the mask; Process::start() unblocks them
  // in children.
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void print_result(const CaptureResult& result) {
  fmt::print("outcome  {}\n", outcome_line(result.end));
  fmt::print("tape     {}  ({} records, {:.1f} MB)\n", result.tape.path, result.tape.records,
             static_cast<double>(result.tape.bytes) / 1e6);
  if (result.tape.pages > 0) {
    fmt::print("memory   {} pages of the guest's memory, {:.2f} MB of the tape\n",
               result.tape.pages, static_cast<double>(result.tape.page_bytes) / 1e6);
  }
  if (result.tape.partial_was_gone)
    fmt::print(
        "note     '{}.partial' was removed during the run; the tape is a copy of its contents\n",
        result.tape.path);
  // The usual case, no scheduler error, needs no line.
  for (const TriggerCount& trigger : result.end.triggers) {
    if (trigger.freezes > 0 || trigger.name != kScxErrorTrigger)
      fmt::print("frozen   on {}\n", trigger.text());
  }
  if (result.end.intervals)
    fmt::print("frozen   periodically: {}\n", intervals_text(*result.end.intervals));
  fmt::print("head     {}\n", to_hex(result.tape.head));
  fmt::print("next     ktape {} {}\n",
             result.end.outcome == schema::Outcome::COMPLETED ? "check" : "show", result.tape.path);
}

int run(int argc, char** argv) {
  const ParsedCapture parsed = parse_capture(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const CaptureOptions& options = std::get<CaptureOptions>(parsed);
  // SIGINT, SIGTERM and SIGHUP end the run, not the program: the tape is sealed first. A closed
  // output pipe ends neither.
  const UniqueFd end = take_signals({SIGINT, SIGTERM, SIGHUP});
  const UniqueFd freeze = take_signals({SIGUSR1});
  std::signal(SIGPIPE, SIG_IGN);
  // A file size limit (RLIMIT_FSIZE) is then an error, like a full disk, and does not kill the
  // program.
  std::signal(SIGXFSZ, SIG_IGN);
  // The progress line is erased before the result is printed.
  Result<CaptureResult> result = [&] {
    TextProgress progress(STDERR_FILENO);
    return capture(options, progress, {end.get(), freeze.get()});
  }();
  if (!result.ok()) {
    fmt::print(stderr, "{}", describe(kCaptureProgram, result.error()));
    return static_cast<int>(exit_code(result.error()));
  }
  print_result(*result);
  // The tape is sealed and complete, but the head digest did not reach the user.
  if (const Result<void> flushed = flush_output(); !flushed.ok()) {
    fmt::print(stderr, "{}", describe(kCaptureProgram, flushed.error()));
    return static_cast<int>(ExitCode::kHost);
  }
  return static_cast<int>(outcome_code(result->end, options.fail_on_eject));
}

}  // namespace
}  // namespace ktape

int main(int argc, char** argv) { return ktape::run(argc, argv); }

// SPDX-License-Identifier: Apache-2.0
//
// ktape-agent: PID 1 of a guest. Sends hello, runs the scenario that the host answers with, sends
// done, powers off. Any failure is reported in `done`, or on the console if the host cannot be
// reached.

#include <kj/exception.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include "guest/inside/base/channel.h"
#include "guest/inside/executor.h"
#include "guest/inside/session.h"
#include "guest/inside/system.h"
#include "guest/inside/workers/topology.h"

namespace ktape {
namespace {

// The agent itself failed, as opposed to a step of the scenario (1).
constexpr int kAgentFailed = 2;
constexpr auto kPortAppears = std::chrono::seconds(30);
// A host that has the last message confirms it at once. One that does not must not keep the guest
// running.
constexpr auto kHostHears = std::chrono::seconds(5);

Result<RunResult> run_scenario(Channel& channel, Reporter& reporter,
                               const ConsolePrinter& console) {
  // Before hello: from here on SIGCHLD is blocked and the channel and children are waited for
  // together.
  KTAPE_ASSIGN(std::unique_ptr<Session> session, Session::create(channel));
  KTAPE_TRY(send_hello(reporter));
  KTAPE_ASSIGN(const Facts topology, read_topology("/sys", "/proc"));
  KTAPE_TRY(reporter.facts("topology", topology));
  console.line("hello sent, waiting for the scenario");
  KTAPE_ASSIGN(std::optional<FrameMessage> message, session->receive_scenario());
  if (!message) return RunResult{1, "the host ended the run before sending a scenario"};
  auto scenario = message->reader().getRoot<schema::FromHost>().getScenario();
  // Only now, because the scenario says how far: before that, nothing but the agent runs.
  KTAPE_TRY(become_realtime(scenario.getAgentPriority() == 0 ? kHighestPriority
                                                             : scenario.getAgentPriority()));
  console.line("scenario '" + std::string(scenario.getName().cStr()) + "'");
  return Executor(*session, scenario, [&console](const std::string& text) { console.line(text); })
      .run();
}

// Exceptions come from Cap'n Proto, for a scenario that cannot be read, and from the standard
// library.
Result<RunResult> run_guarded(Channel& channel, Reporter& reporter, const ConsolePrinter& console) {
  try {
    return run_scenario(channel, reporter, console);
  } catch (const kj::Exception& exception) {
    return Error{ErrorCode::kBadInput, exception.getDescription().cStr(), ""};
  } catch (const std::exception& exception) {
    return Error{ErrorCode::kInternal, exception.what(), ""};
  }
}

// Waits until the host confirms `done`. Ignores its other messages, because the run is over.
Result<void> wait_until_heard(Channel& channel) {
  const Clock::time_point deadline = Clock::now() + kHostHears;
  for (;;) {
    KTAPE_ASSIGN(std::optional<FrameMessage> message, channel.next());
    if (message && message->reader().getRoot<schema::FromHost>().isDoneHeard()) return {};
    if (message) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return Error{ErrorCode::kHost, "the host did not confirm 'done'", ""};
    pollfd port{channel.fd(), POLLIN, 0};
    if (::poll(&port, 1, static_cast<int>(left.count())) > 0) KTAPE_TRY(channel.read_some());
  }
}

Result<void> serve(const ConsolePrinter& console) {
  // At the highest priority until the scenario is read, so that reading it cannot be starved.
  KTAPE_TRY(become_realtime(kHighestPriority));
  KTAPE_ASSIGN(std::unique_ptr<Channel> channel, Channel::open(Clock::now() + kPortAppears));
  Reporter reporter(*channel);
  // A failure of the run is no failure of the agent: it goes into `done`, which the host needs to
  // end the run in order.
  Result<RunResult> run = run_guarded(*channel, reporter, console);
  RunResult result = run ? *run : RunResult{kAgentFailed, run.error().message};
  console.line("done, exit code " + std::to_string(result.exit_code) +
               (result.detail.empty() ? "" : ": " + result.detail));
  KTAPE_TRY(reporter.done(result.exit_code, result.detail));
  // Power-off waits for the confirmation: on `done` the host reads the guest's memory once more.
  return wait_until_heard(*channel);
}

}  // namespace
}  // namespace ktape

int main() {
  if (::getpid() != 1) {
    std::fputs("ktape-agent: this program runs as PID 1 of a ktape guest, not on the host\n",
               stderr);
    return 2;
  }
  // The console is opened after /dev is mounted.
  ktape::Result<void> mounted = ktape::mount_file_systems();
  ktape::ConsolePrinter console;
  console.line("up");
  ktape::Result<void> served = mounted ? ktape::serve(console) : mounted;
  if (!served) console.line(served.error().message);
  console.line("powering off");
  // Returns only if it fails. PID 1 must not end: the kernel panics if it does ("Attempted to kill
  // init!").
  ktape::power_off();
  return 2;
}

// SPDX-License-Identifier: Apache-2.0
//
// ktape-agent: PID 1 of a guest. Says hello, runs the scenario that the host answers with, says done,
// powers off. Whatever goes wrong is said in `done`, or on the console when the host cannot be told.

#include <kj/exception.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>

#include "guest/inside/channel.h"
#include "guest/inside/executor.h"
#include "guest/inside/session.h"
#include "guest/inside/system.h"
#include "guest/inside/topology.h"

namespace ktape {
namespace {

constexpr int kAgentFailed = 2;
constexpr auto kPortAppears = std::chrono::seconds(30);
constexpr auto kDrain = std::chrono::milliseconds(100);

Result<RunResult> run_scenario(Channel& channel, Reporter& reporter, const ConsoleLog& log) {
  KTAPE_ASSIGN(std::unique_ptr<Session> session, Session::create(channel));
  KTAPE_TRY(send_hello(reporter));
  KTAPE_ASSIGN(const Facts topology, read_topology("/sys", "/proc"));
  KTAPE_TRY(reporter.facts("topology", topology));
  log.line("hello sent, waiting for the scenario");
  KTAPE_ASSIGN(std::optional<FrameMessage> message, session->receive_scenario());
  if (!message) return RunResult{1, "the host ended the run before it began"};
  auto scenario = message->reader().getRoot<schema::FromHost>().getScenario();
  log.line("scenario '" + std::string(scenario.getName().cStr()) + "'");
  return Executor(*session, scenario, [&log](const std::string& text) { log.line(text); }).run();
}

// Exceptions come from Cap'n Proto, for a scenario that cannot be read, and from the library.
Result<RunResult> run_guarded(Channel& channel, Reporter& reporter, const ConsoleLog& log) {
  try {
    return run_scenario(channel, reporter, log);
  } catch (const kj::Exception& exception) {
    return Error{ErrorCode::kBadInput, exception.getDescription().cStr(), ""};
  } catch (const std::exception& exception) {
    return Error{ErrorCode::kInternal, exception.what(), ""};
  }
}

Result<void> serve(const ConsoleLog& log) {
  KTAPE_TRY(become_realtime());
  KTAPE_ASSIGN(std::unique_ptr<Channel> channel, Channel::open(Clock::now() + kPortAppears));
  Reporter reporter(*channel);
  Result<RunResult> run = run_guarded(*channel, reporter, log);
  RunResult result = run ? *run : RunResult{kAgentFailed, run.error().message};
  log.line("done, exit code " + std::to_string(result.exit_code) +
           (result.detail.empty() ? "" : ": " + result.detail));
  KTAPE_TRY(reporter.done(result.exit_code, result.detail));
  // Closing the port is a round trip to the host's end of it. What was sent before is then with the
  // host, but for a moment.
  channel.reset();
  std::this_thread::sleep_for(kDrain);
  return {};
}

}  // namespace
}  // namespace ktape

int main() {
  if (::getpid() != 1) {
    std::fputs("ktape-agent: this is the first process of a ktape guest, not a program for the host\n",
               stderr);
    return 2;
  }
  ktape::Result<void> mounted = ktape::mount_file_systems();
  ktape::ConsoleLog log;
  log.line("up");
  ktape::Result<void> served = mounted ? ktape::serve(log) : mounted;
  if (!served) log.line(served.error().message);
  log.line("powering off");
  ktape::power_off();
  return 2;
}

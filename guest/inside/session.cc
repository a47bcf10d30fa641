// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/session.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "guest/inside/schedulers/bpf_object.h"
#include "guest/inside/workers/worker_facts.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

constexpr uint32_t kSchedulerId = 1;
constexpr auto kExitInterval = std::chrono::milliseconds(100);    // the exit map cannot be polled
constexpr auto kLongestPoll = std::chrono::milliseconds(60'000);  // fits in poll's int
// A deadline of the agent's own would compete with the host's watchdogs, which know about frozen
// time.
constexpr auto kWaitForHost = std::chrono::hours(24);  // the host has the watchdogs
constexpr auto kWaitForSettled = std::chrono::seconds(10);
constexpr auto kWaitForDetach =
    std::chrono::seconds(3);  // for schedulers left behind by the program

// How an external scheduler's program is ended: with SIGINT, SIGTERM, SIGKILL.
struct Ending {
  int signal;
  std::chrono::seconds wait;
};
constexpr Ending kEndings[] = {{SIGINT, std::chrono::seconds(10)},
                               {SIGTERM, std::chrono::seconds(5)},
                               {SIGKILL, std::chrono::seconds(5)}};

// Decodes a digest in hex.
std::vector<std::byte> bytes_of_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::create(Channel& channel) {
  sigset_t set;
  sigemptyset(&set);
  // Blocked, so that it is only seen through the signalfd: a handler could run between any two
  // system calls.
  sigaddset(&set, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) {
    return system_error(ErrorCode::kHost, "cannot block SIGCHLD");
  }
  UniqueFd children(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!children.valid()) return system_error(ErrorCode::kHost, "cannot create a signalfd");
  return std::unique_ptr<Session>(new Session(channel, std::move(children)));
}

Result<std::optional<FrameMessage>> Session::receive_scenario() {
  KTAPE_TRY(wait(Clock::now() + kWaitForHost, [this] { return scenario_.has_value(); }));
  return std::exchange(scenario_, std::nullopt);
}

Result<std::optional<FrameMessage>> Session::receive_reply(uint64_t request) {
  KTAPE_TRY(wait(Clock::now() + kWaitForHost, [this] { return reply_.has_value(); }));
  std::optional<FrameMessage> reply = std::exchange(reply_, std::nullopt);
  if (!reply) return reply;
  uint64_t got = reply->reader().getRoot<schema::FromHost>().getReply().getRequest();
  if (got != request) {
    // Requests are sent one at a time, so another number means that host and agent are out of step.
    return Error{
        ErrorCode::kBadInput,
        "got the reply to request " + std::to_string(got) + ", expected " + std::to_string(request),
        ""};
  }
  return reply;
}

Result<void> Session::begin_step(uint32_t step, const std::string& name) {
  KTAPE_TRY(reporter_.step_started(step, name));
  return wait(Clock::now() + kWaitForHost, [this, step] { return ready_step_ == step; });
}

Result<void> Session::attach(schema::VtimeScheduler::Reader spec) {
  OutputTail output(0);
  auto attached = VtimeScheduler::attach(spec, output);
  // The lost bytes of an output come after its text. The lost bytes are those before the text that
  // was kept, so they are reported first.
  if (output.lost() > 0) KTAPE_TRY(reporter_.scheduler_output(kSchedulerId, "", output.lost()));
  if (!output.text().empty()) KTAPE_TRY(reporter_.scheduler_output(kSchedulerId, output.text()));
  if (!attached) return attached.error();
  scheduler_ = std::move(attached).value();
  return reporter_.send([&](schema::FromAgent::Builder message) {
    auto report = message.initSchedulerAttached();
    report.setId(kSchedulerId);
    report.setName(as_data(scheduler_->name()));
    auto ops = report.initOps(static_cast<unsigned>(scheduler_->ops().size()));
    for (unsigned i = 0; i < ops.size(); ++i) ops.set(i, scheduler_->ops()[i]);
    report.setSwitchMode(spec.getSwitchMode());
    // A scheduler that does not set vtime on enable cannot make promises about kernels that clear
    // it when a task leaves (7.3; not 6.16, not 6.19).
    report.setVtime(spec.getKeepVtimeOnEnable() ? schema::VtimeSemantics::NOT_DECLARED
                                                : schema::VtimeSemantics::ONLY_GROWS);
    report.setTimeoutMs(scheduler_->timeout_ms());
    report.setObjectDigest(as_data(bytes_of_hex(vtime_object_digest())));
  });
}

Result<void> Session::attach(schema::ExternalScheduler::Reader spec) {
  KTAPE_ASSIGN(external_, ExternalScheduler::start(spec, reporter_));
  const auto deadline = Clock::now() + std::chrono::milliseconds(spec.getAttachDeadlineMs());
  // The program may have ended, but the host must still report what its scheduler did.
  KTAPE_TRY(wait(deadline, [this] {
    return external_->came() || external_->has_given_up() || schedulers_settled_;
  }));
  if (external_->came() || stopped_) return {};
  return Error{ErrorCode::kHost, external_->why_not_attached(), ""};
}

Result<void> Session::start_worker(schema::Worker::Reader spec) {
  // Reported before it is released, so that its pid is on the tape before anything that it does.
  KTAPE_ASSIGN(const RunningWorker* worker, workers_.prepare(spec));
  KTAPE_TRY(reporter_.send([&](schema::FromAgent::Builder message) {
    auto started = message.initWorkerStarted();
    started.setName(worker->name);
    started.setPid(worker->pid.value);
    started.setStartBoottimeNs(worker->start_boottime_ns);
    started.setPolicy(spec.getPolicy());
    started.setComm(as_data(worker->comm));
  }));
  return workers_.release(worker->name);
}

Result<void> Session::report_facts(const RunningWorker& worker) {
  KTAPE_ASSIGN(Facts facts, read_worker_facts(worker.pid));
  if (scheduler_ != nullptr) {
    if (auto vtime = scheduler_->booked_vtime(worker.pid)) {
      facts.emplace_back("schedulerVtime", std::to_string(*vtime));
    }
  }
  return reporter_.facts(worker.name, facts);
}

Result<void> Session::wait(Clock::time_point deadline, const std::function<bool()>& until) {
  while (!stopped_ && !until()) {
    Clock::time_point now = Clock::now();
    if (now >= deadline) return {};
    // Rounded up: a remainder below 1 ms would otherwise be a poll of 0 ms, again and again.
    KTAPE_TRY(wait_once(std::chrono::ceil<std::chrono::milliseconds>(deadline - now)));
  }
  return {};
}

Result<void> Session::wait_once(std::chrono::milliseconds at_most) {
  if (scheduler_ != nullptr || external_ != nullptr) at_most = std::min(at_most, kExitInterval);
  std::array<pollfd, 3> fds = {pollfd{channel_.fd(), POLLIN, 0}, pollfd{children_.get(), POLLIN, 0},
                               pollfd{external_ ? external_->output_fd() : -1, POLLIN, 0}};
  int n = ::poll(fds.data(), fds.size(), static_cast<int>(std::min(at_most, kLongestPoll).count()));
  if (n < 0 && errno != EINTR) return system_error(ErrorCode::kHost, "cannot wait for the host");
  if (n < 0) return {};
  // What the host sent before it disconnected is read first: POLLIN and POLLHUP come together.
  if ((fds[0].revents & POLLIN) != 0) {
    KTAPE_TRY(take_messages());
  } else if ((fds[0].revents & (POLLHUP | POLLERR)) != 0) {
    return Error{ErrorCode::kHost, "the host has disconnected", ""};
  }
  // Children before sysfs, so that a program that has ended is seen with its last state.
  if ((fds[1].revents & POLLIN) != 0) KTAPE_TRY(reap_children());
  // On every round, as sysfs cannot be polled.
  if (external_ != nullptr) KTAPE_TRY(external_->update());
  return report_scheduler_exit();
}

Result<void> Session::take_messages() {
  KTAPE_TRY(channel_.read_some());
  for (;;) {
    KTAPE_ASSIGN(std::optional<FrameMessage> message, channel_.next());
    if (!message) return {};
    switch (message->reader().getRoot<schema::FromHost>().which()) {
      case schema::FromHost::SCENARIO: scenario_ = std::move(message); break;
      case schema::FromHost::REPLY: reply_ = std::move(message); break;
      case schema::FromHost::STOP: stopped_ = true; break;
      case schema::FromHost::SCHEDULERS_SETTLED: schedulers_settled_ = true; break;
      case schema::FromHost::STEP_READY:
        ready_step_ = message->reader().getRoot<schema::FromHost>().getStepReady();
        break;
      case schema::FromHost::SCHEDULER_NEWS: KTAPE_TRY(take_news(*message)); break;
      default: return Error{ErrorCode::kBadInput, "the host sent a message of unknown kind", ""};
    }
  }
}

Result<void> Session::take_news(FrameMessage& message) {
  if (external_ == nullptr)
    return Error{ErrorCode::kBadInput, "the host reported on a scheduler, but there is none", ""};
  external_->heard(message.reader().getRoot<schema::FromHost>().getSchedulerNews());
  return {};
}

Result<void> Session::reap_children() {
  signalfd_siginfo info;
  // Several SIGCHLD are one: the count means nothing, so every child is looked for.
  while (::read(children_.get(), &info, sizeof info) > 0) {
  }
  for (const WorkerExit& exit : workers_.reap()) KTAPE_TRY(report_worker_exit(exit));
  // Taken also without a scheduler, or they would pile up.
  const std::vector<EndedChild> others = workers_.take_strangers();
  if (external_ == nullptr) return {};
  // If workers must stay zombies, reap() waits only for named pids, and the program is missed.
  for (const EndedChild& child : others)
    KTAPE_TRY(external_->child_ended(child.pid, child.wait_status));
  return external_->reap();
}

Result<void> Session::report_worker_exit(const WorkerExit& exit) {
  return reporter_.send([&](schema::FromAgent::Builder message) {
    auto report = message.initWorkerReport();
    report.setName(exit.worker->name);
    report.setPid(exit.worker->pid.value);
    report.setEvent(exit.killed ? schema::WorkerEvent::KILLED : schema::WorkerEvent::EXITED);
    report.setStatus(exit.status);
    report.setPhasesDone(exit.worker->phases_done.value().load());
  });
}

Result<void> Session::report_scheduler_exit() {
  std::optional<SchedulerExit> exit = scheduler_ ? scheduler_->take_exit() : std::nullopt;
  if (!exit) return {};
  return reporter_.send([&](schema::FromAgent::Builder message) {
    auto report = message.initSchedulerExited();
    report.setId(kSchedulerId);
    report.setKind(exit->kind);
    report.setReason(as_data(exit->reason));
    report.setMessage(as_data(exit->message));
    report.setDump(as_data(exit->dump));
    report.setExitCode(exit->exit_code);
  });
}

Result<void> Session::end() {
  // Only now may unreaped workers go: the scenario's steps have ended.
  workers_.keep_no_zombies();
  KTAPE_TRY(reap_children());
  for (const RunningWorker& worker : workers_.all()) {
    if (!worker.alive) continue;
    KTAPE_TRY(reporter_.send([&](schema::FromAgent::Builder message) {
      auto report = message.initWorkerReport();
      report.setName(worker.name);
      report.setPid(worker.pid.value);
      report.setEvent(schema::WorkerEvent::PROGRESS);
      report.setPhasesDone(worker.phases_done.value().load());
    }));
  }
  // The kernel tears a scheduler down at FIFO 50, and the program has no real-time priority:
  // workers that never sleep would starve them.
  workers_.make_ordinary();
  if (external_ != nullptr) return end_external_scheduler();
  if (scheduler_ == nullptr) return {};
  // Waits until every task has left the scheduler.
  scheduler_->detach();
  return report_scheduler_exit();
}

Result<void> Session::end_external_scheduler() {
  // As a user would: SIGINT lets it detach and print its statistics, SIGKILL leaves that to the
  // kernel, which drops its link.
  for (const Ending& ending : kEndings) {
    // The next signal only if the one before did not help.
    if (external_->has_ended()) break;
    external_->signal(ending.signal);
    KTAPE_TRY(wait(Clock::now() + ending.wait, [this] { return external_->has_ended(); }));
  }
  KTAPE_TRY(external_->update());
  // The program's children, if any, are in its process group and may still be exiting.
  if (external_->is_there()) external_->signal(SIGTERM);
  KTAPE_TRY(wait(Clock::now() + kWaitForDetach, [this] { return !external_->is_there(); }));
  // The host reads the exits from memory and settles only when they are on the tape; powering off
  // earlier would lose them.
  return wait(Clock::now() + kWaitForSettled, [this] { return schedulers_settled_; });
}

}  // namespace ktape

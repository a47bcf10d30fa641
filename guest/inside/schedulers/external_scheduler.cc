// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/schedulers/external_scheduler.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "schema/wire/data.h"

namespace ktape {

namespace {

constexpr char kSysfsFolder[] = "/sys/kernel/sched_ext";
constexpr uint32_t kFirstSchedulerId = 1;
constexpr size_t kOutputLimitBytes = size_t{4} << 20;
constexpr size_t kLastOutputBytes = size_t{64} << 10;
// A program that keeps running after a failed enable may try another. One of the kernel's selftests
// takes 3 s and more to load its next scheduler when emulated on a busy host.
constexpr auto kAnotherEnable = std::chrono::seconds(10);

// Mounts what schedulers commonly need and the agent does not. A kernel may lack these.
void mount_for_schedulers() {
  // Errors are ignored: what a scheduler needs and does not get, it reports itself.
  ::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr);
  ::mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, nullptr);
  ::mount("debugfs", "/sys/kernel/debug", "debugfs", 0, nullptr);
  ::mkdir("/tmp", 01777);
  ::mkdir("/run", 0755);
}

}  // namespace

ExternalScheduler::ExternalScheduler(std::string path, std::unique_ptr<SchedulerProcess> process,
                                     Reporter& reporter)
    : path_(std::move(path)),
      process_(std::move(process)),
      reporter_(reporter),
      limit_(kOutputLimitBytes, kLastOutputBytes) {}

Result<std::unique_ptr<ExternalScheduler>> ExternalScheduler::start(
    schema::ExternalScheduler::Reader spec, Reporter& reporter) {
  // The folder exists on every kernel that has sched_ext, whether or not a scheduler is loaded.
  if (read_sched_ext(kSysfsFolder).state.empty()) {
    return Error{ErrorCode::kNotApplicable, "this kernel has no sched_ext",
                 "it needs CONFIG_SCHED_CLASS_EXT"};
  }
  mount_for_schedulers();
  std::vector<std::string> arguments;
  for (auto argument : spec.getArguments()) arguments.emplace_back(argument.cStr());
  std::string path(spec.getGuestPath().cStr());
  KTAPE_ASSIGN(std::unique_ptr<SchedulerProcess> process, SchedulerProcess::start(path, arguments));
  return std::unique_ptr<ExternalScheduler>(
      new ExternalScheduler(std::move(path), std::move(process), reporter));
}

Result<void> ExternalScheduler::update() {
  KTAPE_TRY(take_output());
  SchedExtView view = read_sched_ext(kSysfsFolder);
  // Only changes are sent: this is called at every wake-up.
  if (view == view_) return {};
  view_ = std::move(view);
  return report();
}

Result<void> ExternalScheduler::child_ended(Pid pid, int wait_status) {
  if (pid.value != process_->pid()) return {};
  process_->ended(wait_status);
  // What it wrote last explains its end, so it is sent before the report of the end.
  KTAPE_TRY(take_output());
  view_ = read_sched_ext(kSysfsFolder);
  return report();
}

Result<void> ExternalScheduler::reap() {
  int status = 0;
  if (has_ended() || ::waitpid(process_->pid(), &status, WNOHANG) <= 0) return {};
  return child_ended(Pid(process_->pid()), status);
}

Result<void> ExternalScheduler::take_output() {
  for (std::string text; !(text = process_->read_output()).empty();) {
    excerpt_.add(text);
    const std::string_view passed = limit_.pass(text);
    const uint64_t lost = limit_.take_lost();
    // A piece that only added to the kept tail has nothing to send yet.
    if (passed.empty() && lost == 0) continue;
    KTAPE_TRY(reporter_.scheduler_output(kFirstSchedulerId, passed, lost));
  }
  // The tail is complete once nothing more can come.
  if (!has_ended() && output_open()) return {};
  const std::string last = limit_.take_last();
  return last.empty() ? Result<void>() : reporter_.scheduler_output(kFirstSchedulerId, last);
}

Result<void> ExternalScheduler::report() {
  return reporter_.send([&](schema::FromAgent::Builder message) {
    auto state = message.initSchedulerState();
    state.setState(as_data(view_.state));
    auto names = state.initNames(static_cast<unsigned>(view_.names.size()));
    for (unsigned i = 0; i < names.size(); ++i) names.set(i, as_data(view_.names[i]));
    state.setProgram(path_);
    state.setPid(process_->pid());
    state.setEnded(process_->has_ended());
    state.setKilled(process_->was_killed());
    state.setStatus(process_->status());
    state.setEnableSeq(as_data(view_.enable_sequence));
  });
}

void ExternalScheduler::heard(schema::SchedulerNews::Reader news) {
  // Once is enough: a scheduler that was attached and ejected did come.
  came_ = came_ || news.getAttached();
  if (news.getAttached()) return;
  const std::string_view why = as_text(news.getWhy());
  refusal_ = "the kernel did not enable the scheduler '" + std::string(as_text(news.getName())) +
             "': " + (why.empty() ? "it gave no reason" : std::string(why));
  refused_ = Clock::now();
}

bool ExternalScheduler::has_given_up() const {
  return refused_ && Clock::now() >= *refused_ + kAnotherEnable;
}

std::string ExternalScheduler::why_not_attached() const {
  const std::string printed = excerpt_.text();
  const std::string suffix = printed.empty() ? "" : ": " + printed;
  if (!refusal_.empty())
    return refusal_ + "; the scheduler's program '" + path_ + "' " + process_->how_it_ended() +
           suffix;
  return "the scheduler's program '" + path_ + "' " + process_->how_it_ended() +
         " and has not attached a scheduler" + suffix;
}

}  // namespace ktape

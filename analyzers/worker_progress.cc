// SPDX-License-Identifier: Apache-2.0

// worker-progress: no worker was kept from its phases for longer than the limit.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyzers/time_assertion.h"
#include "schema/base/text.h"
#include "schema/terms/stalled_task.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that no worker was kept from running for longer than --max-gap-ms milliseconds. A
phase of a worker ends once the scenario's time for it has passed in the guest and the
worker runs; the time beyond that is time that the worker waited. The tape says how many
phases a worker ended between two of its reports, and so how long it waited in all. The
longest gap is at most that time plus one phase of spinning or yielding, in which waits do
not show, and at least that time divided by the number of phases. When the kernel ejects a
scheduler because a worker failed to run, its message says for how long: that is a gap as
well.

Fails if the lower bound exceeds the limit. Inconclusive if only the upper bound does, if
the scenario sends the worker signals, if the tape has no report of a worker, or if a vCPU
waited for a CPU of the host in more than --max-host-wait percent of the gap or, for a
worker to pass, of its whole time; --force judges such times anyway. A tape that does not
record such waits is inconclusive unless its times are those of real hardware.

Under TCG the emulated machine is judged: it computes many times slower than real
hardware, while its timers keep real time. A scheduler that is slow there may not be slow
elsewhere.)";

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kForever = ~uint64_t{0};
// The number of a worker's gaps over the limit that are kept: the one to report is searched among
// them.
constexpr size_t kMaxTooLong = 16;

// Times of an untrusted tape saturate instead of wrapping around.
uint64_t add(uint64_t a, uint64_t b) { return a > kForever - b ? kForever : a + b; }
uint64_t multiply(uint64_t a, uint64_t b) { return b != 0 && a > kForever / b ? kForever : a * b; }

// How long a worker's phases take if nothing delays it.
class Plan {
 public:
  Plan() = default;
  explicit Plan(schema::Worker::Reader worker) : loop_(worker.getLoop()) {
    for (auto phase : worker.getPhases()) {
      // A wait within a phase of spinning or yielding does not make it longer.
      uint64_t busy_ms = phase.isSpinMs()    ? phase.getSpinMs()
                         : phase.isYieldMs() ? phase.getYieldMs()
                                             : 0;
      longest_busy_ns_ = std::max(longest_busy_ns_, multiply(busy_ms, kNsPerMs));
      uint64_t ms = phase.isSleepMs() ? phase.getSleepMs() : busy_ms;
      before_.push_back(add(before_.back(), multiply(ms, kNsPerMs)));
    }
  }

  // The first `count` phases; a worker that has done all of them and does not loop has none left.
  [[nodiscard]] uint64_t length_ns(uint64_t count) const {
    uint64_t phases = before_.size() - 1;
    if (phases == 0) return 0;
    // A worker that does not loop ends with its last phase.
    if (!loop_) return before_[std::min(count, phases)];
    return add(multiply(before_.back(), count / phases), before_[count % phases]);
  }
  [[nodiscard]] uint64_t longest_busy_ns() const { return longest_busy_ns_; }
  [[nodiscard]] bool through(uint64_t done) const { return !loop_ && done >= before_.size() - 1; }

 private:
  std::vector<uint64_t> before_ = {0};  // before_[i]: the length of the phases before phase i
  uint64_t longest_busy_ns_ = 0;
  bool loop_ = false;
};

class WorkerProgress final : public TimeAssertion {
 public:
  std::string_view name() const override { return "worker-progress"; }
  std::string_view help() const override { return kHelp; }

 protected:
  std::vector<Argument> own_arguments() override {
    return {{"--max-gap-ms", "N",
             "The longest that a worker may wait for its turn, in milliseconds", true,
             [this](const std::string& value) -> Result<void> {
               KTAPE_ASSIGN(uint64_t ms, number_argument("--max-gap-ms", value));
               max_gap_ns_ = multiply(ms, kNsPerMs);
               return {};
             }},
            {"--worker", "NAME", "Judge only this worker", false,
             [this](const std::string& value) -> Result<void> {
               only_ = value;
               return {};
             }}};
  }

  void observe(const RecordView& view) override {
    if (view.record.isRunStarted()) {
      take_scenario(view.record.getRunStarted().getScenario());
    } else if (view.record.isWorkerStarted()) {
      std::string name(chars(view.record.getWorkerStarted().getName()));
      // The start counts as a report of no phases.
      workers_[name].last = Point{view.seq, view.record.getGuestNs(), 0, view.record.getHostNs()};
      workers_[name].began_ns = view.record.getHostNs();
      workers_[name].pid = view.record.getWorkerStarted().getPid();
    } else if (view.record.isWorkerReport()) {
      take_report(view, view.record.getWorkerReport());
    } else if (view.record.isSchedulerExited()) {
      take_exit(view, chars(view.record.getSchedulerExited().getMessage()));
    }
  }

  void conclude(TapeState) override {
    for (const auto& [name, worker] : workers_) {
      if (only_ && name != *only_) continue;
      if (!worker.last) leave_undecided(Seq(0), "worker " + in_quotes(name) + " was never started");
      if (worker.last && worker.reports == 0) {
        leave_undecided(worker.last->seq, "worker " + in_quotes(name) + " has no report");
      }
      if (worker.longest) evaluate_worker(name, worker);
    }
    bool any = only_ ? workers_.contains(*only_) : !workers_.empty();
    if (!any)
      leave_undecided(Seq(0), "the tape has no worker" + (only_ ? " " + in_quotes(*only_) : ""));
  }

 private:
  struct Point {
    Seq seq;
    uint64_t guest_ns = 0;
    uint64_t phases = 0;
    uint64_t host_ns = 0;
  };
  struct Interval {
    Seq end;
    uint64_t most_ns = 0;             // upper bound of the longest gap
    uint64_t least_ns = 0;            // lower bound of the longest gap
    uint64_t from_ns = 0, to_ns = 0;  // in host time
  };
  struct Worker {
    Plan plan;
    bool planned = false;
    bool signalled = false;
    int32_t pid = 0;
    uint64_t began_ns = 0;  // in host time
    std::optional<Point> last;
    uint64_t reports = 0;
    // The longest intervals with a gap over the limit, longest first.
    std::vector<Interval> too_long;
    std::optional<Interval> longest;  // of all intervals, the one with the largest least_ns
    std::optional<Interval> widest;   // and the one with the largest most_ns

    void add(const Interval& interval, uint64_t max_gap_ns) {
      if (interval.least_ns > max_gap_ns) {
        const auto longer = [](const Interval& a, const Interval& b) {
          return a.least_ns > b.least_ns;
        };
        too_long.insert(std::upper_bound(too_long.begin(), too_long.end(), interval, longer),
                        interval);
        if (too_long.size() > kMaxTooLong) too_long.pop_back();
      }
      if (!longest || interval.least_ns > longest->least_ns) longest = interval;
      if (!widest || interval.most_ns > widest->most_ns) widest = interval;
    }
  };

  void take_scenario(schema::Scenario::Reader scenario) {
    for (auto spec : scenario.getWorkers()) {
      // Also workers that never start: conclude() names them.
      Worker& worker = workers_[std::string(chars(spec.getName()))];
      worker.plan = Plan(spec);
      worker.planned = true;
    }
    for (auto step : scenario.getSteps()) {
      for (auto action : step.getActions()) {
        if (!action.isSignal()) continue;
        auto it = workers_.find(std::string(chars(action.getSignal().getWorker())));
        if (it != workers_.end()) it->second.signalled = true;
      }
    }
  }

  void take_exit(const RecordView& view, std::string_view message) {
    const std::optional<StalledTask> stalled = stalled_task(message);
    if (!stalled || !stalled->waited_ms) return;
    const uint64_t waited_ns = multiply(*stalled->waited_ms, kNsPerMs);
    for (auto& [name, worker] : workers_) {
      if (worker.pid != stalled->pid.value) continue;
      // The guest waited this long while it ran; how much of that time it was frozen, only its
      // clock knows.
      const uint64_t to_ns = view.record.getHostNs();
      const uint64_t most_ns = add(waited_ns, waits().frozen_ns());
      worker.add({view.seq, waited_ns, waited_ns, to_ns - std::min(to_ns, most_ns), to_ns},
                 max_gap_ns_);
    }
  }

  void take_report(const RecordView& view, schema::WorkerReport::Reader report) {
    auto it = workers_.find(std::string(chars(report.getName())));
    if (it == workers_.end() || !it->second.last)
      return note(view.seq, "a report of a worker that was not started");
    Worker& worker = it->second;
    Point now{view.seq, view.record.getGuestNs(), report.getPhasesDone(), view.record.getHostNs()};
    Point before = *worker.last;
    ++worker.reports;
    worker.last = now;
    if (!worker.planned)
      return leave_undecided(view.seq, "the scenario has no worker " + in_quotes(it->first));
    if (before.guest_ns == 0 || now.guest_ns == 0) {
      return leave_undecided(
          view.seq, "worker " + in_quotes(it->first) + ": the guest's time is not on the tape");
    }
    if (now.guest_ns < before.guest_ns || now.phases < before.phases) {
      return leave_undecided(view.seq,
                             "worker " + in_quotes(it->first) + ": its reports go back in time");
    }
    if (worker.plan.through(before.phases)) return;  // it had nothing left to do
    uint64_t passed = now.guest_ns - before.guest_ns;
    // The phase of the first report may have been nearly done; the phase of the last one may not
    // have begun.
    uint64_t done_ns = worker.plan.length_ns(now.phases);
    // At most: the phase under way at the first report began just then, and the one at the last is
    // nearly done.
    uint64_t could = worker.plan.length_ns(now.phases + 1) - worker.plan.length_ns(before.phases);
    uint64_t must = done_ns - std::min(done_ns, worker.plan.length_ns(before.phases + 1));
    uint64_t phases = now.phases - before.phases + 1;
    uint64_t waited = passed - std::min(passed, must);
    // If the waits were spread evenly over the phases, each has at least this share.
    worker.add({view.seq, std::min(passed, add(waited, worker.plan.longest_busy_ns())),
                (passed - std::min(passed, could)) / phases, before.host_ns, now.host_ns},
               max_gap_ns_);
  }

  void evaluate_worker(const std::string& name, const Worker& worker) {
    const std::optional<Interval>&longest = worker.longest, &widest = worker.widest;
    const std::string who = "worker " + in_quotes(name);
    // A worker that was stopped by SIGSTOP waited as well, and for a good reason.
    if (!worker.too_long.empty() && !worker.signalled) return evaluate_gaps(who, worker.too_long);
    if (widest->most_ns > max_gap_ns_) {
      std::string why = worker.signalled ? "; the scenario sends it signals"
                                         : "; more frequent reports would narrow this";
      return leave_undecided(widest->end, fmt::format("{} waited between {} and {}{}", who,
                                                      milliseconds(longest->least_ns),
                                                      milliseconds(widest->most_ns), why));
    }
    const uint64_t end_ns = worker.last ? worker.last->host_ns : worker.began_ns;
    if (const auto found = objection(worker.began_ns, end_ns)) {
      return leave_undecided(found->seq, fmt::format("{} waited for {} at most, but {}", who,
                                                     milliseconds(widest->most_ns), found->text));
    }
    confirm(widest->end,
            fmt::format("{} waited for {} at most", who, milliseconds(widest->most_ns)));
  }

  // One gap that the host did not distort is enough.
  void evaluate_gaps(const std::string& who, const std::vector<Interval>& too_long) {
    const auto describe = [&](const Interval& gap) {
      return fmt::format("{} waited for {} or longer at one time", who, milliseconds(gap.least_ns));
    };
    std::optional<Finding> first;
    for (const Interval& gap : too_long) {
      const auto found = objection(gap.from_ns, gap.to_ns);
      if (!found)
        return violate(
            gap.end, fmt::format("{}, the limit is {}", describe(gap), milliseconds(max_gap_ns_)));
      if (!first) first = found;
    }
    leave_undecided(first->seq, fmt::format("{}, but {}", describe(too_long.front()), first->text));
  }

  uint64_t max_gap_ns_ = 0;
  std::optional<std::string> only_;
  std::map<std::string, Worker> workers_;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<WorkerProgress>(); }

}  // namespace ktape

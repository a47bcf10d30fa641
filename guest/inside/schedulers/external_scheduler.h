// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "guest/inside/base/reporter.h"
#include "guest/inside/schedulers/output_excerpt.h"
#include "guest/inside/schedulers/output_limit.h"
#include "guest/inside/schedulers/sched_ext_sysfs.h"
#include "guest/inside/schedulers/scheduler_process.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/scenario.capnp.h"
#include "schema/wire.capnp.h"

namespace ktape {

// A scheduler brought by the user. Runs its program, sends its output to the host, and reports each
// change in sched_ext's sysfs files. The host determines from kernel memory whether the kernel
// enabled the scheduler, and reports it back: sysfs only shows the state at the instant it is read.
class ExternalScheduler {
 public:
  // Starts the program. `reporter` outlives the object. kNotApplicable if the kernel has no
  // sched_ext.
  [[nodiscard]] static Result<std::unique_ptr<ExternalScheduler>> start(
      schema::ExternalScheduler::Reader spec, Reporter& reporter);

  // The program's output, for poll(2).
  [[nodiscard]] int output_fd() const { return process_->output_fd(); }
  // Forwards pending output and reads sysfs. Call it repeatedly.
  [[nodiscard]] Result<void> update();
  // Called when a child of the agent was reaped; if it was the program, reports its end.
  [[nodiscard]] Result<void> child_ended(Pid pid, int wait_status);

  // Reaps the program itself, for when the agent does not reap all of its children.
  [[nodiscard]] Result<void> reap();

  // Called with what the host has read about an enable that the program requested.
  void heard(schema::SchedulerNews::Reader news);

  // A scheduler of the program was enabled at some time; it may be gone by now.
  [[nodiscard]] bool came() const { return came_; }
  // Enables have failed, and the program has not tried another for some seconds.
  [[nodiscard]] bool has_given_up() const;
  // A scheduler is enabled, according to sysfs.
  [[nodiscard]] bool is_there() const { return view_.state == "enabled" && !view_.names.empty(); }
  [[nodiscard]] bool has_ended() const { return process_->has_ended(); }
  [[nodiscard]] bool output_open() const { return process_->output_fd() >= 0; }
  void signal(int number) const { process_->signal(number); }

  // Why no scheduler is attached: the kernel's reason, how the program ended, and its last output.
  [[nodiscard]] std::string why_not_attached() const;

 private:
  ExternalScheduler(std::string path, std::unique_ptr<SchedulerProcess> process,
                    Reporter& reporter);

  Result<void> take_output();
  Result<void> report();

  std::string path_;
  std::unique_ptr<SchedulerProcess> process_;
  Reporter& reporter_;
  OutputLimit limit_;
  OutputExcerpt excerpt_;
  SchedExtView view_;
  bool came_ = false;
  std::string refusal_;  // of the last failed enable
  std::optional<Clock::time_point> refused_;
};

}  // namespace ktape

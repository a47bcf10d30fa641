// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "guest/inside/reporter.h"
#include "guest/inside/schedulers/output_excerpt.h"
#include "guest/inside/schedulers/output_limit.h"
#include "guest/inside/schedulers/sched_ext_sysfs.h"
#include "guest/inside/schedulers/scheduler_process.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/scenario.capnp.h"
#include "schema/wire.capnp.h"

namespace ktape {

// A scheduler that the user brought: its program runs, what it prints goes to the host, and the
// host is told whenever sysfs says something else of sched_ext. Whether the kernel has enabled it
// the host reads from the kernel's memory, and tells: sysfs says only what is at the instant of a
// look.
class ExternalScheduler {
 public:
  // Starts the program; `reporter` outlives the object. kNotApplicable where the kernel has no
  // sched_ext.
  [[nodiscard]] static Result<std::unique_ptr<ExternalScheduler>> start(
      schema::ExternalScheduler::Reader spec, Reporter& reporter);

  // For poll(2): the program's output.
  [[nodiscard]] int output_fd() const { return process_->output_fd(); }
  // Takes the output that there is, and looks at sysfs. Call it again and again.
  [[nodiscard]] Result<void> look();
  // A child of the agent was reaped; reports the end of the program when it was that.
  [[nodiscard]] Result<void> child_ended(Pid pid, int wait_status);

  // Reaps the program by itself, for when the agent does not reap all of its children.
  [[nodiscard]] Result<void> reap();

  // What the host has read of an enable that the program asked for.
  void heard(schema::SchedulerNews::Reader news);

  // A scheduler of the program's was enabled at some time; it may be gone by now.
  [[nodiscard]] bool came() const { return came_; }
  // Enables have failed, and the program has not asked for another for some seconds.
  [[nodiscard]] bool has_given_up() const;
  // One is there, as far as sysfs says.
  [[nodiscard]] bool is_there() const { return view_.state == "enabled" && !view_.names.empty(); }
  [[nodiscard]] bool has_ended() const { return process_->has_ended(); }
  [[nodiscard]] bool output_open() const { return process_->output_fd() >= 0; }
  void signal(int number) const { process_->signal(number); }

  // Why there is no scheduler: what the kernel said, how the program ended, and its last words.
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
  std::string refusal_;  // of the last enable that failed
  std::optional<Clock::time_point> refused_;
};

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "guest/inside/last_words.h"
#include "guest/inside/output_limit.h"
#include "guest/inside/reporter.h"
#include "guest/inside/sched_ext_sysfs.h"
#include "guest/inside/scheduler_process.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/scenario.capnp.h"

namespace ktape {

// A scheduler that the user brought: its program runs, what it prints goes to the host, and the host is
// told whenever sysfs says something else of sched_ext. What the kernel's memory says, the host reads.
class ExternalScheduler {
 public:
  // Starts the program; `reporter` outlives the object. kNotApplicable where the kernel has no sched_ext.
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

  [[nodiscard]] bool attached() const { return view_.state == "enabled" && !view_.names.empty(); }
  [[nodiscard]] bool has_ended() const { return process_->has_ended(); }
  [[nodiscard]] bool output_open() const { return process_->output_fd() >= 0; }
  void signal(int number) const { process_->signal(number); }

  // Why there is no scheduler: how the program ended, and its last words.
  [[nodiscard]] std::string why_not_attached() const;

 private:
  ExternalScheduler(std::string path, std::unique_ptr<SchedulerProcess> process, Reporter& reporter);

  Result<void> take_output();
  Result<void> report();

  std::string path_;
  std::unique_ptr<SchedulerProcess> process_;
  Reporter& reporter_;
  OutputLimit limit_;
  LastWords last_words_;
  SchedExtView view_;
};

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// What the host's kernel counts of one of its threads, since the thread began.
struct ThreadTimes {
  // False: the host does not tell (no CONFIG_SCHED_INFO), or the thread is gone.
  bool known = false;
  int32_t thread = 0;      // its id on the host
  uint64_t ran_ns = 0;     // on a CPU
  uint64_t waited_ns = 0;  // it could have run, and no CPU was free for it
  uint64_t timeslices = 0;
};

// How a machine fared on its host so far.
struct HostTimes {
  // One element per vCPU, in order; none where the machine has no threads.
  std::vector<ThreadTimes> vcpus;
  ThreadTimes emulator;  // of the emulator's main thread
  ThreadTimes own;       // of the caller's thread
};

// The content of /proc/PID/task/TID/schedstat: "ran_ns waited_ns timeslices"
// (Documentation/scheduler/ sched-stats.rst). kBadInput for anything else.
[[nodiscard]] Result<ThreadTimes> parse_schedstat(std::string_view text);

// The field "steal" of the first line of /proc/stat, in ns; nothing where it has none.
[[nodiscard]] std::optional<uint64_t> parse_stolen(std::string_view text,
                                                   uint64_t ticks_per_second);

// A thread of the host whose times can be read as often as one likes: one system call each time.
class ThreadWatch {
 public:
  ThreadWatch() = default;  // of no thread: its times are not known
  // One that cannot be watched is not known either.
  ThreadWatch(pid_t process, pid_t thread);

  [[nodiscard]] ThreadTimes read() const;

 private:
  UniqueFd schedstat_;
  int32_t thread_ = 0;
};

// The times of a whole machine. Used by the thread that made it, whose own times are among them.
class HostWatch {
 public:
  HostWatch() = default;  // of no machine: nothing is known
  // `vcpus`: the threads of `emulator` that are its vCPUs, in order; 0 for one that is not known.
  HostWatch(pid_t emulator, const std::vector<pid_t>& vcpus);

  [[nodiscard]] HostTimes read() const;

 private:
  std::vector<ThreadWatch> vcpus_;
  ThreadWatch emulator_;
  ThreadWatch own_;
};

// What a hypervisor below the host has taken from all of its CPUs, since its boot, in steps of 10
// ms; nothing where the host does not tell, 0 on one that is no guest. On a large host a reading
// takes long.
class StealWatch {
 public:
  StealWatch();

  [[nodiscard]] std::optional<uint64_t> read_ns() const;

 private:
  UniqueFd stat_;
};

}  // namespace ktape

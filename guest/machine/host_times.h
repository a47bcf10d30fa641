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

// The host kernel's statistics about one of its threads, since the thread began.
struct ThreadTimes {
  // False: the host has no statistics (no CONFIG_SCHED_INFO), or the thread is gone.
  bool known = false;
  int32_t thread = 0;      // its id on the host
  uint64_t ran_ns = 0;     // on a CPU
  uint64_t waited_ns = 0;  // runnable, but waiting for a CPU
  uint64_t timeslices = 0;
};

// How long the threads of a machine have run and waited on the host so far.
struct HostTimes {
  // One element per vCPU, in order; empty if the machine has no threads.
  std::vector<ThreadTimes> vcpus;
  ThreadTimes emulator;  // of the emulator's main thread
  ThreadTimes own;       // of the caller's thread
};

// Parses /proc/PID/task/TID/schedstat: "ran_ns waited_ns timeslices"
// (Documentation/scheduler/sched-stats.rst). kBadInput for anything else.
[[nodiscard]] Result<ThreadTimes> parse_schedstat(std::string_view text);

// The field "steal" of the first line of /proc/stat, in ns; nothing if it is missing.
[[nodiscard]] std::optional<uint64_t> parse_stolen(std::string_view text,
                                                   uint64_t ticks_per_second);

// A host thread whose times can be read repeatedly, with one system call per read. The file of a
// thread that has ended cannot be read any more; its id is not reused by mistake, because the open
// file belongs to that thread.
class ThreadWatch {
 public:
  ThreadWatch() = default;  // of no thread: its times are unknown
  // If the thread cannot be watched, its times are unknown, too.
  ThreadWatch(pid_t process, pid_t thread);

  // Times since the thread began, in ns; compare two reads for an interval.
  [[nodiscard]] ThreadTimes read() const;

 private:
  UniqueFd schedstat_;
  int32_t thread_ = 0;
};

// The times of a whole machine. Use it on the thread that created it; they include that thread's
// own. Holds one open file per thread, so that a read is one system call.
class HostWatch {
 public:
  HostWatch() = default;  // of no machine: all times are unknown
  // `vcpus`: the threads of `emulator` that are its vCPUs, in order; 0 if unknown.
  HostWatch(pid_t emulator, const std::vector<pid_t>& vcpus);

  [[nodiscard]] HostTimes read() const;

 private:
  std::vector<ThreadWatch> vcpus_;
  ThreadWatch emulator_;
  ThreadWatch own_;
};

// Reads the time that the hypervisor below the host has stolen from all host CPUs since the host
// booted, in steps of 10 ms; nothing if the host does not report it, 0 on bare metal. Slow on a
// large host.
class StealWatch {
 public:
  StealWatch();

  [[nodiscard]] std::optional<uint64_t> read_ns() const;

 private:
  UniqueFd stat_;
};

}  // namespace ktape

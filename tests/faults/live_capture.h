// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "schema/base/file.h"
#include "tests/faults/left_processes.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

// A run of `ktape-capture` with a real guest, for tests that interfere while it records. The test
// case is skipped if the kernel is not cached.
class LiveCapture {
 public:
  // Starts it on a scenario's text; the tape is `tape()`. `environment`: NAME=VALUE, for it and its
  // children.
  explicit LiveCapture(const std::string& scenario,
                       const std::vector<std::string>& environment = {});
  ~LiveCapture();
  LiveCapture(const LiveCapture&) = delete;
  LiveCapture& operator=(const LiveCapture&) = delete;

  // Waits until it has printed `text`. The test case fails if it ends without.
  void wait_for(const std::string& text);
  // Waits until its guest runs.
  void wait_for_guest();
  void signal(int number) const;
  // Waits for its end: returns its exit status, or the negated signal that killed it.
  int wait();
  [[nodiscard]] bool has_ended();

  // The guest's memory, which stays while this is open; invalid if there is none.
  [[nodiscard]] UniqueFd guest_ram() const;
  // All of its output, standard output and error.
  [[nodiscard]] std::string printed() const;
  [[nodiscard]] std::string tape() const { return folder_.file("tapes/run.ktape"); }
  [[nodiscard]] std::string partial() const { return tape() + ".partial"; }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool nothing_is_left() const { return mark_.all_gone(); }

 private:
  TempDir folder_;
  LeftProcesses mark_;
  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

// Scenarios: one that is over as soon as the guest is up, one that waits in its step "wait" until
// it is ended, and one whose step "writes" writes 1, 2, 3... to a sleeping task's vtime,
// `kWritesBase` above.
inline constexpr char kBrief[] =
    "(name = \"brief\", machine = (memoryMb = 256), steps = [(name = \"only\", actions = [(sleepMs "
    "= "
    "1500)])])";
inline constexpr char kLasting[] =
    "(name = \"lasting\", machine = (memoryMb = 256), steps = [(name = \"wait\", actions = "
    "[(sleepMs = "
    "50000)])])";
inline constexpr uint64_t kWritesBase = 7'000'000'000'000'000;
inline constexpr uint64_t kWritesToGuest = 40;
[[nodiscard]] std::string writing_scenario();

}  // namespace ktape::test

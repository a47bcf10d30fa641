// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/kernel/fake_kernel.h"

namespace ktape::test {

// An attached scheduler in a FakeKernel's memory: verbs with which a test attaches and exits it.
class FakeScheduler {
 public:
  FakeScheduler(FakeKernel& kernel, const std::string& name);

  // Makes this the kernel's root scheduler, or removes it.
  void become_root();
  void leave();
  // Completes its enable.
  void become_enabled();
  // A sub-scheduler of `parent`, for a cgroup.
  void become_child_of(FakeScheduler& parent, const std::string& cgroup);
  // The kernel has written its exit.
  void set_exit(uint64_t kind, const std::string& reason, const std::string& message,
                const std::string& dump);
  // The same, except that the dump is still being written.
  void begin_exit(uint64_t kind, const std::string& reason, const std::string& message);

  [[nodiscard]] GuestVirtual address() const { return address_; }
  void set(const std::string& path, uint64_t value) {
    kernel_.set(address_, "struct scx_sched", path, value);
  }

 private:
  GuestVirtual text(const std::string& text);

  FakeKernel& kernel_;
  GuestVirtual address_;
  GuestVirtual info_;
};

}  // namespace ktape::test

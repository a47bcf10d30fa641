// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel/fake_scheduler.h"

#include <span>

#include "tests/support/must.h"

namespace ktape::test {

namespace {
constexpr char kType[] = "struct scx_sched";
constexpr uint64_t kFunction = 0xffffffffc0001000;
}  // namespace

FakeScheduler::FakeScheduler(FakeKernel& kernel, const std::string& name)
    : kernel_(kernel), address_(kernel.allocate(256)), info_(kernel.allocate(64)) {
  must(kernel.kernel().write(kernel.memory(), kernel.field(address_, kType, "ops.name"),
                             std::as_bytes(std::span(name))));
  set("ops.enqueue", kFunction);
  set("ops.exit", kFunction + 64);
  set("ops.priv", address_.value);
  set("ops.timeout_ms", 5000);
  set("exit_info", info_.value);
  const GuestVirtual children = kernel.field(address_, kType, "children");
  kernel.put(children, children.value, 8);
  kernel.put(children + 8, children.value, 8);
}

void FakeScheduler::become_root() { kernel_.put(kernel_.symbol("scx_root"), address_.value, 8); }

void FakeScheduler::become_enabled() {
  constexpr uint64_t kAnnounced = 4;  // the third bit-field of struct kobject
  const GuestVirtual kobject = kernel_.field(address_, kType, "kobj");
  kernel_.put(kobject + 8, kAnnounced, 4);
}

void FakeScheduler::leave() { kernel_.put(kernel_.symbol("scx_root"), 0, 8); }

void FakeScheduler::become_child_of(FakeScheduler& parent, const std::string& cgroup) {
  kernel_.link(kernel_.field(parent.address_, kType, "children"),
               kernel_.field(address_, kType, "sibling"));
  set("level", 1);
  set("cgrp_path", text(cgroup).value);
  kernel_.put(kernel_.field(address_, kType, "ancestors"), parent.address_.value, 8);
}

void FakeScheduler::set_exit(uint64_t kind, const std::string& reason, const std::string& message,
                             const std::string& dump) {
  begin_exit(kind, reason, message);
  kernel_.set(info_, "struct scx_exit_info", "dump", text(dump).value);
  set("exit_kind", 1);  // SCX_EXIT_DONE
}

void FakeScheduler::begin_exit(uint64_t kind, const std::string& reason,
                               const std::string& message) {
  const auto put = [&](const char* path, uint64_t value) {
    kernel_.set(info_, "struct scx_exit_info", path, value);
  };
  put("reason", text(reason).value);
  put("msg", text(message).value);
  put("exit_code", static_cast<uint64_t>(-3));
  put("kind", kind);
  set("exit_kind", kind);
}

GuestVirtual FakeScheduler::text(const std::string& text) {
  const GuestVirtual at = kernel_.allocate(text.size() + 1);
  must(kernel_.kernel().write(kernel_.memory(), at,
                              std::as_bytes(std::span(text.c_str(), text.size() + 1))));
  return at;
}

}  // namespace ktape::test

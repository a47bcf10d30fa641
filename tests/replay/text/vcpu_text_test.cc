// SPDX-License-Identifier: Apache-2.0
#include "replay/text/vcpu_text.h"

#include <capnp/message.h>

#include <catch2/catch_test_macros.hpp>

#include "schema/wire/data.h"

namespace ktape {

namespace {

// One that holds its runqueue's lock in an interrupt.
class Vcpu {
 public:
  Vcpu() {
    builder_.setCpu(1);
    builder_.setKnown(true);
    builder_.setRip(0x401136);
    builder_.setSymbol("do_idle+0x1c");
    builder_.setKernelStateKnown(true);
    builder_.setPreemptCount(0x10001);
    builder_.setCurrentPid(57);
    builder_.setCurrentComm(as_data(std::string_view("spinner")));
    builder_.setCurrentPolicy(1);
    builder_.setCurrentRtPriority(50);
    builder_.setCurrentClass("rt_sched_class");
    builder_.setContext(schema::ExecContext::HARDIRQ);
    builder_.setRunqueueLocked(true);
  }
  schema::VcpuState::Builder builder() { return builder_; }
  [[nodiscard]] schema::VcpuState::Reader get() const { return builder_.asReader(); }

 private:
  capnp::MallocMessageBuilder message_;
  schema::VcpuState::Builder builder_ = message_.initRoot<schema::VcpuState>();
};

}  // namespace

TEST_CASE("a vCPU has a full text, a short text and a one-line text") {
  const Vcpu vcpu;
  const VcpuText full = vcpu_text(vcpu.get());
  CHECK(full.where == "kernel in do_idle+0x1c");
  CHECK(full.state == "irqs off, preempt 0x10001, RUNQUEUE LOCKED");
  CHECK(full.current == "spinner (57)");
  CHECK(full.scheduling == "fifo 50");
  const VcpuText small = short_vcpu_text(vcpu.get());
  CHECK(small.where == "at do_idle+0x1c");
  CHECK(small.state == "irqs off, preempt 0x10001, rq locked");
  CHECK(small.current == "spinner[57]");
  CHECK(small.scheduling == "fifo 50");
  CHECK(vcpu_line(vcpu.get()) ==
        "CPU 1: kernel in do_idle+0x1c, irqs off, preempt 0x10001, spinner (57), fifo 50, in "
        "hardirq, RUNQUEUE LOCKED");
}

TEST_CASE("a vCPU in user space has an address and no symbol") {
  Vcpu vcpu;
  vcpu.builder().setSymbol("");
  vcpu.builder().setCpl(3);
  vcpu.builder().setInterruptsEnabled(true);
  vcpu.builder().setKernelStateKnown(false);
  CHECK(vcpu_text(vcpu.get()).where == "user space at 0x401136");
  CHECK(short_vcpu_text(vcpu.get()).where == "in user space");
  CHECK(short_vcpu_text(vcpu.get()).state.empty());
  CHECK(vcpu_line(vcpu.get()) == "CPU 1: user space at 0x401136, irqs on");
}

TEST_CASE("the text of a vCPU that could not be read says nothing else") {
  Vcpu vcpu;
  vcpu.builder().setKnown(false);
  CHECK(vcpu_text(vcpu.get()).where == "not known");
  CHECK(vcpu_text(vcpu.get()).state.empty());
  CHECK(short_vcpu_text(vcpu.get()).where.empty());
  CHECK(vcpu_line(vcpu.get()) == "CPU 1: not known");
}

}  // namespace ktape

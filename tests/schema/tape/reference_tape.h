// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/tape/tape_builder.h"

namespace ktape::test {

// A tape with rows in most tables: a scheduler, a worker, a step with a write and reads, a refused
// write with its gates, vCPU states, console text and a blob. Not sealed.
inline void record_reference(TapeBuilder& tape) {
  using namespace schema;
  tape.run_started("cold_path_roundtrip");
  tape.add([](Record::Builder record) {
    auto kernel = record.initKernelIdentified();
    kernel.setKaslrSlide(0x1e000000);
    kernel.setPageOffset(0xffff888000000000);
    kernel.setHz(250);
  });
  tape.scheduler_attached(1);
  tape.worker_started("sleeper", 71, 4'210'000'000);
  tape.step_started(0, "roundtrip");
  auto vtime = task_target("sleeper", 71, 4'210'000'000, "scx.dsq_vtime");
  tape.op({{.tag = "set",
            .target = vtime,
            .write = 2'592'000'000'000'000,
            .value = 2'592'000'000'000'000}});
  tape.op({{.tag = "verify_dsq_vtime", .target = vtime, .value = 2'592'000'000'000'000},
           {.tag = "verify_rq_nr_running",
            .target = per_cpu_target("runqueues", 0, "nr_running"),
            .asked = ValueKind::U32,
            .value = 1,
            .width_bytes = 4},
           {.tag = "verify_jiffies_64",
            .target = symbol_target("jiffies_64"),
            .value = 4'294'893'000}});
  tape.add([](Record::Builder record) {
    auto gate = record.initGateChecked();
    gate.setOp(1);
    gate.setGate(Gate::OFF_RUNQUEUE);
    gate.setOutcome(GateOutcome::FAILED);
    gate.setEnforced(true);
    gate.setExpected("on_rq 0 and on_cpu 0");
  });
  tape.add([](Record::Builder record) {
    auto frozen = record.initFrozen();
    frozen.setFreeze(2);
    auto vcpu = frozen.initVcpus(1)[0];
    vcpu.setKnown(true);
    vcpu.setRip(0xffffffff9f0012a4);
    vcpu.setSymbol("pv_native_safe_halt+0x4");
  });
  tape.add([](Record::Builder record) {
    static constexpr char kText[] = "Linux version 6.16.12\n\x1b[31mred\xff";
    record.initConsole().setText({reinterpret_cast<const kj::byte*>(kText), sizeof kText - 1});
  });
  tape.step_finished(0);
  (void)tape.writer().add_blob("btf", as_bytes(std::string(20'000, 'b')));
}

}  // namespace ktape::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "capture/freeze/freeze_triggers.h"
#include "schema/tape/reading/reader.h"
#include "schema/wire/data.h"
#include "tests/capture/run/engine_fixture.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

inline constexpr int32_t kPid = 70;
inline constexpr int32_t kOther = 71;  // a task that is no worker
inline constexpr uint64_t kStartNs = 5'000'000'000;
inline constexpr uint64_t kErrorStall = 1026;
inline constexpr uint64_t kUnregistered = 64;

struct SeenFreeze {
  schema::FreezeCause cause = schema::FreezeCause::NOT_SAID;
  uint64_t op = 0;
  std::string trigger;
  int32_t vcpu = -1;
  std::string detail;
  std::vector<std::string> hits;  // "VCPU TRIGGER"
  uint64_t interval = 0;
};

// A guest whose kernel has a scheduler that exits, and one of its workers.
class HostFreezesFixture : public EngineFixture {
 public:
  HostFreezesFixture() {
    const GuestVirtual info = kernel_.allocate(64);
    const GuestVirtual reason = kernel_.allocate(32);
    put_text(reason, "stall");
    kernel_.set(info, "struct scx_exit_info", "reason", reason.value);
    message_ = kernel_.allocate(64);
    says("w[70] failed to run for 3.024s");
    kernel_.set(info, "struct scx_exit_info", "msg", message_.value);
    info_ = info;
    scheduler_ = kernel_.allocate(128);
    kernel_.set(scheduler_, "struct scx_sched", "exit_info", info.value);
    worker_ = kernel_.add_task(kPid, "w", kStartNs);
    other_ = kernel_.add_task(kOther, "k]2", kStartNs + 17);
    scx_error_ = {"scx-error", "scx_error_irq_workfn", 2, true};
  }

  // The message of the exit.
  void says(std::string_view message) { put_text(message_, std::string(message) + '\0'); }
  // The worker, or the other task, waits in a DSQ.
  void queue(GuestVirtual task) { kernel_.set_task(task, "scx.dsq", kernel_.allocate(64).value); }
  // Loads the kernel's current state into the machine.
  void load(uint64_t exit_kind = 0) {
    kernel_.set(info_, "struct scx_exit_info", "kind", exit_kind);
    knowledge(kernel_.knowledge(), kernel_.ram());
  }
  void worker() {
    agent_says([](schema::FromAgent::Builder message) {
      auto worker = message.initWorkerStarted();
      worker.setName("w");
      worker.setPid(kPid);
      worker.setStartBoottimeNs(kStartNs);
    });
  }
  // CPU 1 is at a function, called with the scheduler's irq_work.
  void stands_at(const std::string& function) { stand_at({"", function}); }
  // Each CPU is at its own function; empty: elsewhere.
  void stand_at(const std::vector<std::string>& functions) {
    std::vector<VcpuRegisters> registers(functions.size());
    for (size_t i = 0; i < functions.size(); ++i) {
      if (functions[i].empty()) continue;
      registers[i].rip = kernel_.symbol(functions[i]).value;
      registers[i].rdi = kernel_.field(scheduler_, "struct scx_sched", "error_irq_work").value;
    }
    machine().set_registers(registers);
  }
  // The same, but CPU 1 has met a fault there and returned: RFLAGS.RF is set.
  void is_back_at(const std::string& function) {
    std::vector<VcpuRegisters> registers(2);
    registers[1].rip = kernel_.symbol(function).value;
    registers[1].rflags = 0x10293;
    machine().set_registers(registers);
  }
  void attached() {
    agent_says(
        [](schema::FromAgent::Builder message) { message.initSchedulerAttached().setId(1); });
  }
  void breakpoint() { machine().push({MachineEventKind::kBreakpoint, {}, ""}); }
  void finish() {
    done();
    ended();
    CHECK(run().outcome == schema::Outcome::COMPLETED);
  }

  std::vector<SeenFreeze> freezes_seen() const {
    std::vector<SeenFreeze> all;
    read([&](schema::Record::Reader record) {
      if (!record.isFreezeBegan()) return;
      auto freeze = record.getFreezeBegan();
      SeenFreeze& seen = all.emplace_back();
      seen.cause = freeze.getCause();
      seen.op = freeze.getOp();
      seen.trigger = freeze.getTrigger().cStr();
      seen.vcpu = freeze.getVcpu();
      seen.detail = as_text(freeze.getDetail());
      seen.interval = freeze.getInterval();
      for (auto hit : freeze.getHits())
        seen.hits.push_back(std::to_string(hit.getVcpu()) + " " + hit.getTrigger().cStr());
    });
    return all;
  }
  // Tags of the entries that the host requested.
  std::vector<std::string> tags_asked() const {
    std::vector<std::string> asked;
    read([&](schema::Record::Reader record) {
      if (!record.isOpRequested()) return;
      for (auto entry : record.getOpRequested().getEntries())
        asked.push_back(entry.getTag().cStr());
    });
    return asked;
  }
  // Those that were done.
  std::vector<std::string> tags_read() const {
    std::vector<std::string> asked, found;
    read([&](schema::Record::Reader record) {
      if (record.isOpRequested()) {
        CHECK(record.getOpRequested().getGuestRequest() == 0);
        for (auto entry : record.getOpRequested().getEntries())
          asked.push_back(entry.getTag().cStr());
      }
      if (!record.isOpReplied()) return;
      auto entries = record.getOpReplied().getEntries();
      for (unsigned i = 0; i < entries.size(); ++i) {
        if (entries[i].getStatus() == schema::EntryStatus::DONE) found.push_back(asked.at(i));
      }
    });
    return found;
  }
  // The tape's changes of triggers, among the records that mark the time: "symbol:x armed", "step
  // 0".
  std::vector<std::string> changes() const {
    std::vector<std::string> all;
    const std::vector<std::string> names = {"not said", "armed", "not armed", "spent", "given up"};
    read([&](schema::Record::Reader record) {
      if (record.isTriggerChanged()) {
        auto change = record.getTriggerChanged();
        all.push_back(change.getTrigger().cStr() +
                      (" " + names.at(static_cast<size_t>(change.getChange()))));
      }
      if (record.isStepStarted())
        all.push_back("step " + std::to_string(record.getStepStarted().getStep()));
      if (record.isSchedulerAttached()) all.emplace_back("attached");
      if (record.isFreezeBegan())
        all.push_back("freeze " + std::to_string(record.getFreezeBegan().getFreeze()));
    });
    return all;
  }
  // The seal's count of hits: "NAME HITS in FREEZES".
  std::vector<std::string> hits_sealed() const {
    std::vector<std::string> all;
    read([&](schema::Record::Reader record) {
      if (!record.isSealed()) return;
      for (auto trigger : record.getSealed().getTriggers())
        all.push_back(trigger.getName().cStr() + (" " + std::to_string(trigger.getHits())) +
                      " in " + std::to_string(trigger.getFreezes()));
    });
    return all;
  }
  // The seal's line for each trigger: "NAME armed FREEZES".
  std::vector<std::string> triggers_sealed() const {
    std::vector<std::string> all;
    read([&](schema::Record::Reader record) {
      if (!record.isSealed()) return;
      for (auto trigger : record.getSealed().getTriggers())
        all.push_back(trigger.getName().cStr() +
                      std::string(trigger.getArmed() ? " armed " : " not armed ") +
                      std::to_string(trigger.getFreezes()));
    });
    return all;
  }
  [[nodiscard]] uint64_t address(const std::string& function) const {
    return kernel_.symbol(function).value;
  }

  FreezeTrigger scx_error_;
  GuestVirtual worker_, other_;

  void read(const std::function<void(schema::Record::Reader)>& visit) const {
    must(must(TapeReader::open(tape()))->for_each([&](const RecordView& view) -> Result<void> {
      visit(view.record);
      return {};
    }));
  }

 private:
  void put_text(GuestVirtual at, std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) kernel_.put(at + i, static_cast<uint8_t>(text[i]), 1);
  }
  FakeKernel kernel_;
  GuestVirtual info_, message_, scheduler_;
};

}  // namespace ktape::test

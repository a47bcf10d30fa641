// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/reference_check.h"

#include <catch2/catch_test_macros.hpp>

#include "guest/kernel/sched/tasks.h"
#include "replay/tape/tape_index.h"
#include "replay/tape/tape_kernel.h"
#include "schema/tape/reading/reader.h"
#include "tests/support/must.h"
#include "tests/vm/checks/replay_check.h"

namespace ktape::test {

using schema::EntryStatus;
using schema::Outcome;

namespace {

std::string text_at(const Kernel& kernel, const GuestMemory& memory, GuestVirtual address) {
  std::string text(16, '\0');
  must(kernel.read(memory, address, std::as_writable_bytes(std::span(text.data(), text.size()))));
  return text.c_str();
}

// What `--memory sched` promises: the memory of the scheduler, as it was before the ops of each
// freeze.
void check_memory(const Captured& captured) {
  auto tape = must(TapeReader::open(captured.tape));
  const TapeIndex index = must(TapeIndex::make(*tape));
  const Kernel kernel = must(restore_kernel(*tape, index));
  const Btf& btf = kernel.btf();
  LayoutLog log(btf);
  const TaskFinder finder = must(TaskFinder::create(kernel, log));
  std::vector<uint64_t> vtimes;
  for (const Freeze& freeze : index.freezes()) {
    const RecordedMemory memory = must(memory_at(*tape, freeze));
    const Pid pid(captured.facts.workers.at("sleeper"));
    const std::optional<GuestVirtual> task = must(finder.find(memory, pid));
    REQUIRE(task);
    std::vector<std::byte> bytes(must(btf.type("struct task_struct")).size_bytes);
    CHECK(kernel.read(memory, *task, bytes).ok());
    const FieldInfo vtime = must(btf.field("struct task_struct", "scx.dsq_vtime"));
    vtimes.push_back(must(kernel.read_uint(memory, *task + vtime.offset_bytes, 8)));

    bytes.resize(must(btf.type("struct rq")).size_bytes);
    for (uint32_t cpu = 0; cpu < kernel.facts().cpus; ++cpu) {
      CHECK(kernel.read(memory, must(kernel.per_cpu(memory, "runqueues", CpuId(cpu))), bytes).ok());
    }
    const GuestVirtual scheduler(
        must(kernel.read_uint(memory, must(kernel.symbol("scx_root")), 8)));
    const FieldInfo name = must(btf.field("struct scx_sched", "ops.name"));
    CHECK(text_at(kernel, memory, scheduler + name.offset_bytes) == "ktape_vtime");
  }
  REQUIRE(vtimes.size() >= 2);  // of each try of the write, then of each of the reads
  CHECK(vtimes.front() != kThirtyDaysNs);
  CHECK(vtimes.back() == kThirtyDaysNs);
}

}  // namespace

void check_reference(const Captured& captured) {
  INFO(captured.program.output);
  const TapeFacts& facts = captured.facts;
  CHECK(captured.program.exit_status == 0);
  REQUIRE(facts.outcome == Outcome::COMPLETED);
  CHECK(facts.exit_code == 0);
  CHECK(facts.vmcoreinfo_agrees);

  CHECK(facts.requests == 2);  // the write, and the three reads merged into one
  CHECK(facts.replies == 2);
  CHECK(facts.tries >= 2);
  CHECK(facts.freezes == facts.tries);
  CHECK(facts.thaws == facts.tries);
  for (const auto& [tag, entry] : facts.entries) {
    INFO("entry " << tag << ": " << entry.reason);
    CHECK(entry.status == EntryStatus::DONE);
    CHECK(entry.failed.empty());
  }
  const EntryFacts& vtime = facts.entries.at("verify_dsq_vtime");
  CHECK(vtime.value == kThirtyDaysNs);
  CHECK(vtime.width_bytes == 8);
  CHECK(vtime.gates == 13);  // it asks for a consistent value
  CHECK(facts.entries.at("verify_rq_nr_running").width_bytes == 4);
  CHECK(facts.entries.at("verify_jiffies_64").value > 0);
  CHECK(facts.scheduler_exit_kinds ==
        std::vector<uint64_t>{64});  // SCX_EXIT_UNREG: detached at the end

  ChildResult check = run_built("ktape-check", {captured.tape});
  INFO(check.output);
  CHECK(check.exit_status == 0);
  check_memory(captured);
  check_replay(captured);
  CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
}

}  // namespace ktape::test

// SPDX-License-Identifier: Apache-2.0
// Whether values read in a freeze can be trusted, on the tapes of real kernels.
#include <capnp/message.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <functional>

#include "analyzers/assertion.h"
#include "guest/kernel/ops/op_executor.h"
#include "guest/kernel/sched/dsq_lock.h"
#include "schema/terms/entry_note.h"
#include "schema/wire/data.h"
#include "tests/golden/recorded_kernel.h"
#include "tests/support/kernel/make_op.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

// Judges a golden tape with freeze-consistent, after `change` was applied to each record.
std::unique_ptr<Assertion> evaluated(const std::string& name,
                                     const std::function<void(schema::Record::Builder)>& change) {
  std::unique_ptr<Assertion> assertion = make_assertion();
  const auto tape = must(TapeReader::open(KTAPE_GOLDEN "/" + name));
  must(tape->for_each([&](const RecordView& view) -> Result<void> {
    capnp::MallocMessageBuilder message;
    message.setRoot(view.record);
    auto record = message.getRoot<schema::Record>();
    change(record);
    assertion->visit({view.seq, view.kind, view.known, record.asReader()});
    return {};
  }));
  assertion->finish(TapeState::kSealed);
  return assertion;
}

// The worker that waits in the scheduler's own queue, behind or before another.
OpResult read_waiting(const RecordedKernel& recorded, const GuestMemory& memory,
                      std::string_view path) {
  OpExecutor executor(recorded.kernel());
  return executor.read(memory, {read_of({recorded.worker("spin0"), must(parse_target_path(path))})})
      .at(0);
}

}  // namespace

TEST_CASE(
    "values from real kernels in a freeze pass, and would be marked if their runqueue had been "
    "locked") {
  const std::string tape = GENERATE(as<std::string>(), "queued_spinners-6.16.12.ktape",
                                    "queued_spinners-6.19.14.ktape", "queued_spinners-7.3.4.ktape");
  INFO(tape);
  const auto as_it_is = evaluated(tape, [](schema::Record::Builder) {});
  CHECK(as_it_is->verdict() == Verdict::kPass);
  REQUIRE(as_it_is->confirmed().count() == 1);
  CHECK(as_it_is->confirmed().first()[0].text ==
        "freeze 2: 2 values read, none of their locks or sequence counts was held");

  const auto locked = evaluated(tape, [](schema::Record::Builder record) {
    if (!record.isFrozen()) return;
    for (auto vcpu : record.getFrozen().getVcpus()) vcpu.setRunqueueLocked(vcpu.getCpu() == 1);
  });
  CHECK(locked->verdict() == Verdict::kInconclusive);
  const auto& marked =
      locked->undecided().first();  // on one kernel the sleeper was on that CPU too
  CHECK(std::any_of(marked.begin(), marked.end(), [](const Finding& finding) {
    return finding.text.starts_with(
        "'waiting' was read in freeze 2 while the runqueue lock of CPU 1 was held");
  }));
}

TEST_CASE("jiffies from a real kernel would be marked if their sequence count had been odd") {
  const std::string tape = GENERATE(as<std::string>(), "kernel-6.16.12.ktape",
                                    "kernel-6.19.14.ktape", "kernel-7.3.4.ktape");
  INFO(tape);
  const auto with_count = [&](uint32_t sequence) {
    return evaluated(tape, [=](schema::Record::Builder record) {
      if (!record.isFrozen()) return;
      auto count = record.getFrozen().initSeqcounts(1)[0];
      count.setName("jiffies_seq");
      count.setSequence(sequence);
    });
  };
  CHECK(with_count(4712)->verdict() == Verdict::kPass);
  const auto odd = with_count(4711);
  CHECK(odd->verdict() == Verdict::kInconclusive);
  REQUIRE(odd->undecided().count() == 1);
  CHECK(odd->undecided().first()[0].text.ends_with(
      " was read in freeze 2 while jiffies_seq was odd"));
}

TEST_CASE("a read of a real kernel's dispatch queue says whether its lock was held") {
  const RecordedKernel recorded(
      "queued_spinners-" + GENERATE(as<std::string>(), "6.16.12", "6.19.14", "7.3.4") + ".ktape");
  RecordedMemory memory = recorded.memory();
  const OpResult free = read_waiting(recorded, memory, "scx.dsq->nr");
  INFO(free.reason);
  CHECK(free.status == schema::EntryStatus::DONE);
  CHECK(free.note == kDsqLockFree);
  CHECK(read_waiting(recorded, memory, "scx.dsq").note.empty());

  const GuestVirtual dsq(number_in(read_waiting(recorded, memory, "scx.dsq").value.value()));
  const FieldInfo lock =
      must(recorded.kernel().btf().field(kDispatchQueue, "lock.raw_lock.val.counter"));
  const uint32_t locked = 1;
  must(recorded.kernel().write(memory, dsq + lock.offset_bytes,
                               std::as_bytes(std::span(&locked, 1))));
  CHECK(read_waiting(recorded, memory, "scx.dsq->nr").note == kDsqLockHeld);
  CHECK(read_waiting(recorded, memory, "scx.dsq").note == kDsqLockHeld);
  CHECK(read_waiting(recorded, memory, "pid").note.empty());
}

}  // namespace ktape::test

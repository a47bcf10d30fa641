// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/analyzers/tape_under_test.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

// A read of a 4-byte per-CPU member as u32.
TapeEntry nr_running() {
  TapeEntry entry;
  entry.tag = "nr";
  entry.target = per_cpu_target("runqueues", 0, "nr_running");
  entry.asked = schema::ValueKind::U32;
  entry.value = 2;
  entry.width_bytes = 4;
  entry.type = "unsigned int";
  entry.width_checked = true;
  return entry;
}

}  // namespace

TEST_CASE("a per-CPU read of the width that BTF gives passes") {
  TapeUnderTest tape;
  tape->op({nr_running()});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
  CHECK(tape.confirmed() ==
        "seq 5: 'nr': runqueues[cpu 0].nr_running is 4 bytes wide, unsigned int\n");
}

TEST_CASE("a per-CPU read that was refused is violated, with the reason") {
  TapeUnderTest tape;
  TapeEntry entry = nr_running();
  entry.status = schema::EntryStatus::REFUSED;
  entry.reason = "got u64, expected u32";
  tape->op({nr_running(), entry});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() == "seq 5: the read as 'nr' was refused: got u64, expected u32\n");
}

TEST_CASE("a per-CPU read that was refused as the scenario expects violates nothing") {
  TapeUnderTest tape;
  tape->op({nr_running()});
  tape->request({nr_running()});
  tape->add([](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(2);
    reply.setAsExpected(true);
    reply.initEntries(1)[0].setStatus(schema::EntryStatus::REFUSED);
  });
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("a per-CPU read that failed is violated") {
  TapeUnderTest tape;
  TapeEntry entry = nr_running();
  entry.status = schema::EntryStatus::FAILED;
  tape->op({entry});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kFail);
  CHECK(tape.violated() == "seq 5: the read as 'nr' failed\n");
}

TEST_CASE("a reply to the whole request that is an error is violated by its text") {
  TapeUnderTest tape;
  tape->request({nr_running()});
  tape->add([](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(1);
    reply.setError("the kernel was not adopted");
  });
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 2: the read as 'nr' was not answered: the kernel was not adopted\n");
}

TEST_CASE("a per-CPU read that failed on a machine that was lost is inconclusive") {
  TapeUnderTest tape;
  TapeEntry entry = nr_running();
  entry.status = schema::EntryStatus::FAILED;
  tape->op({entry});
  tape.evaluate(schema::Outcome::MACHINE_LOST, -1);
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 5: the read as 'nr' failed (the machine was lost)\n");
}

TEST_CASE("a per-CPU value of another width than asked is violated") {
  TapeUnderTest tape;
  TapeEntry entry = nr_running();
  entry.width_bytes = 8;
  tape->op({entry});
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 5: 'nr': runqueues[cpu 0].nr_running is 8 bytes wide, 4 were requested\n");
}

TEST_CASE("a width that was never checked against BTF is violated") {
  TapeUnderTest tape;
  TapeEntry entry = nr_running();
  entry.width_checked = false;
  tape->op({entry});
  tape.evaluate();
  CHECK(tape.violated() ==
        "seq 5: 'nr': runqueues[cpu 0].nr_running: its width was not checked against BTF\n");
}

TEST_CASE("a per-CPU read that takes its width from BTF passes with any") {
  TapeUnderTest tape;
  TapeEntry entry = nr_running();
  entry.asked = schema::ValueKind::AUTO;
  entry.width_bytes = 8;
  tape->op({entry});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kPass);
}

TEST_CASE("a per-CPU read of bytes has the requested length, and no type to check against") {
  TapeUnderTest tape;
  auto read_bytes = [&](uint32_t asked, uint32_t got) {
    tape->add([&](schema::Record::Builder record) {
      auto entry = record.initOpRequested().initEntries(1)[0];
      entry.setTag("raw");
      per_cpu_target("runqueues", 1, "")(entry.initTarget());
      entry.setRead(schema::ValueKind::BYTES);
      entry.setLength(asked);
    });
    tape->add([&](schema::Record::Builder record) {
      auto entry = record.initOpReplied().initEntries(1)[0];
      entry.setStatus(schema::EntryStatus::DONE);
      entry.initValue().initBytes(got);
      entry.setWidthBytes(got);
    });
  };
  read_bytes(16, 16);
  read_bytes(16, 12);
  tape.evaluate();
  CHECK(tape.confirmed() == "seq 2: 'raw': runqueues[cpu 1] is 16 bytes wide\n");
  CHECK(tape.violated() == "seq 4: 'raw': runqueues[cpu 1] has 12 bytes, 16 were requested\n");
}

TEST_CASE("a request that was never answered is inconclusive") {
  TapeUnderTest tape;
  tape->op({nr_running()});
  tape->request({nr_running()});
  tape.evaluate(schema::Outcome::GUEST_PANICKED, -1);
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 6: request 2 ('nr') was never answered\n");
}

TEST_CASE("a tape without per-CPU reads is inconclusive and names the tags it has") {
  TapeUnderTest tape;
  tape->op(
      {{.tag = "b", .target = symbol_target("x")}, {.tag = "a", .target = symbol_target("y")}});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
  CHECK(tape.undecided() == "seq 0: the tape has no per-CPU read; tags found: 'a', 'b'\n");
  CHECK_THAT(tape.ktap(),
             ContainsSubstring("ok 1 percpu-typed # SKIP inconclusive: the tape has no per-CPU "
                               "read; tags found: 'a', 'b'\n"));
}

TEST_CASE("a write to a per-CPU target is not a read") {
  TapeUnderTest tape;
  TapeEntry entry = nr_running();
  entry.write = 3;
  tape->op({entry});
  tape.evaluate();
  CHECK(tape.verdict() == Verdict::kInconclusive);
}

}  // namespace ktape::test

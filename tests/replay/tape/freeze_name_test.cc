// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <set>

#include "schema/base/child.h"
#include "tests/replay/fake_tape.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

struct FreezeNameFixture {
  TempDir folder;
  FakeTape tape = FakeTape(folder.file("run.ktape"));
};

// Its standard output and error.
ChildResult program(const std::string& name, const std::string& arguments) {
  const std::string line = KTAPE_BIN "/" + name + " " + arguments + " 2>&1";
  return must(run_child("/bin/sh", {"-c", line}, 1 << 20));
}

// Makes the freezes with these numbers those of a scheduler's error.
std::function<void(schema::Record::Builder)> on_error(std::set<uint64_t> freezes) {
  return [freezes](schema::Record::Builder record) {
    if (!record.isFreezeBegan() || !freezes.contains(record.getFreezeBegan().getFreeze())) return;
    auto began = record.getFreezeBegan();
    began.setCause(schema::FreezeCause::TRIGGER);
    auto hits = began.initHits(2);
    hits[0].setTrigger("symbol:schedule");
    hits[1].setTrigger("scx-error");
  };
}

// Serves a read of a value that is 100 + the freeze's number.
void serve_three(FakeTape& tape) {
  for (const uint64_t freeze : {1, 2, 3}) {
    tape.kernel().set_task(tape.task(), "scx.dsq_vtime", 100 + freeze);
    tape.serve({read_line("jiffies_64:u64")});
  }
}

}  // namespace

TEST_CASE_METHOD(FreezeNameFixture, "freeze:error is the last freeze on a scheduler's error") {
  tape.set_edit(on_error({1, 2}));
  serve_three(tape);
  const std::string tape_path = tape.seal().path;
  const auto value_at = [&](const std::string& freeze) {
    return program("ktape-read", tape_path + " --at " + freeze + " task:sleeper.scx.dsq_vtime")
        .output;
  };
  CHECK_THAT(value_at("freeze:error"), ContainsSubstring("scx.dsq_vtime = 102\n"));
  CHECK_THAT(value_at("freeze:last"), ContainsSubstring("scx.dsq_vtime = 103\n"));
  const auto shown = [&](const std::string& freeze) {
    return program("ktape-show", tape_path + " --freeze " + freeze).output;
  };
  CHECK_THAT(shown("error"), ContainsSubstring("freeze 2 "));
  CHECK(shown("error") == shown("2"));
  CHECK(shown("freeze:2") == shown("2"));
  CHECK(shown("last") == shown("3"));
  CHECK(shown("3") != shown("2"));
}

TEST_CASE_METHOD(FreezeNameFixture, "a tape without a freeze on a scheduler's error says so") {
  serve_three(tape);
  const std::string tape_path = tape.seal().path;
  const std::string error =
      "the tape has no freeze on a scheduler's error\nhint: 'ktape read TAPE' lists its freezes\n";
  const auto output = [&](const std::string& name, const std::string& options) {
    const ChildResult child = program(name, tape_path + " " + options);
    CHECK(child.exit_status == 77);
    return child.output;
  };
  CHECK(output("ktape-read", "--at freeze:error jiffies_64:u64") == "ktape read: " + error);
  CHECK(output("ktape-show", "--freeze error") == "ktape show: " + error);
  const std::string core = folder.file("core");
  CHECK(output("ktape-export", "--core freeze:error -o " + core) == "ktape export: " + error);
}

TEST_CASE_METHOD(FreezeNameFixture, "show refuses what does not name a freeze") {
  tape.serve({read_line("jiffies_64:u64")});
  const ChildResult child = program("ktape-show", tape.seal().path + " --freeze 1x");
  CHECK(child.exit_status == 2);
  CHECK(child.output ==
        "ktape show: --freeze: got '1x', expected a freeze's number, 'last' or 'error'\n");
}

}  // namespace ktape::test

// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/base/child.h"
#include "schema/wire/data.h"
#include "tests/replay/fake_tape.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"

// Tapes with false pages, types and symbols. Each has to end in an error that names what is wrong.

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

struct HostileMemory {
  std::string tape(const FakeTape::EditKernel& edit = {}) {
    FakeTape made(folder.file("run.ktape"), edit);
    made.serve({read_line("task:sleeper.scx.dsq_vtime")});
    return made.seal().path;
  }

  // Both programs fail like this; returns the output of read.
  std::string refused(const std::string& path, int status = 3) {
    CHECK(run("ktape-replay " + path).exit_status == status);
    const ChildResult read =
        run("ktape-read " + path + " --at freeze:1 task:sleeper.scx.dsq_vtime");
    CHECK(read.exit_status == status);
    return read.output;
  }

  ChildResult run(const std::string& line) {
    return must(run_child("/bin/sh", {"-c", std::string(KTAPE_BIN "/") + line + " 2>&1"}, 1 << 20));
  }

  TempDir folder;
};

void set_blob(TapeWriter& writer, std::span<const std::byte> content, const char* name,
              const std::function<void(capnp::Data::Reader)>& set) {
  const Digest hash = must(writer.add_blob(name, content));
  set(as_data(std::span<const std::byte>(hash)));
}

}  // namespace

TEST_CASE_METHOD(HostileMemory, "rows of freeze_page that were changed are refused") {
  const std::string path = tape();
  SECTION("a page that became zeroes") {
    sql(path,
        "UPDATE freeze_page SET hash = NULL WHERE frame = (SELECT max(frame) FROM freeze_page "
        "WHERE hash NOT "
        "NULL)");
  }
  SECTION("a row that is gone") { sql(path, "DELETE FROM freeze_page WHERE frame = 3"); }
  SECTION("two pages that changed places") {
    sql(path,
        "UPDATE freeze_page SET hash = (SELECT hash FROM freeze_page WHERE frame = 512) WHERE "
        "frame = 514");
  }
  CHECK_THAT(refused(path),
             ContainsSubstring("the freeze_page rows of freeze 1 do not match record "));
}

TEST_CASE_METHOD(HostileMemory, "invalid rows of freeze_page are refused") {
  const std::string path = tape();
  SECTION("beyond memory") {
    sql(path, "UPDATE freeze_page SET frames = 9223372036854775807 WHERE frame = 0");
    CHECK_THAT(refused(path), ContainsSubstring("freeze_page (freeze 1, frame 0) "));
  }
  SECTION("a run of pages with one content") {
    sql(path,
        "UPDATE freeze_page SET frames = 2 WHERE frame = (SELECT max(frame) FROM freeze_page WHERE "
        "hash NOT "
        "NULL)");
    CHECK_THAT(refused(path), ContainsSubstring("freeze_page (freeze 1, frame "));
  }
}

TEST_CASE_METHOD(HostileMemory, "a page with other content is refused by its hash") {
  const std::string path = tape();
  sql(path, "UPDATE page SET codec = 0, data = zeroblob(4096)");
  CHECK_THAT(refused(path), ContainsSubstring("does not match its hash"));
}

TEST_CASE_METHOD(HostileMemory, "type information that is garbage is refused") {
  const auto garbage = [](schema::KernelIdentified::Builder kernel, TapeWriter& writer) {
    set_blob(writer, as_bytes("not BTF"), "btf", [&](auto hash) { kernel.setBtfDigest(hash); });
  };
  CHECK_THAT(refused(tape(garbage)), ContainsSubstring("ktape read: blob 'btf': "));
}

TEST_CASE_METHOD(HostileMemory,
                 "type information cut short anywhere is refused or read, and ends") {
  FakeKernel kernel;
  const std::vector<std::byte> whole = kernel.knowledge()->btf_raw;
  for (size_t part = 0; part < 8; ++part) {
    TempDir own;
    FakeTape made(own.file("run.ktape"),
                  [&](schema::KernelIdentified::Builder to, TapeWriter& writer) {
                    set_blob(writer, std::span(whole).first(whole.size() * part / 8), "btf",
                             [&](auto hash) { to.setBtfDigest(hash); });
                  });
    made.serve({read_line("task:sleeper.scx.dsq_vtime")});
    CHECK(run("ktape-replay " + made.seal().path).exit_status == 3);
  }
}

TEST_CASE_METHOD(HostileMemory,
                 "a symbol table that is garbage, or lacks what is needed, is refused") {
  const auto symbols = [](std::string text) {
    return [=](schema::KernelIdentified::Builder kernel, TapeWriter& writer) {
      set_blob(writer, as_bytes(text), "symbols",
               [&](auto hash) { kernel.setSymbolsDigest(hash); });
    };
  };
  SECTION("garbage") {
    CHECK_THAT(refused(tape(symbols("\x01\x02"))),
               ContainsSubstring("blob 'symbols': symbol table line 1: "));
  }
  SECTION("without page tables") {
    CHECK_THAT(refused(tape(symbols("ffffffff81000000 T _text\n"))),
               ContainsSubstring("(kernelIdentified): kernel has no symbol 'init_top_pgt'"));
  }
}

TEST_CASE_METHOD(HostileMemory, "impossible facts of the kernel are refused, naming the record") {
  const auto edited = [](void (*edit)(schema::KernelIdentified::Builder)) {
    return [=](schema::KernelIdentified::Builder kernel, TapeWriter&) { edit(kernel); };
  };
  SECTION("CPUs") {
    CHECK_THAT(
        refused(tape(edited([](auto kernel) { kernel.setCpus(4'000'000'000); }))),
        ContainsSubstring("record 2 (kernelIdentified): 4000000000 CPUs, expected 1 to 8192"));
  }
  SECTION("paging levels") {
    CHECK_THAT(refused(tape(edited([](auto kernel) { kernel.setPagingLevels(4'000'000'000); }))),
               ContainsSubstring("record 2 (kernelIdentified): 99 paging levels"));
  }
  SECTION("a blob that is not there") {
    CHECK_THAT(refused(tape(edited(
                   [](auto kernel) { kernel.setBtfDigest(as_data(std::string(32, 'x'))); }))),
               ContainsSubstring("the kernel's btf: there is no blob "));
  }
  SECTION("no blob named") {
    CHECK_THAT(refused(tape(edited([](auto kernel) { kernel.setBtfDigest({}); })), 77),
               ContainsSubstring("names no blob with the kernel's btf"));
  }
}

TEST_CASE_METHOD(
    HostileMemory,
    "a slide that is not the kernel's leads to memory that was not captured, or to another place") {
  const auto slid = [](schema::KernelIdentified::Builder kernel, TapeWriter&) {
    kernel.setPhysBase(kernel.getPhysBase() + (uint64_t{1} << 45));
  };
  CHECK_THAT(refused(tape(slid), 77), ContainsSubstring(": not captured\n"));
}

TEST_CASE_METHOD(HostileMemory, "a record that was edited is refused by both programs") {
  const std::string path = tape();
  sql(path,
      "UPDATE event SET record = CAST(replace(record, 'sleeper', 'slaaper') AS BLOB) WHERE seq = "
      "4");
  CHECK_THAT(refused(path), ContainsSubstring("is altered: record 4 is not as it was recorded"));
}

}  // namespace ktape::test

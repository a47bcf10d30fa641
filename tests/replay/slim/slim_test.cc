// SPDX-License-Identifier: Apache-2.0
#include "replay/slim/slim.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/types/btf_table.h"
#include "replay/slim/slim_btf.h"
#include "replay/slim/slim_symbols.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
#include "schema/wire/data.h"
#include "tests/replay/fake_tape.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

// A tape of a fake kernel.
struct SlimFixture {
  SlimFixture() {
    FakeTape tape(folder.file("run.ktape"));
    tape.builder().triggers = {{"symbol:schedule", true, 3}};
    tape.serve({read_line("task:77.scx.dsq_vtime")});
    source = tape.seal();
  }

  [[nodiscard]] std::string out() const { return folder.file("slim.ktape"); }

  TempDir folder;
  SealedTape source;
};

// The stored form of each record, except those of the kernel and the seal.
std::vector<std::string> records_of(const std::string& path) {
  std::vector<std::string> records;
  const auto reader = must(TapeReader::open(path));
  must(reader->for_each([&](const RecordView& view) -> Result<void> {
    const bool rewritten =
        view.record.isKernelIdentified() || view.record.isSlimmed() || view.record.isSealed();
    if (!rewritten) records.emplace_back(view.record.toString().flatten().cStr());
    return {};
  }));
  return records;
}

std::vector<std::byte> stock_btf() {
  return must(learn_kernel(must(load_kernel_image(cached_kernel("6.16"))).vmlinux))->btf_raw;
}

}  // namespace

TEST_CASE_METHOD(SlimFixture, "a slim tape is intact and keeps the records") {
  const SealedTape slim = must(slim_tape(source.path, out()));
  CHECK(must(verify(out(), slim.head)).integrity == Integrity::kIntact);
  CHECK(records_of(out()) == records_of(source.path));
  CHECK(slim.pages == source.pages);
}

TEST_CASE_METHOD(SlimFixture, "a slim tape has the results of the triggers") {
  (void)must(slim_tape(source.path, out()));
  uint64_t freezes = 0;
  must(must(TapeReader::open(out()))->for_each([&](const RecordView& view) -> Result<void> {
    if (!view.record.isSealed()) return {};
    for (auto trigger : view.record.getSealed().getTriggers()) freezes += trigger.getFreezes();
    return {};
  }));
  CHECK(freezes == 3);
}

TEST_CASE_METHOD(SlimFixture, "a slim tape says before its seal which tape it was made from") {
  const SealedTape slim = must(slim_tape(source.path, out()));
  uint64_t marked_at = 0;
  must(must(TapeReader::open(out()))->for_each([&](const RecordView& view) -> Result<void> {
    if (!view.record.isSlimmed()) return {};
    marked_at = view.seq.value;
    const Digest& head = source.head;
    CHECK(as_text(view.record.getSlimmed().getHead()) == as_text(as_data(head)));
    CHECK(std::string(view.record.getSlimmed().getKtapeVersion().cStr()) == KTAPE_VERSION);
    return {};
  }));
  CHECK(marked_at == slim.records - 1);
}

TEST_CASE_METHOD(SlimFixture,
                 "a slim tape is not slimmed again, and nothing is left of the attempt") {
  must(slim_tape(source.path, out()));
  const auto again = slim_tape(out(), folder.file("again.ktape"));
  REQUIRE(!again.ok());
  CHECK(again.error().code == ErrorCode::kRefused);
  CHECK_THAT(again.error().message, ContainsSubstring("is already slim"));
  CHECK(!std::filesystem::exists(folder.file("again.ktape")));
  CHECK(!std::filesystem::exists(folder.file("again.ktape.partial")));
}

TEST_CASE_METHOD(SlimFixture, "slimming overwrites nothing") {
  std::ofstream(out()) << "something";
  const auto slim = slim_tape(source.path, out());
  REQUIRE(!slim.ok());
  CHECK(slim.error().code == ErrorCode::kUsage);
  CHECK(std::filesystem::file_size(out()) == 9);
}

TEST_CASE_METHOD(SlimFixture, "an altered tape is not slimmed") {
  std::ofstream(source.path, std::ios::app) << "more";
  const auto slim = slim_tape(source.path, out());
  REQUIRE(!slim.ok());
  CHECK(slim.error().code == ErrorCode::kBadInput);
  CHECK(!std::filesystem::exists(out()));
}

TEST_CASE("a recording that was never sealed is not slimmed") {
  const TempDir folder;
  const FakeTape tape(folder.file("run.ktape"));
  const auto slim = slim_tape(folder.file("run.ktape.partial"), folder.file("slim.ktape"));
  REQUIRE(!slim.ok());
  CHECK(!std::filesystem::exists(folder.file("slim.ktape")));
}

TEST_CASE(
    "slim types of a stock kernel have the members of the full ones, in a fiftieth of the size") {
  const std::vector<std::byte> raw = stock_btf();
  const BtfRoots roots{
      {"struct task_struct", "struct rq", "enum pid_type", "pid_t"}, {"scx_"}, {"runqueues"}};
  const std::vector<std::byte> slim = must(slim_btf(raw, roots));
  CHECK(slim.size() * 50 < raw.size());
  const auto whole = must(Btf::parse(raw));
  const auto kept = must(Btf::parse(slim));
  for (const char* name :
       {"struct task_struct", "struct rq", "struct scx_dispatch_q", "struct sched_entity"}) {
    CAPTURE(name);
    const auto before = must(whole->members(must(whole->type(name)).id));
    const auto after = must(kept->members(must(kept->type(name)).id));
    REQUIRE(before.size() == after.size());
    for (size_t i = 0; i < before.size(); ++i) {
      CAPTURE(before[i].name);
      CHECK(after[i].name == before[i].name);
      CHECK(after[i].bit_offset == before[i].bit_offset);
      CHECK(after[i].bits == before[i].bits);
      CHECK(must(kept->type(after[i].type_id)).size_bytes ==
            must(whole->type(before[i].type_id)).size_bytes);
    }
  }
  CHECK(must(kept->variable("runqueues")).name == "struct rq");
  CHECK(kept->enumerator("pid_type", "PIDTYPE_SID") ==
        whole->enumerator("pid_type", "PIDTYPE_SID"));
  CHECK(kept->enumerator("scx_exit_kind", "SCX_EXIT_ERROR") ==
        whole->enumerator("scx_exit_kind", "SCX_EXIT_ERROR"));
  CHECK(must(kept->field("struct task_struct", "mm")).type.name == "struct mm_struct *");
}

TEST_CASE("BTF that cannot be used is refused by the slimmer") {
  CHECK(slim_btf(std::vector<std::byte>(100), {}).error().code == ErrorCode::kBadInput);
}

TEST_CASE("slim symbols name what was kept, and mark what was left out") {
  const SymbolTable whole =
      must(SymbolTable::from_text("0000000000001000 T _text\n0000000000001100 t "
                                  "one\n0000000000001200 t two\n0000000000001300 t three\n"
                                  "0000000000001400 d scx_root\n0000000000001500 T _end\n"));
  const SymbolTable slim = must(slim_symbols(whole, {{}, {0x1234}}));
  CHECK(slim.describe(0x1010) == "_text+0x10");
  CHECK(slim.describe(0x1110) == "left_out+0x10");
  CHECK(slim.describe(0x1234) == "two+0x34");
  CHECK(slim.describe(0x1300) == "left_out");
  CHECK(slim.find("scx_root") == 0x1400);
  CHECK(!slim.find("one"));
}

}  // namespace ktape::test

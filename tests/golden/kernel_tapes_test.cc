// SPDX-License-Identifier: Apache-2.0
#include <bpf/btf.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>

#include "replay/child.h"
#include "replay/tape_kernel.h"
#include "tests/support/must.h"

// Slim tapes of real runs on three kernels. Whatever becomes of ktape, it reads them, replays each gate and
// each reply as it was recorded, and judges them as it did; and it answers questions that nobody asked
// when they were captured.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

struct GoldenTape {
  std::string name;
  std::string head;
  std::string counts;   // of what replay compares
  std::string jiffies;  // the verdict of jiffies-nonzero
  int check_status = 0;
  std::string queued;  // who waits in the queue of 'spin0' at the last freeze; empty: no such worker

  [[nodiscard]] std::string path() const { return KTAPE_GOLDEN "/" + name + ".ktape"; }
};

constexpr char kFourEntries[] = R"("entries":"4","gates":"24","freezes":"2","layouts":"28")";
constexpr char kFourEntries73[] = R"("entries":"4","gates":"24","freezes":"2","layouts":"29")";
constexpr char kThreeEntries[] = R"("entries":"3","gates":"24","freezes":"2","layouts":"28")";
constexpr char kThreeEntries73[] = R"("entries":"3","gates":"24","freezes":"2","layouts":"29")";

const std::vector<GoldenTape>& tapes() {
  static const std::vector<GoldenTape> all = {
      {"cold_path_roundtrip-6.16.12", "00515e0fcd746f4ea06e59c5eb9ecdf68b6103e400f0b9871009c2e5486845d1",
       kFourEntries, "ok", 0, ""},
      {"cold_path_roundtrip-6.19.14", "b88db27ca56c0bd68e43bf280b51cbdd480e447fdbfbcc49ae28e7b5b8d99d4c",
       kFourEntries, "ok", 0, ""},
      {"cold_path_roundtrip-7.3.4", "7e7dbec9727e643e3ad515f146f0bd73f04ac8aaa72b524e655797102d1766fa",
       kFourEntries73, "ok", 0, ""},
      {"queued_spinners-6.16.12", "fd36a7b6e18032872ced33a44c98123163f0080ed277cc3717b46985c99df34c",
       kThreeEntries, "skip", 77, R"("spin0", "spin2")"},
      {"queued_spinners-6.19.14", "91fe0c5222975c7b2d5bf945db91a9de5d1d79f1956832c3d4bd656d8621201f",
       kThreeEntries, "skip", 77, R"("spin2", "spin0")"},
      {"queued_spinners-7.3.4", "489f19ef0323ca50dad5552c117ad6abd77bf5b954919bdd1937555ab306c7f6",
       kThreeEntries73, "skip", 77, R"("spin0", "spin2")"},
  };
  return all;
}

std::vector<GoldenTape> queued_tapes() { return {tapes().begin() + 3, tapes().end()}; }

ChildResult run_program(const std::string& name, const std::vector<std::string>& arguments) {
  return must(run_child(std::string(KTAPE_BIN "/") + name, arguments, 1 << 24));
}

ChildResult read_at_last(const GoldenTape& tape, const std::string& target) {
  return run_program("ktape-read", {tape.path(), "--at", "freeze:last", target});
}

// Of each assertion in KTAP: "ok", "not ok" or "skip".
std::map<std::string, std::string> verdicts(const std::string& ktap) {
  std::map<std::string, std::string> found;
  std::istringstream lines(ktap);
  for (std::string line; std::getline(lines, line);) {
    const bool bad = line.starts_with("not ok ");
    if (!bad && !line.starts_with("ok ")) continue;
    std::istringstream words(line.substr(bad ? 7 : 3));
    std::string number, name;
    words >> number >> name;
    found[name] = bad ? "not ok" : line.find("# SKIP") != std::string::npos ? "skip" : "ok";
  }
  return found;
}

Kernel kernel_of(const GoldenTape& tape) {
  const auto reader = must(JournalReader::open(tape.path()));
  return must(restore_kernel(*reader, must(TapeIndex::make(*reader))));
}

// Fields that the capture looked up.
std::string layouts_of(const GoldenTape& tape) {
  std::string paths;
  const auto reader = must(JournalReader::open(tape.path()));
  must(reader->for_each([&](const RecordView& view) -> Result<void> {
    if (view.record.isLayoutUsed()) paths += view.record.getLayoutUsed().getPath().cStr() + std::string("\n");
    return {};
  }));
  return paths;
}

}  // namespace

TEST_CASE("a golden tape is intact, is the one that was made, and has less than 1 MB") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  CHECK(run_program("ktape-verify", {tape.path(), "--expect", tape.head}).exit_status == 0);
  CHECK(std::filesystem::file_size(tape.path()) < 1'000'000);
}

TEST_CASE("a golden tape replays: every gate, reply, layout and all evidence is as recorded") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  const ChildResult replay = run_program("ktape-replay", {tape.path(), "--json"});
  CHECK(replay.exit_status == 0);
  CHECK_THAT(replay.output, StartsWith(R"({"requests":"2","replayed":"2",)"));
  CHECK_THAT(replay.output, ContainsSubstring(tape.counts));
  CHECK_THAT(replay.output, ContainsSubstring(R"("differenceCount":"0")"));
}

TEST_CASE("a golden tape has the verdicts that it had when it was made") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  const ChildResult check = run_program("ktape-check", {tape.path()});
  CHECK(check.exit_status == tape.check_status);
  auto found = verdicts(check.output);
  for (const char* name : {"freeze-order", "gates-complete", "no-scheduler-error", "op-pairing",
                           "percpu-typed", "run-completed", "vtime-monotonic"}) {
    CAPTURE(name);
    CHECK(found[name] == "ok");
  }
  CHECK(found["jiffies-nonzero"] == tape.jiffies);
}

TEST_CASE("a golden tape says that it is slim") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  CHECK_THAT(run_program("ktape-show", {tape.path()}).output, ContainsSubstring("slim"));
}

TEST_CASE("libbpf reads the types of a golden tape") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  const Kernel kernel = kernel_of(tape);
  const std::vector<std::byte>& raw = kernel.knowledge().btf_raw;
  const std::unique_ptr<struct btf, void (*)(struct btf*)> theirs(
      btf__new(raw.data(), static_cast<uint32_t>(raw.size())), [](struct btf* btf) { btf__free(btf); });
  REQUIRE(theirs != nullptr);
  const int task = btf__find_by_name_kind(theirs.get(), "task_struct", BTF_KIND_STRUCT);
  REQUIRE(task > 0);
  CHECK(btf__resolve_size(theirs.get(), static_cast<uint32_t>(task)) ==
        static_cast<int64_t>(must(kernel.btf().type("struct task_struct")).size_bytes));
}

TEST_CASE("a golden tape answers with a field that its capture never asked for") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  CHECK_THAT(layouts_of(tape), !ContainsSubstring("prio\n"));
  const ChildResult read = read_at_last(tape, "task:sleeper.prio");
  CHECK(read.exit_status == 0);
  CHECK_THAT(read.output, StartsWith("task:sleeper.prio = 120\n"));
}

TEST_CASE("a golden tape's memory is followed through a pointer that its capture never asked for") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  CHECK_THAT(layouts_of(tape), !ContainsSubstring("real_parent"));
  const ChildResult read = read_at_last(tape, "task:sleeper.real_parent->comm");
  CHECK(read.exit_status == 0);
  CHECK_THAT(read.output, StartsWith("task:sleeper.real_parent->comm = \"init\"\n"));
}

TEST_CASE("a golden tape's memory is followed through a list that its capture never asked for") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  CHECK_THAT(layouts_of(tape), !ContainsSubstring("children"));
  const ChildResult read =
      read_at_last(tape, "task:sleeper.real_parent->children{list struct task_struct sibling 100}.comm");
  CHECK(read.exit_status == 0);
  CHECK_THAT(read.output,
             ContainsSubstring(tape.queued.empty()
                                   ? " = 1 entry: \"sleeper\"\n"
                                   : " = 4 entries: \"sleeper\", \"spin0\", \"spin1\", \"spin2\"\n"));
}

TEST_CASE("the queue in which a task waited is read from a golden tape") {
  const GoldenTape tape = GENERATE(from_range(queued_tapes()));
  CAPTURE(tape.name);
  CHECK_THAT(layouts_of(tape), !ContainsSubstring("dsq_list"));
  CHECK_THAT(read_at_last(tape, "task:spin0.scx.dsq->id").output, StartsWith("task:spin0.scx.dsq->id = 0\n"));
  const ChildResult read =
      read_at_last(tape, "task:spin0.scx.dsq->list{list struct task_struct scx.dsq_list.node 100}.comm");
  CHECK(read.exit_status == 0);
  CHECK_THAT(read.output, ContainsSubstring(" = 2 entries: " + tape.queued + "\n"));
}

TEST_CASE("what memory of a golden tape does not hold is told as not captured") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  const ChildResult read = read_at_last(tape, "task:sleeper.mm->pgd");
  CHECK(read.exit_status == 77);
  CHECK_THAT(read.output, StartsWith("task:sleeper.mm->pgd: not captured\n"));
}

TEST_CASE("an address whose symbol was left out of a golden tape is described as such") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  const Kernel kernel = kernel_of(tape);
  const GuestVirtual text = must(kernel.symbol("_text"));
  CHECK_THAT(kernel.describe(text + 0x100000), StartsWith("left_out"));
  CHECK(kernel.describe(must(kernel.symbol("ext_sched_class"))) == "ext_sched_class");
}

}  // namespace ktape::test

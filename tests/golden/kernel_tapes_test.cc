// SPDX-License-Identifier: Apache-2.0
#include <bpf/btf.h>
#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>

#include "replay/tape/tape_kernel.h"
#include "schema/base/child.h"
#include "tests/golden/run_program.h"
#include "tests/support/must.h"

// Slim tapes of real runs on three kernels. Every version of ktape reads them, replays each gate
// and each reply as recorded, and judges them as before; and it has values that were not read when
// they were captured.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

using Verdicts = std::map<std::string, std::string>;  // by assertion: "ok", "not ok" or "skip"

struct GoldenTape {
  std::string name;
  std::string head;
  std::string counts;  // of what replay compares
  int check_status = 0;
  Verdicts not_ok;     // of the assertions that need no arguments, where it is not "ok"
  std::string worker;  // one that is asked about
  std::string siblings = "1 entry: ";  // how the list of its parent's children begins
  std::string queued;  // who waits in its queue at the last freeze; empty: it waits in none

  [[nodiscard]] std::string path() const { return KTAPE_GOLDEN "/" + name + ".ktape"; }
  [[nodiscard]] std::string task() const { return "task:" + worker; }
};

// Of `entries` and their gates, in this many freezes, with the fields that were looked up.
std::string counts(int entries, int gates, int freezes, int layouts) {
  return fmt::format(R"("entries":"{}","gates":"{}","freezes":"{}","layouts":"{}")", entries, gates,
                     freezes, layouts);
}

GoldenTape cold_path(const std::string& kernel, const std::string& head, int layouts) {
  return {"cold_path_roundtrip-" + kernel, head, counts(4, 24, 2, layouts), 0, {}, "sleeper"};
}

GoldenTape spinners(const std::string& kernel, const std::string& head, int layouts,
                    const std::string& queued) {
  return {"queued_spinners-" + kernel,
          head,
          counts(3, 24, 2, layouts),
          77,
          {{"jiffies-nonzero", "skip"}},
          "spin0",
          R"(4 entries: "sleeper", "spin0", "spin1", "spin2")",
          queued};
}

// The entries are the recorder's own, about each worker.
GoldenTape stall(const std::string& kernel, const std::string& head, int layouts,
                 const std::string& queued) {
  return {"scheduler_stall-" + kernel,
          head,
          counts(18, 180, 1, layouts),
          1,
          {{"no-scheduler-error", "not ok"}, {"percpu-typed", "skip"}, {"vtime-monotonic", "skip"}},
          "beside",
          R"(3 entries: "left_alone", "beside", "fair")",
          queued};
}

GoldenTape across_policies(const std::string& kernel, const std::string& head, int layouts,
                           const std::string& consistent) {
  Verdicts not_ok = {
      {"jiffies-nonzero", "skip"}, {"percpu-typed", "skip"}, {"vtime-monotonic", "skip"}};
  if (consistent != "ok") not_ok["freeze-consistent"] = consistent;
  return {
      "vtime_across_policies-" + kernel, head, counts(7, 84, 4, layouts), 77, not_ok, "wanderer"};
}

const std::vector<GoldenTape>& tapes() {
  static const std::vector<GoldenTape> all = {
      cold_path("6.16.12", "00515e0fcd746f4ea06e59c5eb9ecdf68b6103e400f0b9871009c2e5486845d1", 28),
      cold_path("6.19.14", "b88db27ca56c0bd68e43bf280b51cbdd480e447fdbfbcc49ae28e7b5b8d99d4c", 28),
      cold_path("7.3.4", "7e7dbec9727e643e3ad515f146f0bd73f04ac8aaa72b524e655797102d1766fa", 29),
      spinners("6.16.12", "fd36a7b6e18032872ced33a44c98123163f0080ed277cc3717b46985c99df34c", 28,
               R"(2 entries: "spin0", "spin2")"),
      spinners("6.19.14", "91fe0c5222975c7b2d5bf945db91a9de5d1d79f1956832c3d4bd656d8621201f", 28,
               R"(2 entries: "spin2", "spin0")"),
      spinners("7.3.4", "489f19ef0323ca50dad5552c117ad6abd77bf5b954919bdd1937555ab306c7f6", 29,
               R"(2 entries: "spin0", "spin2")"),
      stall("6.16.12", "1119c18d4bb3ec4f75158dac8862ba990dd9525ca5a71898ce4f9d168ee40e2f", 31,
            R"(2 entries: "beside", "left_alone")"),
      stall("7.3.4", "c6fca195ea587121f267025fa163b5f2145899e1cac78790da2193f87bb48a3a", 32,
            R"(1 entry: "beside")"),
      across_policies("6.16.12", "17dfd1b7936a6b0dc7591930b69d5b31d3c0db40ad496cd7c6a3da696598e508",
                      27, "ok"),
      across_policies("6.19.14", "ce690c208146165509d0da0b470f88ec860b37d6ebc5a6075965e4e8cc3a3173",
                      27, "ok"),
      // In its third freeze CPU 1 was in find_user_dsq(), with its runqueue locked.
      across_policies("7.3.4", "2947a8b118a3edc17e206d71505d565a6ebddfc4245e8b039791ad407ded2755",
                      28, "skip"),
  };
  return all;
}

std::vector<GoldenTape> queued_tapes() {
  std::vector<GoldenTape> waiting;
  for (const GoldenTape& tape : tapes()) {
    if (!tape.queued.empty()) waiting.push_back(tape);
  }
  return waiting;
}

ChildResult read_at_last(const GoldenTape& tape, const std::string& target) {
  return run_program("ktape-read", {tape.path(), "--at", "freeze:last", target});
}

Verdicts verdicts(const std::string& ktap) {
  Verdicts found;
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
  const auto reader = must(TapeReader::open(tape.path()));
  return must(restore_kernel(*reader, must(TapeIndex::make(*reader))));
}

// Fields that the capture looked up.
std::string layouts_of(const GoldenTape& tape) {
  std::string paths;
  const auto reader = must(TapeReader::open(tape.path()));
  must(reader->for_each([&](const RecordView& view) -> Result<void> {
    if (view.record.isLayoutUsed())
      paths += view.record.getLayoutUsed().getPath().cStr() + std::string("\n");
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
  CHECK_THAT(replay.output, ContainsSubstring(R"("noMemory":"0","notCaptured":"0")"));
  CHECK_THAT(replay.output, ContainsSubstring(R"("unanswered":"0")"));
  CHECK_THAT(replay.output, ContainsSubstring(tape.counts));
  CHECK_THAT(replay.output, ContainsSubstring(R"("differenceCount":"0")"));
}

TEST_CASE("a golden tape has the verdicts that it had when it was made") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  const ChildResult check = run_program("ktape-check", {tape.path()});
  CHECK(check.exit_status == tape.check_status);
  Verdicts found = verdicts(check.output);
  for (const char* name :
       {"freeze-consistent", "freeze-order", "gates-complete", "jiffies-nonzero",
        "no-scheduler-error", "op-pairing", "percpu-typed", "run-completed", "vtime-monotonic"}) {
    CAPTURE(name);
    const auto other = tape.not_ok.find(name);
    CHECK(found[name] == (other == tape.not_ok.end() ? "ok" : other->second));
  }
}

TEST_CASE(
    "a value read from a real kernel while its runqueue was locked is inconclusive, and is named") {
  const ChildResult check = run_program(
      "ktape-check",
      {KTAPE_GOLDEN "/vtime_across_policies-7.3.4.ktape", "--only", "freeze-consistent"});
  CHECK(check.exit_status == 77);
  CHECK_THAT(check.output,
             ContainsSubstring("seq 175: 'vtime_while_normal' was read in freeze 3 while the "
                               "runqueue lock of CPU 1 was held"));
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
      btf__new(raw.data(), static_cast<uint32_t>(raw.size())),
      [](struct btf* btf) { btf__free(btf); });
  REQUIRE(theirs != nullptr);
  const int task = btf__find_by_name_kind(theirs.get(), "task_struct", BTF_KIND_STRUCT);
  REQUIRE(task > 0);
  CHECK(btf__resolve_size(theirs.get(), static_cast<uint32_t>(task)) ==
        static_cast<int64_t>(must(kernel.btf().type("struct task_struct")).size_bytes));
}

TEST_CASE("a golden tape has the value of a field that its capture never read") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  CHECK_THAT(layouts_of(tape), !ContainsSubstring("prio\n"));
  const ChildResult read = read_at_last(tape, tape.task() + ".prio");
  CHECK(read.exit_status == 0);
  CHECK_THAT(read.output, StartsWith(tape.task() + ".prio = 120\n"));
}

TEST_CASE("a golden tape's memory can be followed through a pointer that its capture never read") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  CHECK_THAT(layouts_of(tape), !ContainsSubstring("real_parent"));
  const ChildResult read = read_at_last(tape, tape.task() + ".real_parent->comm");
  CHECK(read.exit_status == 0);
  CHECK_THAT(read.output, StartsWith(tape.task() + ".real_parent->comm = \"init\"\n"));
}

TEST_CASE("a golden tape's memory can be followed through a list that its capture never read") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  CHECK_THAT(layouts_of(tape), !ContainsSubstring("children"));
  const ChildResult read = read_at_last(
      tape, tape.task() + ".real_parent->children{list struct task_struct sibling 100}.comm");
  CHECK(read.exit_status == 0);
  CHECK_THAT(read.output, ContainsSubstring(" = " + tape.siblings));
  CHECK_THAT(read.output, ContainsSubstring('"' + tape.worker + '"'));
}

TEST_CASE("the queue in which a task waited is read from a golden tape") {
  const GoldenTape tape = GENERATE(from_range(queued_tapes()));
  CAPTURE(tape.name);
  CHECK_THAT(layouts_of(tape), !ContainsSubstring("dsq_list"));
  const std::string queue = tape.task() + ".scx.dsq->";
  CHECK_THAT(read_at_last(tape, queue + "id").output, StartsWith(queue + "id = 0\n"));
  const ChildResult read =
      read_at_last(tape, queue + "list{list struct task_struct scx.dsq_list.node 100}.comm");
  CHECK(read.exit_status == 0);
  CHECK_THAT(read.output, ContainsSubstring(" = " + tape.queued + "\n"));
}

TEST_CASE("memory that a golden tape does not have is reported as not captured") {
  const GoldenTape tape = GENERATE(from_range(tapes()));
  CAPTURE(tape.name);
  const ChildResult read = read_at_last(tape, tape.task() + ".mm->pgd");
  CHECK(read.exit_status == 77);
  CHECK_THAT(read.output, StartsWith(tape.task() + ".mm->pgd: not captured\n"));
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

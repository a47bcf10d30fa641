// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <span>

#include "replay/read/view.h"
#include "tests/replay/read/read_fixture.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The rows of a view on a tape of a real kernel.
std::string view_of(const std::string& tape, const std::string& view) {
  const ChildResult child = read({KTAPE_TAPES "/" + tape + ".ktape", "--at", "freeze:last", view});
  // Their recorders did not keep the names of cgroups.
  CHECK(child.exit_status == (view == "cgroups" ? 77 : 0));
  return child.output.substr(0, child.output.find("tape: intact"));
}

}  // namespace

TEST_CASE("the views of tapes of real kernels are as expected") {
  for (const char* kernel : {"6.16.12", "6.19.14", "7.3.4"}) {
    std::string text;
    for (const char* view : {"dsqs", "workers", "runqueues", "maps", "cgroups", "tasks"})
      text += view_of("queued_spinners-" + std::string(kernel), view);
    const std::string file = KTAPE_GOLDEN_TEXTS "/views-" + std::string(kernel) + ".txt";
    if (std::getenv("KTAPE_RENEW_GOLDEN") != nullptr) std::ofstream(file) << text;
    INFO(file << "; with KTAPE_RENEW_GOLDEN=1 this test rewrites it");
    CHECK(text == text_of(file));
  }
}

TEST_CASE_METHOD(ViewFixture, "the view of workers has those that had started") {
  FakeKernel& kernel = tape.kernel();
  const GuestVirtual queue = kernel.allocate(48);
  kernel.set(queue, "struct scx_dispatch_q", "id", 31);
  kernel.set_task(tape.task(), "scx.dsq", queue.value);
  tape.builder().worker_started("gone", 500, FakeTape::kStartNs);
  tape.builder().worker_started("replaced", 78, FakeTape::kStartNs + 50'000'000);
  tape.serve({read_line("jiffies_64:u64")});
  tape.builder().worker_started("later", 78, FakeTape::kStartNs);
  path_ = tape.seal().path;
  const ChildResult child = view("workers");
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, StartsWith("workers: 3 rows\n  name      pid  state       policy  "));
  CHECK_THAT(child.output, ContainsSubstring("\n  sleeper   77   S sleeping  "));
  CHECK_THAT(child.output, ContainsSubstring("  user 0x1f  4711   "));
  CHECK_THAT(child.output, ContainsSubstring("\n  gone      500  ended       -  "));
  CHECK_THAT(child.output, ContainsSubstring("\n  replaced  78   ended       -  "));
}

TEST_CASE_METHOD(ViewFixture, "the view of runqueues has a row for each CPU") {
  tape.kernel().set(tape.kernel().per_cpu("runqueues", 1), "struct rq", "curr", tape.task().value);
  const ChildResult child = view("runqueues", {"--csv"});
  CHECK(child.exit_status == 0);
  CHECK_THAT(child.output, StartsWith("freeze,seq,host_ns,cpu,nr_running,curr,fair,rt,dl,ext,"
                                      "local_dsq,clock,missing\n1,"));
  CHECK_THAT(child.output, ContainsSubstring(",1,3,sleeper[77],,,,0,0,0,\n"));
}

TEST_CASE_METHOD(ViewFixture, "what a view's memory lacks is said in its cells, row by row") {
  const uint64_t frame =
      must(tape.kernel().kernel().translate(tape.kernel().memory(), tape.task())).value / 4096;
  tape.kernel().set(tape.kernel().per_cpu("runqueues", 1), "struct rq", "curr", tape.task().value);
  tape.keep_frames([=](uint64_t kept) { return kept != frame; });
  const ChildResult text = view("runqueues");
  CHECK(text.exit_status == 77);
  CHECK_THAT(text.output, ContainsSubstring("\n  1    3           ?  "));
  CHECK_THAT(text.output, ContainsSubstring("\n  ? curr: not captured\n"));
  const ChildResult json = view("runqueues", {"--json"});
  CHECK(json.exit_status == 77);
  CHECK_THAT(json.output, StartsWith("{\"format\":1,\"freeze\":\"1\",\"seq\":\""));
  CHECK_THAT(json.output, ContainsSubstring("\"view\":\"runqueues\",\"columns\":[\"cpu\","));
  CHECK_THAT(json.output, ContainsSubstring("{\"cpu\":\"1\",\"nr_running\":\"3\",\"curr\":null,"));
  CHECK_THAT(json.output, ContainsSubstring("\"missing\":{\"curr\":\"not captured\"}}],"
                                            "\"incomplete\":[],\"integrity\":\"intact\""));
  CHECK_THAT(view("runqueues", {"--csv"}).output, ContainsSubstring(",curr: not captured\n"));
}

TEST_CASE_METHOD(ViewFixture, "a view without its memory has no rows, and says so") {
  tape.keep_frames([](uint64_t frame) { return frame < 16; });
  const ChildResult child = view("tasks");
  CHECK(child.exit_status == 77);
  CHECK_THAT(child.output, StartsWith("tasks: 0 rows\n  incomplete: tasks: not captured\n"));
  const ChildResult csv = view("tasks", {"--csv"});
  CHECK_THAT(csv.output, ContainsSubstring(",incomplete: tasks: not captured\n"));
}

TEST_CASE_METHOD(ViewFixture, "damaged lists end, and what is left is shown") {
  FakeKernel& kernel = tape.kernel();
  kernel.set_idr_slot(78, FakeKernel::kNoRam.value);
  const ChildResult child = view("tasks");
  CHECK(child.exit_status == 77);
  CHECK_THAT(child.output, ContainsSubstring("\n  77   -     sleeper  "));
  CHECK_THAT(child.output, ContainsSubstring("\n  incomplete: tasks: "));
}

TEST_CASE_METHOD(ViewFixture, "a scheduler's DSQs are listed with its name and their first tasks") {
  FakeKernel& kernel = tape.kernel();
  const GuestVirtual local =
      kernel.field(kernel.per_cpu("runqueues", 0), "struct rq", "scx.local_dsq");
  const GuestVirtual head = kernel.field(local, "struct scx_dispatch_q", "list");
  kernel.put(head, head.value, 8);
  kernel.put(head + 8, head.value, 8);
  for (int32_t pid = 90; pid < 97; ++pid) {
    const GuestVirtual task = kernel.add_task(pid, "queued", FakeTape::kStartNs);
    kernel.link(head, kernel.field(task, "struct task_struct", "scx.dsq_list.node"));
  }
  kernel.set(local, "struct scx_dispatch_q", "nr", 7);
  const ChildResult child = view("dsqs");
  CHECK_THAT(child.output, ContainsSubstring("  cpu 0  7   -          queued[90], queued[91], "
                                             "queued[92], queued[93], queued[94] and 2 more\n"));
}

TEST_CASE_METHOD(SeriesFixture, "a series has a view at each freeze") {
  const ChildResult text = at("all", {"workers", "cpu1:runqueues.nr_running"});
  CHECK(text.exit_status == 77);
  CHECK_THAT(text.output, ContainsSubstring(" pages kept\nworkers: 1 row\n"));
  CHECK_THAT(text.output,
             ContainsSubstring("workers: 0 rows\n  incomplete: no memory of freeze 4"));
  CHECK_THAT(text.output, ContainsSubstring("cpu1:runqueues.nr_running = 2\n"));
  const ChildResult csv = at("1-3", {"--csv", "workers"});
  CHECK(csv.exit_status == 0);
  CHECK(std::count(csv.output.begin(), csv.output.end(), '\n') == 4);
}

TEST_CASE_METHOD(ReadFixture, "a view has its columns also if no freeze kept its memory") {
  tape.keep_no_memory();
  const ChildResult csv = read({path(), "--at", "all", "--csv", "workers"});
  CHECK(csv.exit_status == 77);
  const std::string header =
      "freeze,seq,host_ns,name,pid,state,policy,class,cpu,on_cpu,on_rq,dsq,vtime,slice,cpus,"
      "missing\n";
  CHECK_THAT(csv.output, StartsWith(header + "1,"));
  CHECK_THAT(csv.output, ContainsSubstring(",,,,,,,,,,,,,incomplete: no memory of freeze 1 "));
  CHECK_THAT(read({path(), "--at", "all", "--json", "workers"}).output,
             ContainsSubstring("\"columns\":[\"name\",\"pid\",\"state\","));
}

TEST_CASE("a task's state is as ps shows it") {
  const std::pair<uint64_t, const char*> states[] = {
      {0x0, "R running"},      {0x200, "R running"},  // TASK_WAKING
      {0x40, "P parked"},      {0x402, "I idle"},
      {0x2001, "S sleeping"},  {0x8001, "D disk sleep"},  // frozen
      {0x1000, "D disk sleep"}};                          // waits for an RT lock
  for (const auto& [state, shown] : states) {
    ViewFixture fixture;
    fixture.tape.kernel().set_task(fixture.tape.task(), "__state", state);
    CHECK_THAT(fixture.view("workers", {"--csv"}).output,
               ContainsSubstring(",sleeper,77," + std::string(shown) + ","));
  }
}

TEST_CASE_METHOD(SeriesFixture, "a view as CSV is alone, since its columns are its own") {
  for (const char* targets : {"workers tasks", "workers jiffies_64:u64"}) {
    const ChildResult child = all_of(path_ + " --at 1 --csv " + targets);
    CHECK(child.exit_status == 2);
    CHECK(child.output ==
          "ktape read: --csv prints 'workers' only by itself\nhint: name one view, or targets\n");
  }
  const ChildResult batch =
      all_of(path_ + " --at 1 --csv --batch <<X\njiffies_64:u64\ntasks\nX\n:");
  CHECK_THAT(batch.output, ContainsSubstring(",tasks,refused,,,,\"--csv prints 'tasks' only"));
  const ChildResult json =
      all_of(path_ + " --at 1 --json --batch <<X\njiffies_64:u64\nworkers\nX\n:");
  CHECK_THAT(json.output, ContainsSubstring("\"view\":\"workers\""));
}

TEST_CASE_METHOD(ViewFixture, "the views are listed, and a symbol of a view's name has a width") {
  const ChildResult list = read({"--views"});
  CHECK(list.exit_status == 0);
  for (const char* name : {"dsqs ", "tasks ", "workers ", "runqueues ", "maps ", "cgroups "})
    CHECK_THAT(list.output, ContainsSubstring(name));
  CHECK_THAT(all_of(path() + " --at 1 tasks:u64").output,
             ContainsSubstring("no symbol 'tasks' in this kernel"));
  CHECK_THAT(all_of("").output, ContainsSubstring("TAPE is required"));
  CHECK(all_of("").exit_status == 2);
}

TEST_CASE("views of garbage end, whatever it leads to") {
  constexpr uint64_t kHeap = 1280 * 4096;
  std::mt19937_64 random(16);
  for (int run = 0; run < 8; ++run) {
    ViewFixture fixture;
    FakeKernel& kernel = fixture.tape.kernel();
    const std::span<std::byte> ram = kernel.live_ram();
    const uint64_t used = kernel.allocate(8).value - (kernel.kernel().facts().page_offset + kHeap);
    for (int i = 0; i < 400; ++i) {
      const uint64_t words[] = {
          0, 1, random(), fixture.tape.task().value + random() % 4096 * 8,
          kernel.kernel().facts().page_offset + kHeap + (random() % used | 2)};
      const uint64_t word = words[random() % std::size(words)];
      std::memcpy(&ram[kHeap + random() % (used / 8) * 8], &word, sizeof word);
    }
    for (const View& view : views()) {
      INFO(run << " " << view.name);
      const int status = fixture.view(std::string(view.name)).exit_status;
      CHECK((status == 0 || status == 77));
    }
  }
}

}  // namespace ktape::test

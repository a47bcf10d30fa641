// SPDX-License-Identifier: Apache-2.0
// Who waited, as the recorder finds it after the thaw, on the recorded memory of real kernels.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "guest/kernel/survey/sched_memory.h"
#include "guest/kernel/survey/waiting_tasks.h"
#include "tests/golden/recorded_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

struct Expected {
  const char* version;
  std::vector<std::string> waiting;  // the longest wait first
};

}  // namespace

TEST_CASE("what a survey records of a real kernel shows who waits, and where") {
  const Expected expected =
      GENERATE(Expected{"6.16.12",
                        {"spin0[148] user 0x0 48 ms", "spin2[150] user 0x0 20 ms",
                         "kworker/u8:1[28] SCX_DSQ_LOCAL 4 ms"}},
               Expected{"6.19.14", {"spin2[136] user 0x0 28 ms", "spin0[134] user 0x0 4 ms"}},
               Expected{"7.3.4",
                        {"spin0[103] user 0x0 56 ms", "spin2[105] user 0x0 16 ms",
                         "spin1[104] SCX_DSQ_LOCAL 0 ms"}});
  INFO(expected.version);
  const RecordedKernel recorded("queued_spinners-" + std::string(expected.version) + ".ktape");
  RecordedMemory memory = recorded.memory();
  RecordingMemory recording;
  recording.begin(memory);
  (void)SchedMemory(recorded.kernel()).record(recording);
  const WaitingTasks found = must(find_waiting_tasks(recorded.kernel(), RecordedFrames(recording)));
  CHECK(!found.incomplete);
  CHECK(found.total == expected.waiting.size());
  std::vector<std::string> waiting;
  for (const WaitingTask& task : found.tasks) {
    waiting.push_back(task.name() + " " + task.dsq + " " +
                      std::to_string(task.waiting_ms.value_or(0)) + " ms");
    const bool spinner = task.comm.starts_with("spin");
    CHECK(task.cpus == (spinner ? "1" : "0-1"));
  }
  CHECK(waiting == expected.waiting);
}

}  // namespace ktape::test

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <vector>

#include "guest/kernel/ops/op_executor.h"
#include "schema/target/target_path.h"
#include "tests/support/kernel/fake_kernel.h"

// A valid kernel's memory with changes from the input, repeated: 4 bytes for the place and 8 for
// the value. Then everything that an op can reach is looked up: tasks by pid, their gates, pointers
// and lists.
namespace {

using namespace ktape;

constexpr size_t kPatchBytes = sizeof(uint32_t) + sizeof(uint64_t);

struct Subject {
  test::FakeKernel fake;
  std::vector<std::byte> sound;
  std::vector<Op> ops;

  Subject() {
    fake.add_task(1, "init", 10'000'000);
    fake.add_task(4095, "worker", 20'000'000);
    sound = fake.ram();
    for (int32_t pid : {1, 4095}) {
      for (const char* path : {"scx.dsq_vtime", "scx.dsq->id"}) {
        ops.push_back({"",
                       {TaskRoot{Pid(pid), 10'000'000, ""}, parse_target_path(path).value()},
                       ReadAction{}});
      }
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Subject subject;
  FlatMemory& memory = subject.fake.memory();
  std::vector<uint64_t> touched;
  for (size_t i = 0; i + kPatchBytes <= size; i += kPatchBytes) {
    uint32_t where = 0;
    std::memcpy(&where, data + i, sizeof where);
    const uint64_t at = where % (subject.sound.size() - sizeof(uint64_t));
    (void)memory.write(GuestPhysical(at),
                       std::as_bytes(std::span(data + i + sizeof where, sizeof(uint64_t))));
    touched.push_back(at);
  }
  OpExecutor executor(subject.fake.kernel());
  (void)executor.read(memory, subject.ops);
  for (uint64_t at : touched) {
    (void)memory.write(GuestPhysical(at), std::span(subject.sound).subspan(at, sizeof(uint64_t)));
  }
  return 0;
}

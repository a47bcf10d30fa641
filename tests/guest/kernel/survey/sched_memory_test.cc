// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/sched_memory.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "guest/kernel/sched/tasks.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

constexpr uint64_t kFrame = RecordingMemory::kFrameBytes;
constexpr const char* kGroup = "struct task_group";

class Surveyed {
 public:
  explicit Surveyed(const FakeKernelShape& shape = {}) : fake(shape) {}

  std::vector<MemoryLoss> survey() {
    memory.begin(fake.memory());
    return SchedMemory(fake.kernel()).record(memory);
  }
  bool has(GuestVirtual address) {
    const uint64_t number = must(fake.kernel().translate(fake.memory(), address)).value / kFrame;
    const auto frames = memory.frames();
    return std::ranges::any_of(frames, [&](const auto& frame) { return frame.number == number; });
  }
  // An object that shares its frame with nothing that existed before.
  GuestVirtual far(uint64_t bytes) {
    (void)fake.allocate(kFrame);
    const GuestVirtual at = fake.allocate(bytes);
    (void)fake.allocate(kFrame);
    return at;
  }
  // A task in its own frame.
  GuestVirtual far_task(int32_t pid) {
    (void)fake.allocate(kFrame);
    const GuestVirtual task = fake.add_task(pid, "worker", 1'000'000'000);
    (void)fake.allocate(kFrame);
    return task;
  }
  // An empty dispatch queue, in its own frame.
  GuestVirtual far_queue() {
    const GuestVirtual queue = far(128);
    const GuestVirtual list = fake.field(queue, "struct scx_dispatch_q", "list");
    fake.put(list, list.value, 8);
    fake.put(list + 8, list.value, 8);
    return queue;
  }
  // A group in its own frame, on the kernel's list of groups.
  GuestVirtual add_group(GuestVirtual parent) {
    const GuestVirtual head = fake.symbol("task_groups");
    if (fake.get(head, 8) == 0) {
      fake.put(head, head.value, 8);
      fake.put(head + 8, head.value, 8);
    }
    const GuestVirtual group = far(64);
    fake.set(group, kGroup, "parent", parent.value);
    fake.link(head, fake.field(group, kGroup, "list"));
    return group;
  }
  void enqueue(GuestVirtual queue, GuestVirtual task) {
    fake.link(fake.field(queue, "struct scx_dispatch_q", "list"),
              fake.field(task, "struct task_struct", "scx.dsq_list.node"));
  }

  FakeKernel fake;
  RecordingMemory memory;
};

uint64_t count_of(const std::vector<MemoryLoss>& losses, std::string_view name) {
  for (const MemoryLoss& loss : losses) {
    if (loss.name == name) return loss.count;
  }
  return 0;
}

}  // namespace

TEST_CASE_METHOD(Surveyed, "runqueues, the task of each CPU, and per-CPU values are recorded") {
  const GuestVirtual current = far(512);
  fake.put(fake.per_cpu("current_task", 1), current.value, 8);
  fake.set_rq(1, "curr", current.value);
  CHECK(survey().empty());
  for (uint32_t cpu : {0u, 1u}) CHECK(has(fake.per_cpu("runqueues", cpu)));
  CHECK(has(current));
  CHECK(has(fake.symbol("jiffies_64")));
}

TEST_CASE_METHOD(Surveyed,
                 "every task that has a pid is recorded, and all that finds it by its pid") {
  std::vector<GuestVirtual> tasks;
  for (int32_t pid : {5, 70, 200}) tasks.push_back(far_task(pid));
  CHECK(survey().empty());
  for (GuestVirtual task : tasks) CHECK(has(task));
  CHECK(has(fake.idr_node(200)));
  // Nothing that a lookup reads is missing: it records no new frame.
  const size_t before = memory.recorded();
  LayoutLog log(fake.kernel().btf());
  const auto finder = must(TaskFinder::create(fake.kernel(), log));
  CHECK(must(finder.find(memory, Pid(200))) == tasks[2]);
  CHECK(memory.recorded() == before);
}

TEST_CASE_METHOD(Surveyed, "a damaged pid IDR loses what is below the damage and nothing else") {
  const GuestVirtual lost = far_task(5);
  const GuestVirtual kept = far_task(70);
  // The node of pids 0 to 63 becomes its own child.
  const GuestVirtual node = fake.idr_node(5);
  fake.set(node, "struct xa_node", "shift", 6);
  (void)lost;
  auto losses = survey();
  CHECK(count_of(losses, "pages_tasks") == 1);
  CHECK(has(kept));
  CHECK(has(fake.per_cpu("runqueues", 1)));
}

TEST_CASE_METHOD(Surveyed, "a pointer that leads nowhere is a loss, and the survey goes on") {
  fake.set_rq(0, "curr", FakeKernel::kNoRam.value);
  fake.set_rq(1, "curr", 0x1234);
  const GuestVirtual task = far_task(5);
  CHECK(count_of(survey(), "pages_runqueues") == 2);
  CHECK(has(task));
}

TEST_CASE_METHOD(Surveyed, "the scheduler, its queues and the tasks on them are recorded") {
  const GuestVirtual scheduler = far(512);
  fake.put(fake.symbol("scx_root"), scheduler.value, 8);
  // A queue in the hash table, with a task that has no pid.
  const GuestVirtual queue = far_queue();
  const GuestVirtual queued = far(512);
  enqueue(queue, queued);
  const GuestVirtual table = far(256);
  fake.set(scheduler, "struct scx_sched", "dsq_hash.tbl", table.value);
  fake.set(table, "struct bucket_table", "size", 4);
  const GuestVirtual buckets = fake.field(table, "struct bucket_table", "buckets");
  for (uint64_t i = 0; i < 4; ++i) fake.put(buckets + i * 8, 0, 8);
  const GuestVirtual link = fake.field(queue, "struct scx_dispatch_q", "hash_node");
  fake.put(buckets + 2 * 8, link.value | 1, 8);  // the bucket is locked
  fake.put(link, buckets.value | 1, 8);          // end of the chain
  // The queue of a node.
  const GuestVirtual global = far_queue();
  const GuestVirtual array = far(8);
  fake.put(array, global.value, 8);
  fake.set(scheduler, "struct scx_sched", "global_dsqs", array.value);
  // The text of its exit.
  const GuestVirtual info = far(64);
  const GuestVirtual message = far(64);
  fake.set(scheduler, "struct scx_sched", "exit_info", info.value);
  fake.set(info, "struct scx_exit_info", "msg", message.value);

  CHECK(survey().empty());
  for (GuestVirtual part : {scheduler, queue, queued, table, global, array, info, message})
    CHECK(has(part));
}

TEST_CASE_METHOD(Surveyed, "thousands of schedulers are recorded, each of them") {
  const GuestVirtual head = fake.symbol("scx_sched_all");
  fake.put(head, head.value, 8);
  fake.put(head + 8, head.value, 8);
  std::vector<GuestVirtual> schedulers;
  for (int i = 0; i < 3000; ++i) {
    schedulers.push_back(fake.allocate(512));
    fake.link(head, fake.field(schedulers.back(), "struct scx_sched", "all"));
  }
  CHECK(survey().empty());
  CHECK(std::ranges::all_of(schedulers, [&](GuestVirtual scheduler) { return has(scheduler); }));
}

TEST_CASE_METHOD(
    Surveyed,
    "a list longer than a kernel makes it is kept up to that length, and the rest is a loss") {
  const GuestVirtual scheduler = far(512);
  fake.put(fake.symbol("scx_root"), scheduler.value, 8);
  const GuestVirtual info = far(64);
  const GuestVirtual message = far(4096);
  fake.set(scheduler, "struct scx_sched", "exit_info", info.value);
  fake.set(info, "struct scx_exit_info", "msg", message.value);
  for (uint64_t i = 0; i < 1023; ++i) fake.put(message + i, 'x', 1);
  CHECK(survey().empty());
  for (uint64_t i = 1023; i < 4096; ++i) fake.put(message + i, 'x', 1);
  CHECK(count_of(survey(), "pages_schedulers") == 1);
  CHECK(has(message));
}

TEST_CASE_METHOD(Surveyed, "a queue whose list does not end is a loss in bounded time") {
  const GuestVirtual queue = fake.field(fake.per_cpu("runqueues", 0), "struct rq", "scx.local_dsq");
  const GuestVirtual list = fake.field(queue, "struct scx_dispatch_q", "list");
  const GuestVirtual task = far_task(5);
  const GuestVirtual node = fake.field(task, "struct task_struct", "scx.dsq_list.node");
  fake.put(list, node.value, 8);
  fake.put(node, node.value, 8);
  CHECK(count_of(survey(), "pages_local_queues") == 1);
}

TEST_CASE_METHOD(
    Surveyed,
    "each CPU's instance of sched_ext's variables is recorded, and nothing that the kernel frees") {
  CHECK(survey().empty());
  for (uint32_t cpu : {0u, 1u}) CHECK(has(fake.per_cpu("scx_per_cpu", cpu)));
  CHECK_FALSE(has(fake.symbol("scx_per_cpu")));  // the template
  CHECK_FALSE(has(fake.symbol("scx_init_table")));
  CHECK(has(fake.symbol("scx_root")));
}

TEST_CASE_METHOD(Surveyed,
                 "task groups are recorded with their parts on each CPU and their cgroups") {
  const GuestVirtual root = add_group({});
  const GuestVirtual queues = far(16);
  const GuestVirtual entities = far(16);
  fake.set(root, kGroup, "cfs_rq", queues.value);
  fake.set(root, kGroup, "se", entities.value);
  // As in a kernel: the root's queues are in the runqueues, and it has no entities.
  const GuestVirtual queue = far(64);
  fake.put(queues + 8, queue.value, 8);
  const GuestVirtual child = add_group(root);
  const GuestVirtual child_entities = far(16);
  fake.set(child, kGroup, "se", child_entities.value);
  const GuestVirtual entity = far(64);
  fake.put(child_entities, entity.value, 8);
  const GuestVirtual cgroup = far(16);
  const GuestVirtual node = far(32);
  const GuestVirtual parent_node = far(32);
  const GuestVirtual name = far(16);
  fake.set(child, kGroup, "css.cgroup", cgroup.value);
  fake.set(cgroup, "struct cgroup", "kn", node.value);
  fake.set(node, "struct kernfs_node", "__parent", parent_node.value);
  fake.set(parent_node, "struct kernfs_node", "name", name.value);

  CHECK(survey().empty());
  for (GuestVirtual part : {root, queues, entities, queue, child, child_entities, entity})
    CHECK(has(part));
  for (GuestVirtual part : {cgroup, node, parent_node, name}) CHECK(has(part));
}

TEST_CASE(
    "each CPU's part of task groups in one per-CPU allocation is recorded, including the entity") {
  Surveyed surveyed({.per_cpu_groups = true});
  FakeKernel& fake = surveyed.fake;
  const GuestVirtual root = surveyed.add_group({});
  const GuestVirtual child = surveyed.add_group(root);
  // A per-CPU pointer is the value to which per_cpu_ptr() adds a CPU's offset.
  const GuestVirtual part = surveyed.far(0x20000);
  fake.set(child, kGroup, "cfs_rq",
           part.value - (fake.per_cpu("runqueues", 0).value - fake.symbol("runqueues").value));
  CHECK(surveyed.survey().empty());
  const uint64_t apart = fake.per_cpu("runqueues", 1).value - fake.per_cpu("runqueues", 0).value;
  for (const uint64_t cpu : {uint64_t{0}, uint64_t{1}}) {
    CHECK(surveyed.has(part + cpu * apart));
    CHECK(surveyed.has(part + cpu * apart + 4096));
  }
}

TEST_CASE_METHOD(Surveyed,
                 "cgroups without end, and groups that lead nowhere, are losses in bounded time") {
  const GuestVirtual group = add_group({});
  const GuestVirtual cgroup = far(16);
  const GuestVirtual node = far(32);
  fake.set(group, kGroup, "css.cgroup", cgroup.value);
  fake.set(cgroup, "struct cgroup", "kn", node.value);
  fake.set(node, "struct kernfs_node", "__parent", node.value);
  fake.set(add_group(group), kGroup, "cfs_rq", FakeKernel::kNoRam.value);
  CHECK(count_of(survey(), "pages_task_groups") == 2);
}

TEST_CASE_METHOD(Surveyed, "thousands of BPF maps are recorded, each of them") {
  // Two levels of nodes, with 64 maps to a leaf.
  const GuestVirtual top = far(576);
  fake.set(top, "struct xa_node", "shift", 6);
  std::vector<GuestVirtual> maps;
  for (uint64_t i = 0; i < 40; ++i) {
    const GuestVirtual leaf = fake.allocate(576);
    fake.set(top, "struct xa_node", "slots[" + std::to_string(i) + "]", leaf.value | 2);
    for (uint64_t j = 0; j < 64; ++j) {
      maps.push_back(fake.allocate(64));
      fake.set(leaf, "struct xa_node", "slots[" + std::to_string(j) + "]", maps.back().value);
    }
  }
  fake.set(fake.symbol("map_idr"), "struct idr", "idr_rt.xa_head", top.value | 2);
  CHECK(survey().empty());
  CHECK(std::ranges::all_of(maps, [&](GuestVirtual map) { return has(map); }));
}

TEST_CASE_METHOD(Surveyed,
                 "a map IDR that claims more maps than there is memory ends within the budget") {
  // Each node's slots all lead to the next: 64 to the power of the levels.
  constexpr uint64_t kLevels = 10;
  std::vector<GuestVirtual> nodes;
  for (uint64_t level = 0; level < kLevels; ++level) nodes.push_back(fake.allocate(576));
  const GuestVirtual map = fake.allocate(64);
  for (uint64_t level = 0; level < kLevels; ++level) {
    fake.set(nodes[level], "struct xa_node", "shift", level * 6);
    const uint64_t below = level == 0 ? map.value : nodes[level - 1].value | 2;
    for (uint64_t slot = 0; slot < 64; ++slot)
      fake.set(nodes[level], "struct xa_node", "slots[" + std::to_string(slot) + "]", below);
  }
  fake.set(fake.symbol("map_idr"), "struct idr", "idr_rt.xa_head", nodes.back().value | 2);
  CHECK(count_of(survey(), "pages_budget") == 1);
}

TEST_CASE_METHOD(Surveyed, "BPF maps are recorded with the contents of arrays") {
  const GuestVirtual map = far(128);
  const GuestVirtual values = fake.field(map, "struct bpf_array", "value");
  (void)fake.allocate(3 * kFrame);
  fake.set(map, "struct bpf_map", "map_type", 2);
  fake.set(map, "struct bpf_map", "value_size", 8192);
  fake.set(map, "struct bpf_map", "max_entries", 1);
  fake.set(map, "struct bpf_array", "elem_size", 8192);
  fake.set(fake.symbol("map_idr"), "struct idr", "idr_rt.xa_head", map.value);
  CHECK(survey().empty());
  CHECK(has(map));
  CHECK(has(values + 8191));
  CHECK_FALSE(has(values + 8192 + kFrame));
}

TEST_CASE_METHOD(Surveyed, "BPF queues are recorded with what is in them") {
  const GuestVirtual map = far(128);
  const GuestVirtual elements = fake.field(map, "struct bpf_queue_stack", "elements");
  (void)fake.allocate(3 * kFrame);
  fake.set(map, "struct bpf_map", "map_type", 22);
  fake.set(map, "struct bpf_map", "value_size", 4);
  fake.set(map, "struct bpf_map", "max_entries", 2047);
  fake.set(map, "struct bpf_queue_stack", "size", 2048);
  fake.set(map, "struct bpf_queue_stack", "head", 1);
  fake.set(map, "struct bpf_queue_stack", "tail", 2047);
  fake.set(fake.symbol("map_idr"), "struct idr", "idr_rt.xa_head", map.value);
  CHECK(survey().empty());
  // From the tail round to the head, and nothing from the free part.
  CHECK(has(elements + 8191));
  CHECK(has(elements));
  CHECK_FALSE(has(elements + 4096));
}

TEST_CASE_METHOD(Surveyed,
                 "a BPF map that claims more than the budget is a loss, its head is kept") {
  const GuestVirtual map = far(128);
  fake.set(map, "struct bpf_map", "map_type", 2);
  fake.set(map, "struct bpf_map", "max_entries", 0xffffffff);
  fake.set(map, "struct bpf_array", "elem_size", 0xffffffff);
  fake.set(fake.symbol("map_idr"), "struct idr", "idr_rt.xa_head", map.value);
  CHECK(count_of(survey(), "pages_bpf_maps") == 1);
  CHECK(has(map));
}

TEST_CASE("a kernel without sched_ext loses nothing") {
  Surveyed surveyed({.sched_ext = false});
  const GuestVirtual task = surveyed.far_task(5);
  CHECK(surveyed.survey().empty());
  CHECK(surveyed.has(task));
}

TEST_CASE_METHOD(Surveyed,
                 "the anchors are what a restored kernel reads instead of remembering it") {
  memory.begin(fake.memory());
  SchedMemory(fake.kernel()).record_anchors(memory);
  CHECK(has(fake.symbol("__per_cpu_offset")));
  const size_t before = memory.recorded();
  const Kernel restored = must(Kernel::restore(fake.knowledge(), fake.kernel().facts()));
  CHECK(must(restored.per_cpu(memory, "runqueues", CpuId(1))) == fake.per_cpu("runqueues", 1));
  CHECK(memory.recorded() == before);
}

}  // namespace ktape::test

// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/target_walk.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/guest/kernel/ops/walk_fixture.h"

using namespace ktape;
using namespace ktape::test;
using schema::EntryStatus;

TEST_CASE_METHOD(WalkFixture, "a red-black tree is walked in the order of its keys") {
  const std::string path = "tree{rbtree struct fake_entry node 9}.key";
  CHECK(keys(path).empty());
  const GuestVirtual four = entry(4), two = entry(2), three = entry(3), six = entry(6);
  point(heads, 0, four, kNode);
  point(heads, 8, four, kNode);
  point(four, kNode + kLeft, two, kNode);
  point(two, kNode + kRight, three, kNode);
  point(four, kNode + kRight, six, kNode);
  CHECK(keys(path) == Keys{2, 3, 4, 6});
  CHECK(keys("cached{rbtree struct fake_entry node 4}.key") == Keys{2, 3, 4, 6});
  CHECK(failure("tree{rbtree struct fake_entry node 3}.key") ==
        "'tree{rbtree struct fake_entry node 3}': the tree does not end within 3 entries");
}

TEST_CASE_METHOD(WalkFixture, "a tree with a circle ends with an error") {
  const GuestVirtual one = entry(1), two = entry(2);
  point(heads, 0, one, kNode);
  SECTION("to the left") {
    point(one, kNode + kLeft, two, kNode);
    point(two, kNode + kLeft, one, kNode);
    CHECK(failure("tree{rbtree struct fake_entry node 65536}.key")
              .ends_with("the tree is too deep: it is damaged, or was being changed"));
  }
  SECTION("to the right") {
    point(one, kNode + kRight, two, kNode);
    point(two, kNode + kRight, one, kNode);
    CHECK(failure("tree{rbtree struct fake_entry node 100}.key")
              .ends_with("the tree does not end within 100 entries"));
  }
  SECTION("of itself, both ways") {
    point(one, kNode + kRight, one, kNode);
    point(one, kNode + kLeft, one, kNode);
    CHECK(failure("tree{rbtree struct fake_entry node 65536}.key").ends_with("being changed"));
  }
  SECTION("out of memory") {
    fake.put(one + kNode + kLeft, FakeKernel::kNoRam.value, 8);
    CHECK_FALSE(failure("tree{rbtree struct fake_entry node 9}.key").empty());
  }
}

TEST_CASE_METHOD(WalkFixture, "a tape shows the entries of a tree that can be read") {
  const GuestVirtual four = entry(4), two = entry(2), three = entry(3), six = entry(6);
  point(heads, 0, four, kNode);
  point(four, kNode + kLeft, two, kNode);
  fake.put(two + kNode + kLeft, FakeKernel::kNoRam.value, 8);
  point(two, kNode + kRight, three, kNode);
  fake.put(three + kNode + kRight, FakeKernel::kNoRam.value, 8);
  point(four, kNode + kRight, six, kNode);
  const std::string path = "tree{rbtree struct fake_entry node 9}.key";
  CHECK_FALSE(failure(path).empty());
  const OpResult result = offline(heads, "struct fake_heads", path);
  CHECK(keys_in(result) == Keys{2, 3, 4, 6});
  CHECK_FALSE(result.broke_off.empty());
}

TEST_CASE_METHOD(WalkFixture, "lists that end with NULL are walked") {
  const GuestVirtual one = entry(1), two = entry(2);
  CHECK(keys("chain{llist struct fake_entry next 9}.key").empty());
  CHECK(keys("hash{hlist struct fake_entry hash 9}.key").empty());
  point(heads, 24, one, kChain);
  point(one, kChain, two, kChain);
  point(heads, 32, two, kHash);
  point(two, kHash, one, kHash);
  CHECK(keys("chain{llist struct fake_entry next 2}.key") == Keys{1, 2});
  CHECK(keys("hash{hlist struct fake_entry hash 2}.key") == Keys{2, 1});
  CHECK(failure("hash{hlist struct fake_entry hash 1}.key")
            .ends_with("the list does not end within 1 entries"));
  point(two, kChain, one, kChain);
  CHECK(failure("chain{llist struct fake_entry next 65536}.key")
            .ends_with("the list does not end within 65536 entries"));
}

TEST_CASE_METHOD(WalkFixture, "the link may be an element of an array") {
  const GuestVirtual task = fake.add_task(77, "w", 5'000'000'000);
  const GuestVirtual head = fake.allocate(40);
  fake.put(head + 32, fake.field(task, "struct task_struct", "pid_links[1]").value, 8);
  heads = head;
  CHECK(keys("hash{hlist struct task_struct pid_links[1] 4}.pid") == Keys{77});
}

TEST_CASE_METHOD(WalkFixture, "each kind of walk needs its own types of head and link") {
  CHECK(failure("tree{hlist struct fake_entry hash 9}.key") ==
        "'tree{hlist struct fake_entry hash 9}': 'struct rb_root' is not a 'struct hlist_head': "
        "cannot walk it");
  CHECK(failure("hash{rbtree struct fake_entry node 9}.key")
            .ends_with("'struct hlist_head' is not a 'struct rb_root': cannot walk it"));
  CHECK(failure("tree{rbtree struct fake_entry hash 9}.key")
            .ends_with("'hash' of 'struct fake_entry' is a 'struct hlist_node', not a "
                       "'struct rb_node'"));
  CHECK(failure("chain{llist struct fake_entry next 65537}.key")
            .ends_with("a list may have 65536 entries at most"));
}

TEST_CASE_METHOD(WalkFixture, "a path of several walks numbers the entries of each") {
  const GuestVirtual parent = fake.add_task(10, "parent", 5'000'000'000);
  const GuestVirtual other = fake.add_task(11, "other", 5'000'000'000);
  const GuestVirtual list =
      fake.field(fake.per_cpu("runqueues", 0), "struct rq", "scx.runnable_list");
  for (const GuestVirtual task : {parent, other})
    fake.link(list, fake.field(task, "struct task_struct", "scx.runnable_node"));
  const auto queue_of = [&](GuestVirtual task) {
    const GuestVirtual queue = fake.allocate(48);
    fake.set_task(task, "scx.dsq", queue.value);
    const GuestVirtual head = fake.field(queue, "struct scx_dispatch_q", "list");
    fake.put(head, head.value, 8);
    fake.put(head + 8, head.value, 8);
    return head;
  };
  const GuestVirtual first = queue_of(parent), second = queue_of(other);
  const auto queued = [&](int32_t pid, GuestVirtual head) {
    const GuestVirtual task = fake.add_task(pid, "queued", 5'000'000'000);
    fake.link(head, fake.field(task, "struct task_struct", "scx.dsq_list.node"));
    return task;
  };
  queued(20, first);
  const GuestVirtual last = queued(21, first);
  queued(30, second);
  const std::string path =
      "scx.runnable_list{list struct task_struct scx.runnable_node 9}.scx.dsq->list{list struct "
      "task_struct scx.dsq_list.node 9}.pid";
  const OpTarget target{PerCpuRoot{"runqueues", CpuId(0)}, *parse_target_path(path)};
  const OpResult whole = executor.read(fake.memory(), {read_of(target)}).at(0);
  CHECK(whole.reason.ends_with("a path walks one list only"));
  OpExecutor reader(fake.kernel(), Lists::kAsFarAsTheyGo);
  const auto read = [&] { return reader.read(fake.memory(), {read_of(target)}).at(0); };
  const auto pids = [](const OpResult& result) {
    std::vector<uint64_t> found;
    for (const OpValue& value : result.list) found.push_back(number_in(value));
    return found;
  };
  OpResult result = read();
  CHECK(pids(result) == Keys{20, 21, 30});
  CHECK(result.numbers == std::vector<EntryNumbers>{{0, 0}, {0, 1}, {1, 0}});
  CHECK(result.broke_off.empty());
  // An entry that leads nowhere is left out, and the rest keep their numbers.
  fake.set_task(parent, "scx.dsq", 0);
  result = read();
  CHECK(pids(result) == Keys{30});
  CHECK(result.numbers == std::vector<EntryNumbers>{{1, 0}});
  CHECK(result.broke_off.ends_with("scx.dsq->': the pointer is NULL"));
  // So is the rest of a list that breaks.
  fake.set_task(parent, "scx.dsq", first.value - 8);
  fake.put(fake.field(last, "struct task_struct", "scx.dsq_list.node"), 0, 8);
  result = read();
  CHECK(pids(result) == Keys{20, 21, 30});
  CHECK(result.broke_off.ends_with("entry 2 of the list is NULL"));
}

TEST_CASE_METHOD(WalkFixture, "several walks are bounded together") {
  const GuestVirtual one = entry(1);
  GuestVirtual last = one;
  point(heads, 24, one, kChain);
  for (uint32_t i = 2; i <= 300; ++i) {
    const GuestVirtual next = entry(i);
    point(last, kChain, next, kChain);
    last = next;
  }
  // Each entry is the head of a chain, too: its own rest.
  const OpResult result =
      offline(heads, "struct fake_heads",
              "chain{llist struct fake_entry next 300}.self{llist struct fake_entry next 300}"
              ".self{llist struct fake_entry next 300}.key");
  INFO(result.reason);
  CHECK(result.status == EntryStatus::DONE);
  CHECK(result.list.size() <= kMaxListEntries);
  CHECK_FALSE(result.broke_off.empty());
}

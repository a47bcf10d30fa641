// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/target_walk.h"

#include <catch2/catch_test_macros.hpp>

#include "guest/kernel/ops/op_executor.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/kernel/make_op.h"

using namespace ktape;
using namespace ktape::test;
using schema::EntryStatus;

namespace {

constexpr uint64_t kNode = 8;  // of struct fake_entry
constexpr uint64_t kChain = 32;
constexpr uint64_t kHash = 40;
constexpr uint64_t kRight = 8;  // of struct rb_node
constexpr uint64_t kLeft = 16;

struct WalkFixture {
  GuestVirtual entry(uint32_t key) {
    const GuestVirtual at = fake.allocate(64);
    fake.set(at, "struct fake_entry", "key", key);
    return at;
  }
  OpResult read(const std::string& path) {
    return executor.read(fake.memory(), {read_of(virtual_target(heads, "struct fake_heads", path))})
        .at(0);
  }
  std::vector<uint64_t> keys(const std::string& path) {
    const OpResult result = read(path);
    INFO(result.reason);
    CHECK(result.status == EntryStatus::DONE);
    std::vector<uint64_t> found;
    for (const OpValue& value : result.list) found.push_back(number_in(value));
    return found;
  }
  std::string failure(const std::string& path) {
    const OpResult result = read(path);
    CHECK(result.status != EntryStatus::DONE);
    return result.reason;
  }
  // The pointer at `offset` of `from` leads to `to`'s link at `link`.
  void point(GuestVirtual from, uint64_t offset, GuestVirtual to, uint64_t link) {
    fake.put(from + offset, to.value + link, 8);
  }

  FakeKernel fake;
  OpExecutor executor{fake.kernel()};
  GuestVirtual heads = fake.allocate(40);
};

using Keys = std::vector<uint64_t>;

}  // namespace

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

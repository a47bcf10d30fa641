// SPDX-License-Identifier: Apache-2.0

// Paths that walk xarrays, IDRs and hash tables.

#include <catch2/catch_test_macros.hpp>

#include "tests/guest/kernel/ops/walk_fixture.h"
#include "tests/support/must.h"

using namespace ktape;
using namespace ktape::test;
using schema::EntryStatus;

namespace {

constexpr uint64_t kRetry = 256 << 2 | 2;
constexpr uint64_t kZero = 257 << 2 | 2;
constexpr uint64_t kSibling = 3 << 2 | 2;

struct XarrayFixture : WalkFixture {
  GuestVirtual node(uint64_t shift) {
    const GuestVirtual at = fake.allocate(576);
    fake.set(at, "struct xa_node", "shift", shift);
    return at;
  }
  void slot(GuestVirtual node, uint64_t slot, uint64_t entry) {
    fake.put(node + 40 + slot * 8, entry, 8);
  }
  void head(uint64_t entry) { fake.set(idr, "struct idr", "idr_rt.xa_head", entry); }

  std::vector<uint64_t> keys_of(const std::string& type, const std::string& path) {
    const OpResult result =
        executor.read(fake.memory(), {read_of(virtual_target(idr, type, path))}).at(0);
    INFO(result.reason);
    CHECK(result.status == EntryStatus::DONE);
    std::vector<uint64_t> found;
    for (const OpValue& value : result.list) found.push_back(number_in(value));
    return found;
  }
  std::string failure_of(const std::string& type, const std::string& path) {
    const OpResult result =
        executor.read(fake.memory(), {read_of(virtual_target(idr, type, path))}).at(0);
    CHECK(result.status != EntryStatus::DONE);
    return result.reason;
  }

  // An IDR begins with its xarray.
  GuestVirtual idr = fake.allocate(24);
  const std::string walk = "{xarray struct fake_entry 9}.key";
};

}  // namespace

TEST_CASE_METHOD(XarrayFixture, "an xarray and an IDR are walked in the order of their indexes") {
  for (const char* type : {"struct idr", "struct xarray"}) {
    head(0);
    CHECK(keys_of(type, walk).empty());
    head(entry(5).value);
    CHECK(keys_of(type, walk) == Keys{5});
    const GuestVirtual top = node(6), low = node(0), high = node(0);
    head(top.value | 2);
    slot(top, 0, low.value | 2);
    slot(top, 3, high.value | 2);
    slot(high, 1, entry(8).value);
    slot(low, 63, entry(7).value);
    slot(low, 2, entry(6).value);
    CHECK(keys_of(type, walk) == Keys{6, 7, 8});
    CHECK(failure_of(type, "{xarray struct fake_entry 2}.key")
              .ends_with("the xarray does not end within 2 entries"));
  }
}

TEST_CASE_METHOD(XarrayFixture, "slots without an object of their own are passed over") {
  const GuestVirtual low = node(0);
  head(low.value | 2);
  slot(low, 0, kRetry);
  slot(low, 1, kZero);
  slot(low, 2, kSibling);
  slot(low, 4, entry(3).value);
  CHECK(keys_of("struct xarray", walk) == Keys{3});
  for (const uint64_t alone : {kRetry, kZero, kSibling}) {
    head(alone);
    CHECK(keys_of("struct xarray", walk).empty());
  }
}

TEST_CASE_METHOD(XarrayFixture, "an entry of several indexes is one of an xarray, not of an IDR") {
  const GuestVirtual top = node(6);
  head(top.value | 2);
  slot(top, 0, entry(3).value);
  slot(top, 1, kSibling);
  CHECK(keys_of("struct xarray", walk) == Keys{3});
  CHECK(failure_of("struct idr", walk).ends_with("': an entry is above the lowest level"));
}

TEST_CASE_METHOD(XarrayFixture, "a damaged xarray ends with an error") {
  const GuestVirtual top = node(6), low = node(0);
  head(top.value | 2);
  SECTION("a circle") {
    slot(top, 0, top.value | 2);
    CHECK(failure_of("struct idr", walk) ==
          "'{xarray struct fake_entry 9}': a node of shift 6 is at or below one of shift 6");
  }
  SECTION("a node below the lowest level") {
    slot(top, 0, low.value | 2);
    slot(low, 0, top.value | 2);
    CHECK(failure_of("struct idr", walk).ends_with("a node is below the lowest level"));
  }
  SECTION("an absurd depth") {
    fake.set(top, "struct xa_node", "shift", 64);
    CHECK(failure_of("struct idr", walk).ends_with("shift 64 is at or below one of shift 64"));
  }
  SECTION("a number") {
    slot(top, 0, low.value | 2);
    slot(low, 5, 7 << 1 | 1);
    CHECK(failure_of("struct idr", walk).ends_with("entry 5 is a number, not a pointer"));
  }
  SECTION("out of memory") {
    slot(top, 0, FakeKernel::kNoRam.value | 2);
    CHECK_FALSE(failure_of("struct idr", walk).empty());
  }
  SECTION("many ways to one node") {
    GuestVirtual below = low;
    for (const uint64_t shift : {6, 12, 18, 24}) {
      const GuestVirtual above = node(shift);
      for (uint64_t i = 0; i < 64; ++i) slot(above, i, below.value | 2);
      below = above;
    }
    head(below.value | 2);
    CHECK(failure_of("struct idr", walk)
              .ends_with("the paths of this request lead to too many places"));
  }
}

TEST_CASE_METHOD(XarrayFixture, "a tape shows the entries of an xarray that are not damaged") {
  const GuestVirtual top = node(6), low = node(0), high = node(0);
  head(top.value | 2);
  slot(top, 0, low.value | 2);
  slot(top, 3, high.value | 2);
  slot(low, 2, entry(6).value);
  slot(low, 6, entry(7).value);
  slot(high, 1, entry(8).value);
  CHECK(offline(idr, "struct idr", walk).broke_off.empty());
  slot(top, 2, top.value | 2);
  OpResult result = offline(idr, "struct idr", walk);
  CHECK(keys_in(result) == Keys{6, 7, 8});
  CHECK(result.broke_off.ends_with("a node of shift 6 is at or below one of shift 6"));
  slot(top, 1, FakeKernel::kNoRam.value | 2);
  result = offline(idr, "struct idr", walk);
  CHECK(keys_in(result) == Keys{6, 7, 8});
  CHECK_FALSE(result.broke_off.ends_with("shift 6"));  // the first is reported
  slot(low, 5, 7 << 1 | 1);
  result = offline(idr, "struct idr", walk);
  CHECK(keys_in(result) == Keys{6, 7, 8});
  CHECK(result.broke_off.ends_with("entry 5 is a number, not a pointer"));
  // The limit still ends the walk.
  CHECK(keys_in(offline(idr, "struct idr", "{xarray struct fake_entry 2}.key")) == Keys{6, 7});
}

TEST_CASE_METHOD(XarrayFixture, "the budget ends the walk of a damaged xarray of a tape, too") {
  GuestVirtual below = node(0);
  slot(below, 0, 7 << 1 | 1);
  for (const uint64_t shift : {6, 12, 18, 24, 30, 36}) {
    const GuestVirtual above = node(shift);
    for (uint64_t i = 0; i < 64; ++i) slot(above, i, below.value | 2);
    below = above;
  }
  head(below.value | 2);
  const OpResult result = offline(idr, "struct idr", walk);
  CHECK(result.status == EntryStatus::FAILED);
  CHECK(result.reason.ends_with("entry 0 is a number, not a pointer"));
}

TEST_CASE_METHOD(XarrayFixture, "the address of a list is that of its first value") {
  const GuestVirtual low = node(0), three = entry(3);
  head(low.value | 2);
  slot(low, 0, FakeKernel::kNoRam.value);
  slot(low, 1, three.value);
  slot(low, 2, entry(4).value);
  const OpResult result = offline(idr, "struct idr", walk);
  CHECK(keys_in(result) == Keys{3, 4});
  CHECK_FALSE(result.broke_off.empty());
  const GuestVirtual key = fake.field(three, "struct fake_entry", "key");
  CHECK(result.virtual_address == key);
  CHECK(result.physical_address == must(fake.kernel().translate(fake.memory(), key)));
}

TEST_CASE_METHOD(XarrayFixture, "an xarray's walk names no link, and needs an xarray") {
  CHECK(failure("tree{xarray struct fake_entry 9}.key")
            .ends_with("'struct rb_root' is not a 'struct xarray': cannot walk it"));
  CHECK(failure_of("struct idr", "{xarray struct nothing 9}").starts_with("no type 'struct no"));
}

namespace {

struct TableFixture : WalkFixture {
  static constexpr uint64_t kBuckets = 64;
  static constexpr uint64_t kLink = 40;  // hash_node of struct scx_dispatch_q

  TableFixture() { fake.put(table, bucket_table(4).value, 8); }

  GuestVirtual bucket_table(uint64_t size, uint64_t nest = 0) {
    const GuestVirtual at = fake.allocate(kBuckets + (size < 512 ? size * 8 : 8));
    fake.set(at, "struct bucket_table", "size", size);
    fake.set(at, "struct bucket_table", "nest", nest);
    return at;
  }
  GuestVirtual tables() { return GuestVirtual(fake.get(table, 8)); }
  // A DSQ whose chain ends behind it.
  GuestVirtual queue(uint64_t id) {
    const GuestVirtual at = fake.allocate(48);
    fake.set(at, "struct scx_dispatch_q", "id", id);
    fake.put(at + kLink, 1, 8);
    return at;
  }
  void bucket(GuestVirtual of, uint64_t number, uint64_t to) {
    fake.put(of + kBuckets + number * 8, to, 8);
  }
  OpResult result(uint64_t limit) {
    const std::string path =
        "{rhashtable struct scx_dispatch_q hash_node " + std::to_string(limit) + "}.id";
    return executor.read(fake.memory(), {read_of(virtual_target(table, "struct rhashtable", path))})
        .at(0);
  }
  std::vector<uint64_t> ids() {
    const OpResult read = result(100);
    INFO(read.reason);
    CHECK(read.status == EntryStatus::DONE);
    std::vector<uint64_t> found;
    for (const OpValue& value : read.list) found.push_back(number_in(value));
    return found;
  }
  std::string reason(uint64_t limit = 100) {
    const OpResult read = result(limit);
    CHECK(read.status != EntryStatus::DONE);
    return read.reason;
  }

  GuestVirtual table = fake.allocate(16);
};

}  // namespace

TEST_CASE_METHOD(TableFixture, "a hash table is walked bucket by bucket") {
  CHECK(ids().empty());
  const GuestVirtual one = queue(1), two = queue(2), three = queue(3);
  bucket(tables(), 0, 1);                        // the marker of an empty bucket
  bucket(tables(), 1, (two.value + kLink) | 1);  // its lock is held
  point(two, kLink, one, kLink);
  bucket(tables(), 3, three.value + kLink);
  CHECK(ids() == Keys{2, 1, 3});
  CHECK(reason(2).ends_with("': the table does not end within 2 entries"));
}

TEST_CASE_METHOD(TableFixture, "a table that is resized has each entry once") {
  const GuestVirtual next = bucket_table(8);
  fake.set(tables(), "struct bucket_table", "future_tbl", next.value);
  const GuestVirtual one = queue(1), moved = queue(2), three = queue(3);
  bucket(tables(), 0, one.value + kLink);
  point(one, kLink, moved, kLink);
  // In the old chain still, and the first of the new one.
  bucket(next, 5, moved.value + kLink);
  point(moved, kLink, three, kLink);
  CHECK(ids() == Keys{1, 2, 3});
}

TEST_CASE_METHOD(TableFixture, "nested buckets are walked") {
  const GuestVirtual nested = bucket_table(2048, 2);
  fake.put(table, nested.value, 8);
  CHECK(ids().empty());
  const GuestVirtual top = fake.allocate(4096), leaf = fake.allocate(4096);
  bucket(nested, 0, top.value);
  fake.put(top + 8, leaf.value, 8);
  fake.put(leaf + 511 * 8, queue(7).value + kLink, 8);
  fake.put(leaf, queue(6).value + kLink, 8);
  CHECK(ids() == Keys{6, 7});
  // One level more.
  const GuestVirtual deep = bucket_table(4096, 2), middle = fake.allocate(4096);
  fake.put(table, deep.value, 8);
  bucket(deep, 0, top.value);
  fake.put(top + 8, middle.value, 8);
  fake.put(middle + 16, leaf.value, 8);
  CHECK(ids() == Keys{6});  // it has two buckets for each of these
}

TEST_CASE_METHOD(TableFixture, "a damaged hash table ends with an error") {
  const GuestVirtual one = queue(1), two = queue(2);
  bucket(tables(), 0, one.value + kLink);
  SECTION("a circle of entries") {
    point(one, kLink, two, kLink);
    point(two, kLink, one, kLink);
    CHECK(reason().ends_with("': a chain of its entries is a circle"));
  }
  SECTION("a circle of tables") {
    fake.set(tables(), "struct bucket_table", "future_tbl", tables().value);
    CHECK(reason().ends_with("': its tables lead to too many successors"));
  }
  SECTION("absurd counts of buckets") {
    fake.set(tables(), "struct bucket_table", "size", 1 << 30);
    CHECK(reason().ends_with("a table has 1073741824 buckets; the limit is 65536"));
    fake.set(tables(), "struct bucket_table", "size", 65536);
    fake.set(tables(), "struct bucket_table", "nest", 30);
    CHECK(reason().ends_with("its buckets are nested by 30 bits"));
  }
  SECTION("nested tables that lead to themselves") {
    fake.put(table, bucket_table(65536, 9).value, 8);
    const GuestVirtual self = fake.allocate(4096);
    for (uint64_t i = 0; i < 512; ++i) fake.put(self + i * 8, self.value, 8);
    bucket(tables(), 0, self.value);
    CHECK_FALSE(reason(65536).empty());
  }
  SECTION("out of memory") {
    point(one, kLink, FakeKernel::kNoRam, 0);
    CHECK_FALSE(reason().empty());
    bucket(tables(), 0, FakeKernel::kNoRam.value);
    CHECK_FALSE(reason().empty());
    fake.put(table, FakeKernel::kNoRam.value, 8);
    CHECK_FALSE(reason().empty());
  }
}

namespace {

// Memory of which a tape lacks one page.
class HoledMemory final : public GuestMemory {
 public:
  HoledMemory(const GuestMemory& whole, GuestPhysical hole) : whole_(whole), hole_(hole) {}
  Result<void> read(GuestPhysical address, std::span<std::byte> out) const override {
    const uint64_t page = hole_.value / 4096;
    if (address.value / 4096 <= page && page <= (address.value + out.size() - 1) / 4096)
      return Error{ErrorCode::kNotApplicable, "not captured", ""};
    return whole_.read(address, out);
  }
  Result<std::vector<PhysicalRange>> populated() const override { return whole_.populated(); }

 private:
  const GuestMemory& whole_;
  const GuestPhysical hole_;
};

}  // namespace

TEST_CASE_METHOD(TableFixture, "a tape shows the entries of a table that are not damaged") {
  const std::string path = "{rhashtable struct scx_dispatch_q hash_node 9}.id";
  const GuestVirtual one = queue(1), two = queue(2), three = queue(3);
  SECTION("a circle, and an entry without memory") {
    bucket(tables(), 0, one.value + kLink);
    point(one, kLink, one, kLink);
    bucket(tables(), 1, two.value + kLink);
    point(two, kLink, FakeKernel::kNoRam, 64);
    bucket(tables(), 3, three.value + kLink);
    const OpResult result = offline(table, "struct rhashtable", path);
    // What is said to be an entry is left out when its value is read.
    CHECK(keys_in(result) == Keys{1, 2, 3});
    CHECK(result.broke_off.ends_with("a chain of its entries is a circle"));
  }
  SECTION("a page of buckets that was not captured") {
    const GuestVirtual large = fake.allocate(kBuckets + 2048 * 8);
    fake.set(large, "struct bucket_table", "size", 2048);
    fake.put(table, large.value, 8);
    // The page of bucket 1024 is lost, and no other: these are next to it.
    const uint64_t hole = (large.value + kBuckets + 1024 * 8) / 4096 * 4096;
    const uint64_t begin = (hole - large.value - kBuckets) / 8;
    bucket(large, begin - 1, one.value + kLink);
    bucket(large, begin, two.value + kLink);
    bucket(large, begin + 512, three.value + kLink);
    const HoledMemory memory(fake.memory(),
                             must(fake.kernel().translate(fake.memory(), GuestVirtual(hole))));
    OpExecutor reader(fake.kernel(), Lists::kAsFarAsTheyGo);
    const OpResult result =
        reader.read(memory, {read_of(virtual_target(table, "struct rhashtable", path))}).at(0);
    CHECK(keys_in(result) == Keys{1, 3});
    CHECK(result.broke_off.starts_with("not captured"));
  }
}

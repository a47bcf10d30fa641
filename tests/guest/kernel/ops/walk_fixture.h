// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "guest/kernel/ops/op_executor.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/kernel/make_op.h"

namespace ktape::test {

// Lists, trees and tables of struct fake_entry in a fake kernel.

inline constexpr uint64_t kNode = 8;  // of struct fake_entry
inline constexpr uint64_t kChain = 32;
inline constexpr uint64_t kHash = 40;
inline constexpr uint64_t kRight = 8;  // of struct rb_node
inline constexpr uint64_t kLeft = 16;

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
    CHECK(result.status == schema::EntryStatus::DONE);
    std::vector<uint64_t> found;
    for (const OpValue& value : result.list) found.push_back(number_in(value));
    return found;
  }
  std::string failure(const std::string& path) {
    const OpResult result = read(path);
    CHECK(result.status != schema::EntryStatus::DONE);
    return result.reason;
  }
  // What `path` reads from `at`, as a tape is read: lists as far as they go, also several.
  OpResult offline(GuestVirtual at, const std::string& type, const std::string& path) {
    OpExecutor reader(fake.kernel(), Lists::kAsFarAsTheyGo);
    return reader.read(fake.memory(), {read_of(virtual_target(at, type, path))}).at(0);
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

inline Keys keys_in(const OpResult& result) {
  INFO(result.reason);
  CHECK(result.status == schema::EntryStatus::DONE);
  Keys found;
  for (const OpValue& value : result.list) found.push_back(number_in(value));
  return found;
}

}  // namespace ktape::test

// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/value_text.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string_view>

#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

struct Fixture {
  // As the member of this type and name shows it.
  std::string shown(std::string_view type, std::string_view member, uint64_t value,
                    bool with_memory = true) {
    const FieldInfo field = must(fake.kernel().btf().field(type, member));
    std::vector<std::byte> bytes(field.type.size_bytes);
    std::memcpy(bytes.data(), &value, bytes.size());
    ValueContext context{&fake.kernel()};
    if (with_memory) context.memory = [&] { return &fake.memory(); };
    return value_text(fake.kernel().btf(), field.type, bytes, context);
  }
  std::string pointer(uint64_t value) { return shown("struct task_struct", "stats", value); }
  std::string text(uint64_t value, bool with_memory = true) {
    return shown("struct scx_sched", "cgrp_path", value, with_memory);
  }
  GuestVirtual put_text(GuestVirtual at, std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i)
      fake.put(at + i, static_cast<unsigned char>(text[i]), 1);
    return at;
  }

  FakeKernel fake;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a pointer has the name of the symbol it points to or into") {
  const GuestVirtual at = fake.symbol("ext_sched_class");
  CHECK(pointer(at.value).ends_with(" (ext_sched_class)"));
  CHECK(pointer(at.value + 8).ends_with(" (ext_sched_class+0x8)"));
  CHECK(pointer(0xffff888000500000) == "0xffff888000500000");
  CHECK(pointer(0) == "NULL");
}

TEST_CASE_METHOD(Fixture, "a per-CPU pointer is not named after the data behind the section") {
  CHECK(pointer(fake.symbol("runqueues").value + 8).ends_with(" (per-CPU runqueues+0x8)"));
  const uint64_t end = fake.symbol("__per_cpu_end").value;
  CHECK(pointer(end + 0x1238).find('(') == std::string::npos);
  CHECK(pointer(end).ends_with(" (__per_cpu_end)"));
}

TEST_CASE_METHOD(Fixture, "a char * is followed to its text if that was captured") {
  const GuestVirtual path = put_text(fake.allocate(64), "/slice/a\x1b");
  CHECK(text(path.value).ends_with(" \"/slice/a\\x1b\""));
  CHECK(text(path.value, false).find('"') == std::string::npos);
  CHECK(text(FakeKernel::kNoRam.value).find('"') == std::string::npos);
  CHECK(text(0x1000) == "0x1000");  // not mapped
  CHECK(text(0) == "NULL");
}

TEST_CASE_METHOD(Fixture,
                 "a text may end on a page whose successor was not captured, but not begin") {
  const GuestVirtual last = FakeKernel::kNoRam + (0 - uint64_t{8});
  put_text(last, std::string_view("ends\0xx", 7));
  CHECK(text(last.value).ends_with(" \"ends\""));
  put_text(last, "too long");
  CHECK(text(last.value).find('"') == std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a text without an end is cut") {
  const GuestVirtual path = put_text(fake.allocate(4096), std::string(1000, 'x'));
  CHECK(text(path.value).ends_with(std::string(256, 'x') + "...\""));
}

TEST_CASE("the values of a list are counted, and those after the limit as well") {
  CHECK(list_text({}, false, 9) == "0 entries");
  CHECK(list_text({"77"}, false, 9) == "1 entry: 77");
  CHECK(list_text({"77", "78"}, true, 9) == "2 entries and more: 77, 78");
  CHECK(list_text({"77", "78", "79"}, false, 2) == "3 entries: 77, 78 and 1 more");
  CHECK(list_text({"{\n}", "{\n}"}, false, 1) == "2 entries:\n[0] {\n}\nand 1 more");
}

}  // namespace ktape::test

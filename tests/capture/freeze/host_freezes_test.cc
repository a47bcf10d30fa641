// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/host_freezes.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "schema/base/file.h"
#include "tests/capture/freeze/host_freezes_fixture.h"

namespace ktape::test {

using schema::FreezeCause;

TEST_CASE_METHOD(
    HostFreezesFixture,
    "an exit with an error freezes, with the kernel's message and the workers' places") {
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  worker();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  const auto seen = freezes_seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].cause == FreezeCause::TRIGGER);
  CHECK(seen[0].trigger == "scx-error");
  CHECK(seen[0].vcpu == 1);
  CHECK(seen[0].op == 1);
  CHECK(seen[0].detail == "SCX_EXIT_ERROR_STALL (1026): stall: w[70] failed to run for 3.024s");
  const auto tags = tags_read();
  for (const char* tag : {"jiffies_64", "scx_exit_info.kind", "w.__state", "w.on_rq"}) {
    INFO(tag);
    CHECK(std::count(tags.begin(), tags.end(), tag) == 1);
  }
  CHECK(replies.empty());  // the guest hears nothing of it
  CHECK_FALSE(machine().frozen());
  // It may err again.
  CHECK(machine().breakpoints() == std::set<uint64_t>{address("scx_error_irq_workfn")});
}

TEST_CASE_METHOD(HostFreezesFixture, "a worker in no DSQ has no DSQ id read, and no read fails") {
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  worker();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  CHECK(tags_asked() == tags_read());
  CHECK(std::ranges::count(tags_read(), "w.scx.dsq") == 1);
  CHECK(std::ranges::count(tags_asked(), "w.scx.dsq->id") == 0);
}

TEST_CASE_METHOD(HostFreezesFixture, "a worker in a DSQ has the DSQ's id read") {
  queue(worker_);
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  worker();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  CHECK(std::ranges::count(tags_read(), "w.scx.dsq->id") == 1);
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "the task that a stall names is read even if it is not a worker") {
  says("k]2[71] failed to run for 3.024s");
  queue(other_);
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  worker();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  const auto tags = tags_read();
  for (const char* tag : {"w.on_rq", "k]2[71].on_rq", "k]2[71].scx.dsq->id"}) {
    INFO(tag);
    CHECK(std::ranges::count(tags, tag) == 1);
  }
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "a stall of a task that does not exist, or of a worker, adds nothing to read") {
  says(GENERATE("k]2[72] failed to run for 3.024s", "w[70] failed to run for 3.024s"));
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  worker();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  CHECK(std::ranges::count(tags_asked(), "w.on_rq") == 1);
  CHECK(std::ranges::count_if(tags_asked(),
                              [](const std::string& tag) { return tag.ends_with(".on_rq"); }) == 1);
}

TEST_CASE_METHOD(HostFreezesFixture, "unregistering a scheduler does not freeze") {
  load(kUnregistered);
  freezes.triggers = {scx_error_};
  hello();
  stands_at("scx_error_irq_workfn");
  breakpoint();
  finish();
  CHECK(freezes_seen().empty());
  CHECK_FALSE(machine().frozen());
}

TEST_CASE_METHOD(HostFreezesFixture, "a stop with no CPU left at a breakpoint is resumed") {
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  breakpoint();
  finish();
  CHECK(freezes_seen().empty());
  CHECK_FALSE(machine().frozen());
}

TEST_CASE_METHOD(HostFreezesFixture,
                 "a trigger fires as often as allowed, and its breakpoint is then cleared") {
  load(kErrorStall);
  freezes.triggers = {scx_error_};
  hello();
  stands_at("scx_error_irq_workfn");
  for (int i = 0; i < 3; ++i) breakpoint();
  finish();
  CHECK(freezes_seen().size() == 2);
  CHECK(machine().breakpoints().empty());
  CHECK(triggers_sealed() == std::vector<std::string>{"scx-error armed 2"});
}

TEST_CASE_METHOD(HostFreezesFixture, "a function that is entered freezes under its name") {
  load();
  freezes.triggers = {{"symbol:jiffies_64", "jiffies_64", 1, false}};
  hello();
  stands_at("jiffies_64");
  breakpoint();
  finish();
  const auto seen = freezes_seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].trigger == "symbol:jiffies_64");
  CHECK(seen[0].detail.empty());
  CHECK(machine().breakpoints().empty());
}

TEST_CASE_METHOD(HostFreezesFixture, "a user's request to freeze freezes once") {
  UniqueFd signal(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  load();
  // The signal is checked after an event: after the hello.
  hello();
  done();
  ended();
  CHECK(run({.end_fd = -1, .freeze_fd = signal.get()}).outcome == schema::Outcome::COMPLETED);
  const auto seen = freezes_seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].cause == FreezeCause::USER);
  CHECK(std::ranges::count(progress.lines, "frozen on demand") == 1);
}

TEST_CASE_METHOD(HostFreezesFixture, "before the kernel is known a request to freeze is refused") {
  UniqueFd signal(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  load();
  console("booting\n");
  hello();
  done();
  ended();
  CHECK(run({.end_fd = -1, .freeze_fd = signal.get()}).outcome == schema::Outcome::COMPLETED);
  CHECK(freezes_seen().empty());
  CHECK(std::count(progress.lines.begin(), progress.lines.end(),
                   "not frozen: the kernel is not adopted yet") == 1);
}

TEST_CASE_METHOD(HostFreezesFixture, "workers that do not fit into a freeze's reads are counted") {
  load(kErrorStall);
  hello();
  for (int i = 0; i < 66; ++i) worker();
  finish();
  uint64_t lost = 0;
  read([&](schema::Record::Reader record) {
    if (!record.isSealed()) return;
    for (auto loss : record.getSealed().getLosses()) {
      if (std::string_view(loss.getName().cStr()) == "unread_workers") lost += loss.getCount();
    }
  });
  CHECK(lost == 2);
}

}  // namespace ktape::test

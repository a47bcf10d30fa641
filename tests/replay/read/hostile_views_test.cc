// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>
#include <span>
#include <string>

#include "replay/read/view.h"
#include "replay/read/view_output.h"
#include "schema/wire/data.h"
#include "tests/replay/read/read_fixture.h"
#include "tests/support/kernel/fake_kernel_types.h"
#include "tests/support/kernel/fake_scheduler.h"

// Views of what only a hostile or damaged tape has, and of what the other fake kernels lack.

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

constexpr char kGroupType[] = "struct task_group";

Digest kept(TapeWriter& writer, const char* name, std::span<const std::byte> content) {
  return must(writer.add_blob(name, content));
}

FakeTape::EditKernel with_types(const std::vector<std::byte>& btf) {
  return [=](schema::KernelIdentified::Builder kernel, TapeWriter& writer) {
    const Digest hash = kept(writer, "btf", btf);
    kernel.setBtfDigest(as_data(std::span<const std::byte>(hash)));
  };
}

// The symbols of a fake kernel, with a text among them replaced.
FakeTape::EditKernel with_symbols(const std::string& old_text, const std::string& new_text) {
  return [=](schema::KernelIdentified::Builder kernel, TapeWriter& writer) {
    std::string text = FakeKernel().knowledge()->symbols.text();
    text.replace(text.find(old_text), old_text.size(), new_text);
    const Digest hash = kept(writer, "symbols", as_bytes(text));
    kernel.setSymbolsDigest(as_data(std::span<const std::byte>(hash)));
  };
}

// Its task groups are a tree. The root has a cgroup.
struct GroupFixture : ViewFixture {
  GroupFixture() : ViewFixture(edit()), kernel(tape.kernel()), root(kernel.symbol("task_groups")) {
    end_list(root);
    kernel.set(root, kGroupType, "css.cgroup", new_cgroup().value);
  }

  // Its root_task_group is where the other fake kernels have their list of groups.
  static FakeTape::EditKernel edit() {
    return [](schema::KernelIdentified::Builder to, TapeWriter& writer) {
      with_types(fake_kernel_btf({.group_tree = true}))(to, writer);
      with_symbols("D task_groups", "D root_task_group")(to, writer);
    };
  }

  // Of struct task_group: offsets as in fake_kernel_types.cc.
  static GuestVirtual children(GuestVirtual group) { return group + 64; }
  static GuestVirtual siblings(GuestVirtual group) { return group + 80; }

  void end_list(GuestVirtual group) {
    for (uint64_t pointer : {0, 8}) kernel.put(children(group) + pointer, children(group).value, 8);
  }
  GuestVirtual new_cgroup() {
    const GuestVirtual cgroup = kernel.allocate(16);
    node = kernel.allocate(32);
    kernel.set(cgroup, "struct cgroup", "kn", node.value);
    return cgroup;
  }
  void name_node(const std::string& name) {
    const GuestVirtual text = kernel.allocate(name.size() + 1);
    for (size_t i = 0; i < name.size(); ++i) kernel.put(text + i, static_cast<uint8_t>(name[i]), 1);
    kernel.set(node, "struct kernfs_node", "name", text.value);
  }
  GuestVirtual add_group() {
    const GuestVirtual group = kernel.allocate(96);
    end_list(group);
    kernel.link(children(root), siblings(group));
    return group;
  }

  FakeKernel& kernel;
  GuestVirtual root;
  GuestVirtual node;
};

}  // namespace

TEST_CASE_METHOD(GroupFixture, "a weight is in the range of cpu.weight") {
  const std::pair<uint64_t, const char*> weights[] = {
      {3, "1"}, {1024, "100"}, {uint64_t{1} << 30, "10000"}};
  for (const auto& [shares, shown] : weights)
    kernel.set(add_group(), kGroupType, "shares", shares * 1024);
  const ChildResult child = view("cgroups", {"--csv"});
  for (const auto& [shares, shown] : weights)
    CHECK_THAT(child.output, ContainsSubstring(",,," + std::string(shown) + ",,,,"));
}

TEST_CASE_METHOD(GroupFixture, "an endless path of a cgroup is cut, and its row says so") {
  name_node(std::string(200, 'n'));
  kernel.set(node, "struct kernfs_node", "__parent", node.value);
  const ChildResult child = view("cgroups");
  CHECK(child.exit_status == 77);
  CHECK(child.output.size() < 6000);
  CHECK_THAT(child.output, ContainsSubstring("…/nnnn"));
  CHECK_THAT(child.output, ContainsSubstring("\n  ? path: the path is too long\n"));
}

TEST_CASE_METHOD(GroupFixture, "a view that reads more than a kernel has ends, and says so") {
  const uint64_t cgroup = kernel.value(root, kGroupType, "css.cgroup");
  name_node("n");
  kernel.set(node, "struct kernfs_node", "__parent", node.value);
  constexpr int kGroups = 10'000;
  for (int i = 0; i < kGroups; ++i) kernel.set(add_group(), kGroupType, "css.cgroup", cgroup);
  const ChildResult child = view("cgroups");
  CHECK(child.exit_status == 77);
  CHECK_THAT(child.output,
             ContainsSubstring("\n  incomplete: the view is too large; the rest is not read\n"));
  CHECK(std::count(child.output.begin(), child.output.end(), '\n') < kGroups);
}

TEST_CASE_METHOD(GroupFixture, "of the reasons of many cells, the first are shown") {
  for (uint64_t i = 1; i <= 30; ++i)
    kernel.set(add_group(), kGroupType, "css.cgroup", i * 0x100000);
  const ChildResult child = view("cgroups");
  CHECK(child.exit_status == 77);
  size_t reasons = 0;
  for (size_t at = 0; (at = child.output.find(": guest-virtual 0x", at)) != std::string::npos; ++at)
    ++reasons;
  CHECK(reasons == 20);
  CHECK_THAT(child.output, ContainsSubstring("\n  ? and 40 more cells\n"));
}

TEST_CASE("a long cell is cut, and one that stays long pads its own row only") {
  CHECK(*ViewCell::of(std::string(300, 'x')).text == std::string(256, 'x') + " (… 44 more bytes)");
  ViewTable table{"things", {"a", "b"}, {}, {}};
  table.rows = {{{std::string(4000, 'x'), ""}, {"1", ""}}, {{"y", ""}, {"2", ""}}};
  const std::string text = view_text(table);
  CHECK(text.size() < 4500);
  CHECK_THAT(text, ContainsSubstring("\n  y" + std::string(129, ' ') + "2\n"));
}

TEST_CASE("the name of a symbol is printed without what a terminal interprets") {
  ViewFixture fixture(with_symbols("rt_sched_class", "\x1b[31mrt_sched_class"));
  fixture.tape.kernel().set_task(fixture.tape.task(), "sched_class",
                                 fixture.tape.kernel().symbol("rt_sched_class").value);
  const ChildResult child = fixture.view("workers");
  CHECK_THAT(child.output, ContainsSubstring("\\x1b[31mrt "));
  CHECK(child.output.find('\x1b') == std::string::npos);
  const ChildResult value = fixture.view("task:sleeper.sched_class");
  CHECK_THAT(value.output, ContainsSubstring("(\\x1b[31mrt_sched_class)"));
  CHECK(value.output.find('\x1b') == std::string::npos);
}

TEST_CASE("the DSQs that a scheduler has for bypass are listed, or the reason why not") {
  ViewFixture fixture(with_types(fake_kernel_btf({.bypass_queues = true})));
  FakeKernel& kernel = fixture.tape.kernel();
  constexpr uint64_t kPcpu = 200;
  // Its per-CPU pointer is in another page than what is before it.
  constexpr uint64_t kPage = 4096;
  const uint64_t used = (kernel.allocate(64).value + 64) % kPage;
  kernel.allocate((2 * kPage - 192 - used) % kPage);
  FakeScheduler root(kernel, "rooted");
  REQUIRE((root.address() + kPcpu).value % kPage == kPcpu - 192);
  root.become_root();
  SECTION("listed") {
    kernel.put(root.address() + kPcpu, kernel.symbol("scx_per_cpu").value, 8);
    const ChildResult child = fixture.view("dsqs", {"--csv"});
    CHECK_THAT(child.output, ContainsSubstring(",cpu 1,0,rooted,"));
  }
  SECTION("its pointer was not captured") {
    const uint64_t frame =
        must(kernel.kernel().translate(kernel.memory(), root.address() + kPcpu)).value / kPage;
    fixture.tape.keep_frames([=](uint64_t kept) { return kept != frame; });
    const ChildResult child = fixture.view("dsqs");
    CHECK(child.exit_status == 77);
    CHECK_THAT(child.output, ContainsSubstring("\n  incomplete: bypass DSQs: not captured\n"));
  }
}

TEST_CASE_METHOD(ViewFixture, "that there are more schedulers than are read is said") {
  FakeKernel& kernel = tape.kernel();
  FakeScheduler root(kernel, "rooted");
  root.become_root();
  for (int i = 0; i < 1030; ++i) FakeScheduler(kernel, "sub").become_child_of(root, "/a");
  const ChildResult child = view("dsqs");
  CHECK(child.exit_status == 77);
  CHECK_THAT(child.output,
             ContainsSubstring("\n  incomplete: schedulers: there are more than 1024\n"));
}

TEST_CASE("why the schedulers of a kernel cannot be read is said") {
  std::vector<std::byte> btf = fake_kernel_btf({});
  const std::string_view name = "SCX_OPS_SWITCH_PARTIAL";
  const auto bytes = std::as_bytes(std::span(name));
  const auto at = std::search(btf.begin(), btf.end(), bytes.begin(), bytes.end());
  REQUIRE(at != btf.end());
  *at = std::byte{'X'};
  ViewFixture fixture(with_types(btf));
  const ChildResult child = fixture.view("dsqs");
  CHECK(child.exit_status == 77);
  CHECK_THAT(child.output, ContainsSubstring("\n  incomplete: schedulers: this kernel has no "
                                             "SCX_OPS_SWITCH_PARTIAL\n"));
}

}  // namespace ktape::test

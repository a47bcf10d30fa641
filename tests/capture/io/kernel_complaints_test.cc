// SPDX-License-Identifier: Apache-2.0
// Console texts as 6.16.12 printed them, shortened in the middle, unless stated otherwise.
#include "capture/io/kernel_complaints.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

namespace ktape::test {

using schema::OopsKind;

namespace {

constexpr std::string_view kOops =
    "[    9.950794] BUG: kernel NULL pointer dereference, address: 0000000000000040\r\n"
    "[    9.952961] #PF: supervisor read access in kernel mode\r\n"
    "[    9.953475] Oops: Oops: 0000 [#1] SMP NOPTI\r\n"
    "[    9.953810] CPU: 0 UID: 0 PID: 149 Comm: victim Not tainted 6.16.12+deb13-cloud-amd64 #1 "
    "PREEMPT(lazy)\r\n"
    "[    9.954541] RIP: 0010:__blk_flush_plug+0x33/0x150\r\n"
    "[    9.955602] Call Trace:\r\n"
    "[    9.956071]  <TASK>\r\n"
    "[    9.956334]  schedule+0x99/0xd0\r\n"
    "[    9.958147]  </TASK>\r\n"
    "[    9.958350] CR2: 0000000000000040\r\n"
    "[    9.958547] ---[ end trace 0000000000000000 ]---\r\n";
constexpr std::string_view kAfterOops =
    "[    9.958700] RIP: 0010:__blk_flush_plug+0x33/0x150\r\n"
    "[    9.959475] note: victim[149] exited with irqs disabled\r\n";
constexpr std::string_view kWarning =
    "[    9.960053] ------------[ cut here ]------------\r\n"
    "[    9.960147] WARNING: CPU: 0 PID: 149 at kernel/exit.c:902 do_exit+0x7de/0xa60\r\n"
    "[    9.960230] Modules linked in:\r\n"
    "[    9.961661] Call Trace:\r\n"
    "[    9.962409]  </TASK>\r\n"
    "[    9.962459] ---[ end trace 0000000000000000 ]---\r\n";
constexpr std::string_view kProtectionFault =
    "[   13.247657] Oops: general protection fault, probably for non-canonical address "
    "0xffff000a1f421b40: "
    "0000 "
    "[#2] SMP NOPTI\r\n"
    "[   13.248098] RIP: 0010:rb_insert_color+0x26/0x130\r\n"
    "[   13.248098] ---[ end trace 0000000000000000 ]---\r\n";
constexpr std::string_view kPanic =
    "[   13.248098] Kernel panic - not syncing: Fatal exception in interrupt\r\n";
// As lib/bug.c and arch/x86/kernel/dumpstack.c print it.
constexpr std::string_view kBug = R"([    5.000001] ------------[ cut here ]------------
[    5.000002] kernel BUG at kernel/sched/core.c:5000!
[    5.000003] Oops: invalid opcode: 0000 [#1] SMP NOPTI
[    5.000004] ---[ end trace 0000000000000000 ]---
)";
// As kernel/watchdog.c and kernel/rcu/tree_stall.h print it.
constexpr std::string_view kSoftLockup =
    R"([   60.000001] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [spinner:150]
[   60.000002] CPU#1 Utilization every 4s during lockup:
[   60.000003] Call Trace:
[   60.000004]  <TASK>
[   60.000005]  </TASK>
)";
constexpr std::string_view kRcuStall =
    "[   81.000001] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n"
    "[   81.000002] rcu: \t1-...!: (0 ticks this GP) idle=6d3c/1/0x4000000000000000\n"
    "[   81.000003]  </TASK>\n";

class Console {
 public:
  Console& prints(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
      complaints.line(std::string(text.substr(0, end)));
      text.remove_prefix(end);
    }
    return *this;
  }
  std::vector<KernelComplaint> found() {
    complaints.end();
    return complaints.take();
  }
  KernelComplaints complaints;
};

}  // namespace

TEST_CASE("an oops is one complaint, from its first line to the end of its trace") {
  const auto found = Console().prints("[    1.0] fine\n").prints(kOops).prints(kAfterOops).found();
  REQUIRE(found.size() == 1);
  CHECK(found[0].kind == OopsKind::OOPS);
  CHECK(found[0].headline == "BUG: kernel NULL pointer dereference, address: 0000000000000040");
  CHECK(found[0].text == kOops);
}

TEST_CASE("a warning begins with its cut line") {
  const auto found = Console().prints(kWarning).prints("[   10.0] fine\n").found();
  REQUIRE(found.size() == 1);
  CHECK(found[0].kind == OopsKind::WARNING);
  CHECK(found[0].headline == "WARNING: CPU: 0 PID: 149 at kernel/exit.c:902 do_exit+0x7de/0xa60");
  CHECK(found[0].text == kWarning);
}

TEST_CASE("each kind is recognised") {
  const auto found = Console()
                         .prints(kOops)
                         .prints(kWarning)
                         .prints(kProtectionFault)
                         .prints(kBug)
                         .prints(kSoftLockup)
                         .prints(kRcuStall)
                         .found();
  REQUIRE(found.size() == 6);
  CHECK(found[0].kind == OopsKind::OOPS);
  CHECK(found[1].kind == OopsKind::WARNING);
  CHECK(found[2].kind == OopsKind::OOPS);
  CHECK(found[3].kind == OopsKind::BUG);
  CHECK(found[3].headline == "kernel BUG at kernel/sched/core.c:5000!");
  CHECK(found[4].kind == OopsKind::LOCKUP);
  CHECK(found[4].text == kSoftLockup);
  CHECK(found[5].kind == OopsKind::LOCKUP);
}

TEST_CASE("a warning in the words of later kernels is recognised by the cut line before it") {
  const std::string later =
      "[    1.2] WARNING: kernel/exit.c:902 at do_exit+0x7de/0xa60, CPU#0: victim/149\n";
  CHECK(Console()
            .prints("[    1.1] ------------[ cut here ]------------\n")
            .prints(later)
            .found()
            .size() == 1);
  CHECK(Console().prints("[    1.1] fine\n").prints(later).found().empty());
}

TEST_CASE("a warning with its own message has it between the cut line and the warning") {
  const std::string text =
      "[    1.1] ------------[ cut here ]------------\n"
      "[    1.2] refcount_t: underflow; use-after-free.\n"
      "[    1.3] WARNING: lib/refcount.c:28 at refcount_warn_saturate+0xbe/0x110, CPU#0: "
      "victim/149\n"
      "[    1.4] ---[ end trace 0000000000000000 ]---\n";
  const auto found = Console().prints(text).found();
  REQUIRE(found.size() == 1);
  CHECK(found[0].kind == OopsKind::WARNING);
  CHECK(found[0].text == text);
}

TEST_CASE("a cut line with nothing after it is forgotten") {
  Console console;
  console.prints("[    1.1] ------------[ cut here ]------------\n");
  for (int line = 0; line < 8; ++line) console.prints("[    1.2] fine\n");
  CHECK(console.prints("[    1.3] WARNING: something else\n").found().empty());
}

TEST_CASE("a stack overflow is an oops, reported in two lines") {
  const auto found = Console()
                         .prints(
                             "[    1.1] BUG: TASK stack guard page was hit at ffffc9000003fff8\n"
                             "[    1.2] Oops: stack guard page: 0000 [#1] SMP NOPTI\n"
                             "[    1.3] ---[ end trace 0000000000000000 ]---\n")
                         .found();
  REQUIRE(found.size() == 1);
  CHECK(found[0].kind == OopsKind::OOPS);
}

TEST_CASE(
    "the end of a stall, and the holder of what a task waits for, are not separate complaints") {
  CHECK(
      Console()
          .prints("[    1.1] rcu: INFO: Stall ended before state dump start\n"
                  "[    1.2] INFO: task a:7 is blocked on a mutex, but the owner is not found.\n"
                  "[    1.3] INFO: task a:7 blocked on a semaphore likely last held by task b:8\n")
          .found()
          .empty());
}

TEST_CASE("a lockup without an end marker does not swallow the BUG after it") {
  const auto found = Console().prints(kRcuStall.substr(0, 70)).prints("\n").prints(kBug).found();
  REQUIRE(found.size() == 2);
  CHECK(found[0].kind == OopsKind::LOCKUP);
  CHECK(found[1].kind == OopsKind::BUG);
  CHECK(found[1].text == kBug);
}

TEST_CASE("a panic is not a complaint, and ends the complaint that led to it") {
  CHECK(Console().prints(kPanic).found().empty());
  const auto found =
      Console().prints(kOops.substr(0, 200)).prints("\n").prints(kPanic).prints(kAfterOops).found();
  REQUIRE(found.size() == 1);
  CHECK(found[0].text.find("Kernel panic") == std::string::npos);
}

TEST_CASE("words in the middle of a line are not a complaint") {
  CHECK(Console().prints("[    1.0] Command line: note=\"Oops: x\" BUG: y\n").found().empty());
}

TEST_CASE("complaints are bounded in number and in size, and what was left out is counted") {
  Console many;
  for (size_t i = 0; i < KernelComplaints::kMaxComplaints + 3; ++i) many.prints(kWarning);
  CHECK(many.found().size() == KernelComplaints::kMaxComplaints);
  CHECK(many.complaints.take_losses().complaints == 3);
  CHECK(many.complaints.take_losses().complaints == 0);

  Console large;
  large.prints("Oops: 1\n");
  for (int i = 0; i < 100; ++i) large.prints(std::string(1000, 'x') + "\n");
  const auto found = large.found();
  REQUIRE(found.size() == 1);
  CHECK(found[0].text.size() <= KernelComplaints::kMaxTextBytes);
  CHECK(found[0].text.size() + large.complaints.take_losses().text_bytes == 8 + 100 * 1001);
}

TEST_CASE("a complaint without an end is over after two hundred lines") {
  Console console;
  console.prints("rcu: INFO: rcu_preempt self-detected stall on CPU\n");
  for (int i = 0; i < 500; ++i) console.prints("line\n");
  const auto found = console.found();
  REQUIRE(found.size() == 1);
  CHECK(found[0].text.size() < 200 * 6 + 100);
}

}  // namespace ktape::test

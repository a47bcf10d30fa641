// SPDX-License-Identifier: Apache-2.0
// Stock kernels complain in the words by which complaints are recognised: the formats in their
// images, and a line that each would print.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "capture/io/kernel_complaints.h"
#include "guest/kernel/image/kernel_image.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"

namespace ktape::test {

using schema::OopsKind;

namespace {

constexpr char kCut[] = "------------[ cut here ]------------\n";

struct Wording {
  std::string_view format;  // in the image, with its level
  std::string_view line;    // as printed
  OopsKind kind;
};

// Each kernel has one of each row.
const std::vector<std::vector<Wording>>& wordings() {
  static const std::vector<std::vector<Wording>> all = {
      {{"\001"
        "1BUG: kernel NULL pointer dereference, address: %px\n",
        "BUG: kernel NULL pointer dereference, address: 0000000000000040\n", OopsKind::OOPS}},
      {{"\001"
        "1BUG: unable to handle page fault for address: %px\n",
        "BUG: unable to handle page fault for address: ffff8d2c1f421b40\n", OopsKind::OOPS}},
      {{"Oops: %s: %04lx [#%d]%s%s%s%s\n", "Oops: divide error: 0000 [#1] SMP NOPTI\n",
        OopsKind::OOPS}},
      {{"\001"
        "2kernel BUG at %s:%u!\n",
        "kernel BUG at kernel/sched/core.c:5000!\n", OopsKind::BUG}},
      {{"\001"
        "0watchdog: BUG: soft lockup - CPU#%d stuck for %us! [%s:%d]\n",
        "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [spinner:150]\n", OopsKind::LOCKUP}},
      {{"\001"
        "0watchdog: CPU%u: Watchdog detected hard LOCKUP on cpu %u\n",
        "watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 1\n", OopsKind::LOCKUP}},
      {{"\001"
        "3rcu: INFO: %s self-detected stall on CPU\n",
        "rcu: INFO: rcu_preempt self-detected stall on CPU\n", OopsKind::LOCKUP}},
      {{"\001"
        "3rcu: INFO: %s detected stalls on CPUs/tasks:\n",
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n", OopsKind::LOCKUP}},
      {{"\001"
        "3rcu: INFO: %s detected expedited stalls on CPUs/tasks: {",
        "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-.... } 21 jiffies s: "
        "33 root: "
        "0x2/.\n",
        OopsKind::LOCKUP}},
      {{"\001"
        "3INFO: rcu_tasks detected stalls on tasks:\n",
        "INFO: rcu_tasks detected stalls on tasks:\n", OopsKind::LOCKUP}},
      {{"\001"
        "3INFO: task %s:%d blocked for more than %ld seconds.\n",
        "INFO: task sleeper:149 blocked for more than 120 seconds.\n", OopsKind::LOCKUP},
       {"\001"
        "3INFO: task %s:%d blocked%s for more than %ld seconds.\n",
        "INFO: task sleeper:149 blocked in I/O wait for more than 120 seconds.\n",
        OopsKind::LOCKUP}},
      {{"\001"
        "4WARNING: CPU: %d PID: %d at %s:%d %pS\n",
        "WARNING: CPU: 0 PID: 149 at kernel/exit.c:902 do_exit+0x7de/0xa60\n", OopsKind::WARNING},
       {"\001"
        "4WARNING: %s:%d at %pS, CPU#%d: %s/%d\n",
        "WARNING: kernel/exit.c:902 at do_exit+0x7de/0xa60, CPU#0: victim/149\n",
        OopsKind::WARNING}},
      {{"\001"
        "3BUG: scheduling while atomic: %s/%d/0x%08x\n",
        "BUG: scheduling while atomic: swapper/0/0x00000002\n", OopsKind::WARNING}},
  };
  return all;
}

OopsKind kind_of(std::string_view line) {
  KernelComplaints complaints;
  if (line.starts_with("WARNING: ")) complaints.line(kCut);
  complaints.line("[   12.345678] " + std::string(line));
  complaints.end();
  const auto found = complaints.take();
  return found.size() == 1 ? found[0].kind : OopsKind::NOT_SAID;
}

}  // namespace

TEST_CASE(
    "stock kernels complain in words that distinguish a BUG, an oops, a warning and a lockup") {
  const std::vector<std::string> versions = versions_with_sched_ext();
  if (versions.empty()) SKIP("no kernel is cached: tools/kernel tests");
  const std::string version = GENERATE_COPY(from_range(versions));
  const KernelImage image = must(load_kernel_image(cached_kernel(version)));
  const std::string_view text(reinterpret_cast<const char*>(image.vmlinux.data()),
                              image.vmlinux.size());
  for (const std::vector<Wording>& row : wordings()) {
    INFO(version << ": " << row.back().line);
    const auto has = [&](const Wording& wording) {
      return text.find(wording.format) != std::string_view::npos;
    };
    CHECK(std::count_if(row.begin(), row.end(), has) == 1);
  }
}

TEST_CASE("a line in the words of stock kernels is of the kind that it reports") {
  for (const std::vector<Wording>& row : wordings()) {
    for (const Wording& wording : row) {
      INFO(wording.line);
      CHECK(kind_of(wording.line) == wording.kind);
    }
  }
}

}  // namespace ktape::test

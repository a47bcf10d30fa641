// SPDX-License-Identifier: Apache-2.0
#include "schema/terms/tcg_fault.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace ktape {

namespace {

// As 7.3.4 printed it under QEMU 10.0.2 after some 100 attaches of a scheduler, without most of its
// registers and its call trace. The site is a nop of two bytes, 66 90.
const std::string kDeath =
    "[   97.618612] Oops: int3: 0000 [#1] SMP NOPTI\n"
    "[   97.630343] CPU: 0 UID: 0 PID: 0 Comm: swapper/0 Not tainted 7.3.4+deb13-cloud-amd64 #1 "
    "PREEMPT(lazy)  Debian "
    "7.3.4-1~bpo13+1 \n"
    "[   97.631181] RIP: 0010:sched_balance_update_blocked_averages+0x45/0x90\n"
    "[   97.632136] Code: 03 1c ed e0 40 13 bb 48 89 df e8 06 b3 ff ff 83 a3 a0 0f 00 00 03 48 89 "
    "df 48 89 "
    "c5 e8 44 17 ff "
    "ff 48 89 df e8 7c f8 ff ff 66 <90> 48 8d 7b 48 e8 d1 d2 da 00 f7 c5 00 02 00 00 74 06 fb 0f "
    "1f 44\n"
    "[   97.632588] RSP: 0018:ffffd30480003f50 EFLAGS: 00000086\n"
    "[   97.642903] Call Trace:\n"
    "[   97.650108] RIP: 0010:pv_native_safe_halt+0xf/0x20\n"
    "[   97.650203] Code: f3 0f 1e fa eb 07 0f 00 2d f5 64 0b 00 fb f4 <c3> cc cc cc cc 66 66 2e "
    "0f 1f 84 "
    "00\n"
    "[   97.666009]  </TASK>\n"
    "[   97.666682] ---[ end trace 0000000000000000 ]---\n";

std::string changed(const std::string& from, const std::string& to) {
  std::string text = kDeath;
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE(
    "a breakpoint trap in the kernel's text where there is no breakpoint is the known fault of "
    "TCG") {
  CHECK(is_patching_fault(kDeath));
}

TEST_CASE("another death is not the known fault of TCG") {
  CHECK_FALSE(is_patching_fault(""));
  CHECK_FALSE(is_patching_fault("Oops: int3: 0000 [#1] SMP NOPTI\n"));
  CHECK_FALSE(is_patching_fault(changed("int3: 0000", "0002")));
  CHECK_FALSE(is_patching_fault(changed("RIP: 0010:sched", "RIP: 0033:sched")));
  CHECK_FALSE(is_patching_fault(changed("66 <90>", "cc <90>")));  // a breakpoint that is there
  CHECK_FALSE(is_patching_fault(changed("66 <90>", "Unable to access opcode bytes at 0x")));
}

}  // namespace ktape

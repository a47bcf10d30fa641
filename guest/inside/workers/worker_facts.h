// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "guest/inside/base/facts.h"
#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// What the kernel reports about a task: fields of /proc/PID/stat, the scheduling lines of
// /proc/PID/sched, and the time at that moment: "uptime" in s (/proc/uptime) and "jiffies"
// (/proc/timer_list). What it does not report is left out. kNotFound if there is no such task.
[[nodiscard]] Result<Facts> read_worker_facts(Pid pid);

// The value of the line "NAME   :   VALUE" in the text of /proc/PID/sched; "" if there is none.
[[nodiscard]] std::string_view sched_value(std::string_view text, std::string_view name);

// The first "jiffies: N" in the text of /proc/timer_list; "" if there is none.
[[nodiscard]] std::string_view jiffies_in(std::string_view timer_list);

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// The parts of /proc/PID/stat (proc_pid_stat(5)) that ktape uses.
struct ProcStat {
  std::string comm;
  char state = '?';                 // 'S', 'T', 'R', ...
  uint64_t start_boottime_ns = 0;   // field 22: start_boottime, rounded down to a clock tick
  std::vector<std::string> fields;  // from field 3 on, unmodified

  // A field by its number in proc_pid_stat(5), from 3 on; "" if the kernel does not have it.
  [[nodiscard]] std::string field(size_t number) const;
};

// The command name may contain spaces and parentheses: it ends at the last ')'. kBadInput if a
// field is missing or not a number.
[[nodiscard]] Result<ProcStat> parse_proc_stat(std::string_view text);

[[nodiscard]] Result<ProcStat> read_proc_stat(Pid pid);

}  // namespace ktape

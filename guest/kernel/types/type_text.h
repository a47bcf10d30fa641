// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "guest/kernel/types/btf.h"

namespace ktape {

struct TypeTextOptions {
  // The text says what was left out beyond this.
  size_t max_lines = 400;
  // What a mask of CPUs has beyond them means nothing (nr_cpumask_bits in include/linux/cpumask.h);
  // 0: all of it is shown.
  uint64_t cpus = 0;
  // The symbol at an address, e.g. "init_task"; empty if unknown. Shown beside pointers.
  std::function<std::string(uint64_t address)> symbol;
  // The bytes at an address up to a NUL, or the first of many; nothing if unknown. Shown beside
  // pointers to characters.
  std::function<std::optional<std::string>(uint64_t address)> text;
};

// The bytes of an object (in the guest's order, from its start) as its type describes them:
//
//   {
//     on_rq = 1
//     state = TASK_RUNNING (0)
//     parent = 0xffff888003a40000
//     comm = "sleeper"
//     sched_reset_on_fork:1 = 0
//     pid_links = [
//       {
//         next = NULL
//       }
//       3 more like it
//     ]
//     union {
//       ...
//     }
//   }
//
// A scalar is one line, and so is a mask of CPUs: "0-3,6". Unions show all of their members,
// bit-fields their value, character arrays their text, runs of equal elements their length. Ends
// without a newline. Safe to print, and bounded for any type and bytes; what lies beyond `bytes`
// appears as "(not there)".
[[nodiscard]] std::string type_text(const Btf& btf, const TypeInfo& type,
                                    std::span<const std::byte> bytes,
                                    const TypeTextOptions& options = {});

}  // namespace ktape

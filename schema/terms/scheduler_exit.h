// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ktape {

// What the numbers of a scheduler's exit mean, for messages about it. BPF schedulers and their
// programs are built against these values (kernel/sched/ext.c, enum scx_exit_kind and enum
// scx_exit_code), so they hold for every kernel, even without its type information.

// Kinds below SCX_EXIT_ERROR are orderly exits: requested by a program, the scheduler itself, the
// kernel, sysrq. From there on the kernel has ejected it.
[[nodiscard]] constexpr bool is_error_exit(uint64_t kind) { return kind >= 1024; }

// "SCX_EXIT_ERROR_STALL (1026)"; "kind 77" for one without a name here.
[[nodiscard]] std::string exit_kind_words(uint64_t kind);

// "code 3", "code 0x1000100000000: restart, CPU hotplug"; empty for 0, which is not a code.
[[nodiscard]] std::string exit_code_words(int64_t code);

// "SCX_EXIT_ERROR_STALL (1026)", "SCX_EXIT_UNREG_KERN (66), code 0x1000100000000: restart, CPU
// hotplug"
[[nodiscard]] std::string exit_words(uint64_t kind, int64_t code);

// "'qmap' was ejected: runtime error: unknown DSQ", safe to print. Reason and message are the
// kernel's.
[[nodiscard]] std::string ejection_words(std::string_view name, std::string_view reason,
                                         std::string_view message);

}  // namespace ktape

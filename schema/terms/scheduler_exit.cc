// SPDX-License-Identifier: Apache-2.0
#include "schema/terms/scheduler_exit.h"

#include <array>
#include <charconv>

#include "schema/base/text.h"

namespace ktape {

namespace {

// kernel/sched/ext.c, SCX_ECODE_*: action in bits 48 to 63, reason in 32 to 47, the rest is the
// scheduler's own.
constexpr uint64_t kReasonShift = 32;
constexpr uint64_t kActionShift = 48;
constexpr uint64_t kPartMask = 0xffff;

std::string hex(uint64_t value) {
  std::array<char, 16> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return {digits.data(), end};
}

// SCX_ECODE_ACT_*
std::string action_words(uint64_t action) {
  return action == 1 ? "restart" : "action " + std::to_string(action);
}

// SCX_ECODE_RSN_*
std::string reason_words(uint64_t reason) {
  switch (reason) {
    case 1: return "CPU hotplug";
    case 2: return "cgroup offline";
    default: return "reason " + std::to_string(reason);
  }
}

}  // namespace

// enum scx_exit_kind of kernel/sched/ext_internal.h; the numbers are part of the kernel's
// interface.
std::string exit_kind_words(uint64_t kind) {
  const char* name = nullptr;
  switch (kind) {
    case 64: name = "SCX_EXIT_UNREG"; break;
    case 65: name = "SCX_EXIT_UNREG_BPF"; break;
    case 66: name = "SCX_EXIT_UNREG_KERN"; break;
    case 67: name = "SCX_EXIT_SYSRQ"; break;
    case 68: name = "SCX_EXIT_PARENT"; break;
    case 69: name = "SCX_EXIT_PARENT_KILL"; break;
    case 1024: name = "SCX_EXIT_ERROR"; break;
    case 1025: name = "SCX_EXIT_ERROR_BPF"; break;
    case 1026: name = "SCX_EXIT_ERROR_STALL"; break;
    case 1027: name = "SCX_EXIT_ERROR_REENQ"; break;
    case 1028: name = "SCX_EXIT_ERROR_RESCUE"; break;
    default: return "kind " + std::to_string(kind);
  }
  return std::string(name) + " (" + std::to_string(kind) + ")";
}

std::string exit_code_words(int64_t code) {
  if (code == 0) return "";
  const auto bits = static_cast<uint64_t>(code);
  // A negative code is a scheduler's own: its high bits are its sign.
  if (code < 0 || bits >> kReasonShift == 0) return "code " + std::to_string(code);
  std::string words;
  const auto add = [&](const std::string& word) { words += (words.empty() ? "" : ", ") + word; };
  if (const uint64_t action = bits >> kActionShift; action != 0) add(action_words(action));
  if (const uint64_t reason = bits >> kReasonShift & kPartMask; reason != 0)
    add(reason_words(reason));
  if (const auto own = static_cast<uint32_t>(bits); own != 0)
    add("its own code " + std::to_string(own));
  return "code 0x" + hex(bits) + ": " + words;
}

std::string exit_words(uint64_t kind, int64_t code) {
  std::string words = exit_kind_words(kind);
  if (const std::string more = exit_code_words(code); !more.empty()) words += ", " + more;
  return words;
}

std::string ejection_words(std::string_view name, std::string_view reason,
                           std::string_view message) {
  std::string words = in_quotes(name) + " was ejected";
  for (std::string_view more : {reason, message}) {
    if (!more.empty()) words += ": " + printable(more);
  }
  return words;
}

}  // namespace ktape

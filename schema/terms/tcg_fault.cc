// SPDX-License-Identifier: Apache-2.0
#include "schema/terms/tcg_fault.h"

namespace ktape {

namespace {

// The text after `mark`; nothing if there is no `mark`.
std::string_view behind(std::string_view text, std::string_view mark) {
  const size_t at = text.find(mark);
  return at == std::string_view::npos ? std::string_view() : text.substr(at + mark.size());
}

}  // namespace

bool is_patching_fault(std::string_view oops) {
  // The word is in arch/x86/kernel/traps.c, the lines in arch/x86/kernel/dumpstack.c: the code
  // segment selector says that it is kernel code, and the byte at RIP is in angle brackets, right
  // after the byte that trapped.
  const std::string_view at = behind(behind(oops, "Oops: int3: "), "RIP: ");
  const std::string_view code = at.starts_with("0010:") ? behind(at, "Code: ") : std::string_view();
  const std::string_view before = code.substr(0, code.substr(0, code.find('\n')).find(" <"));
  return before.size() >= 2 && before.size() < code.size() && !before.ends_with("cc");
}

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/schedulers/bpf_object.h"

// The assembler finds both files in the build folder, through its include path.
asm(R"(
  .section .rodata
  .balign 8
kVtimeObjectBegin:
  .incbin "ktape_vtime.bpf.o"
kVtimeObjectEnd:
kVtimeDigestBegin:
  .incbin "ktape_vtime.bpf.o.sha256"
kVtimeDigestEnd:
  .previous
)");

extern "C" {
extern const std::byte kVtimeObjectBegin[];
extern const std::byte kVtimeObjectEnd[];
extern const char kVtimeDigestBegin[];
extern const char kVtimeDigestEnd[];
}

namespace ktape {

std::span<const std::byte> vtime_object() { return {kVtimeObjectBegin, kVtimeObjectEnd}; }

std::string_view vtime_object_digest() {
  return {kVtimeDigestBegin, static_cast<size_t>(kVtimeDigestEnd - kVtimeDigestBegin)};
}

}  // namespace ktape

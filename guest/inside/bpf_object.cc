// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/bpf_object.h"

// The assembler finds both files in the build folder, by its include path.
asm(R"(
  .section .rodata
  .balign 8
ktape_vtime_object_begin:
  .incbin "ktape_vtime.bpf.o"
ktape_vtime_object_end:
ktape_vtime_digest_begin:
  .incbin "ktape_vtime.bpf.o.sha256"
ktape_vtime_digest_end:
  .previous
)");

extern "C" {
extern const std::byte ktape_vtime_object_begin[];
extern const std::byte ktape_vtime_object_end[];
extern const char ktape_vtime_digest_begin[];
extern const char ktape_vtime_digest_end[];
}

namespace ktape {

std::span<const std::byte> vtime_object() { return {ktape_vtime_object_begin, ktape_vtime_object_end}; }

std::string_view vtime_object_digest() {
  return {ktape_vtime_digest_begin, static_cast<size_t>(ktape_vtime_digest_end - ktape_vtime_digest_begin)};
}

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "guest/kernel/image/elf_image.h"
#include "guest/kernel/image/symbol_table.h"
#include "schema/base/result.h"

namespace ktape {

// A limit for damaged input and for symbols stored on a tape. Kernels have about 200 thousand.
inline constexpr size_t kMaxSymbols = size_t{1} << 21;

// Finds and decodes the tables that scripts/kallsyms.c writes into .rodata, in the order used since
// 6.4 (commit 404bad70fcf7, "scripts/kallsyms: change the output order"):
//
//   num_syms       u32
//   names          per symbol: a length (one byte, or two with bit 7 set), then that many token
//                  numbers. The first character of the expanded name is nm's type letter
//   markers        u32 for every 256th symbol: its offset in names
//   token_table    256 strings, each ended by a zero byte
//   token_index    u16 for each of them: its offset in token_table
//   offsets        i32 per symbol
//   relative_base  u64; newer kernels have none
//
// A vmlinux without symbols does not name these tables, so they are recognised by their mutual
// consistency. Alignment is 8, or 4 on newer kernels. Offsets have one of three encodings: relative
// to relative_base; relative to relative_base for kernel addresses but absolute for per-CPU ones;
// relative to the offset's own address. The right one puts `linux_banner` where the banner is.
//
// The result is sorted by address; names keep the kernel's order among equal addresses. Names are
// not unique. kBadInput if there are no such tables, or no encoding fits. Time is bounded for any
// input of the size that a kernel has.
[[nodiscard]] Result<std::vector<SymbolTable::Symbol>> decode_kallsyms(const ElfImage& vmlinux);

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/memory/guest_memory.h"
#include "schema/base/units.h"

namespace ktape {

// The root of a page-table tree: the address of its top table, and its number of levels.
struct PageTables {
  GuestPhysical root;
  int levels = 4;  // 4 or 5
};

// The mapping of a virtual page.
struct Mapping {
  GuestPhysical address;          // of the requested byte
  uint64_t contiguous_bytes = 0;  // from there to the end of its (4 KiB, 2 MiB or 1 GiB) page
};

// Walks x86-64 page tables (Intel SDM vol. 3, 4.5), for reading: neither permissions nor the user
// bit are looked at. Only entries are read, not the page itself. kOutOfRange if the address is not
// canonical or an entry is not present (the message names level and address), or if a table lies
// outside RAM; else the error of the memory. Reads at most one word per level, whatever the tables
// hold.
[[nodiscard]] Result<Mapping> walk(const GuestMemory& memory, const PageTables& tables,
                                   GuestVirtual address);

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <vector>

#include "guest/memory/flat_memory.h"
#include "guest/memory/page_walk.h"

// Walks page tables in memory filled with the repeated input; its first bytes give the address to
// look up.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kRamBytes = size_t{64} << 10;
  if (size < sizeof(uint64_t) + 1) return 0;
  uint64_t address = 0;
  std::memcpy(&address, data, sizeof address);
  std::vector<std::byte> ram(kRamBytes);
  for (size_t i = 0; i < ram.size(); ++i)
    ram[i] = static_cast<std::byte>(data[sizeof address + i % (size - sizeof address)]);
  const ktape::FlatMemory memory(ram, kRamBytes);
  for (int levels : {4, 5}) {
    (void)ktape::walk(memory, {ktape::GuestPhysical(0), levels}, ktape::GuestVirtual(address));
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/types/btf.h"

// Type information that claims to be a kernel's, and lookups in it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto btf = ktape::Btf::parse(std::as_bytes(std::span(data, size)));
  if (!btf.ok()) return 0;
  constexpr uint32_t kTypes = 64;
  for (uint32_t id = 0; id < kTypes; ++id) {
    const auto type = (*btf)->type(id);
    if (!type.ok()) continue;
    (void)(*btf)->member(id, "a");
    (void)(*btf)->element(*type, 1);
    (void)(*btf)->field(type->name, "a.b[1]");
  }
  (void)(*btf)->variable("runqueues");
  (void)(*btf)->enumerator("e", "A");
  return 0;
}

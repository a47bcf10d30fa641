// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "guest/kernel/image/symbol_table.h"

// A kernel's symbols as stored in a tape: lines of text.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto symbols = ktape::SymbolTable::from_text({reinterpret_cast<const char*>(data), size});
  if (!symbols.ok()) return 0;
  for (const auto& symbol : symbols->symbols()) {
    KTAPE_CHECK(symbols->find(symbol.name).has_value());
    KTAPE_CHECK(!symbols->describe(symbol.address).empty());
  }
  KTAPE_CHECK(ktape::SymbolTable::from_text(symbols->text()).ok());
  return 0;
}

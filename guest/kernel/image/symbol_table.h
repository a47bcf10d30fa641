// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/image/elf_image.h"
#include "schema/base/result.h"

namespace ktape {

// Kernel symbols at link-time addresses. Per-CPU symbols are offsets into the per-CPU area on
// kernels that link it at 0 (up to 6.14), and link addresses on those that do not;
// `Kernel::per_cpu` covers both.
class SymbolTable {
 public:
  struct Symbol {
    uint64_t address = 0;
    char type = '?';  // nm's letter
    std::string name;
  };

  SymbolTable() = default;  // no symbols

  // Decodes the kallsyms tables of a vmlinux (see kallsyms.h). kBadInput when there are none, or
  // when their encoding is not one of those known.
  [[nodiscard]] static Result<SymbolTable> from_kallsyms(const ElfImage& vmlinux);
  // The form kept on a tape: lines "ffffffff81000000 T _text", ascending. `text()` gives it.
  // kBadInput names the line that is not of that form; also for names that were chosen to make
  // lookups slow.
  [[nodiscard]] static Result<SymbolTable> from_text(std::string_view text);
  [[nodiscard]] std::string text() const;

  // Address of the first symbol of that name.
  [[nodiscard]] std::optional<uint64_t> find(std::string_view name) const;
  // Name and offset of the symbol at or below a link-time address: "schedule+0x1c", or "schedule"
  // at its start; empty when there is none below. Of several at one address the first is named.
  [[nodiscard]] std::string describe(uint64_t address) const;
  [[nodiscard]] const std::vector<Symbol>& symbols() const { return symbols_; }

 private:
  [[nodiscard]] static Result<SymbolTable> build(std::vector<Symbol> symbols);
  [[nodiscard]] size_t slot_of(std::string_view name) const;

  std::vector<Symbol> symbols_;  // by address
  // Hash table with open addressing: 1 + index of the first symbol of a name; 0 is free. Its size
  // is a power of two.
  std::vector<uint32_t> by_name_ = {0};
};

}  // namespace ktape

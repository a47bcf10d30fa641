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

// A symbol of this name, with the type '?', marks each place where a slim tape leaves symbols out,
// so that an address there is not attributed to the symbol before it.
inline constexpr std::string_view kLeftOutSymbol = "left_out";

// Kernel symbols at link-time addresses. Per-CPU symbols are offsets into the per-CPU area on
// kernels that link it at 0 (up to 6.14), and link addresses on later ones; `Kernel::per_cpu`
// handles both. Immutable once built. About 200 thousand symbols; a lookup by name is a hash, by
// address a binary search.
class SymbolTable {
 public:
  struct Symbol {
    uint64_t address = 0;
    char type = '?';  // nm's letter
    std::string name;
  };

  SymbolTable() = default;  // no symbols

  // Decodes the kallsyms tables of a vmlinux (see kallsyms.h). kBadInput if there are none, or
  // their encoding is unknown.
  [[nodiscard]] static Result<SymbolTable> from_kallsyms(const ElfImage& vmlinux);
  // Parses the text stored on a tape: lines "ffffffff81000000 T _text", ascending, as written by
  // `text()`. kBadInput names the malformed line; also for names chosen to make lookups slow.
  [[nodiscard]] static Result<SymbolTable> from_text(std::string_view text);
  [[nodiscard]] std::string text() const;

  // Address of the first symbol with that name. Names are not unique: static functions of several
  // files may share one.
  [[nodiscard]] std::optional<uint64_t> find(std::string_view name) const;
  // Name and offset of the symbol at or below a link-time address: "schedule+0x1c", or "schedule"
  // at its start; empty if there is none below. Of several at one address, the first is used.
  [[nodiscard]] std::string describe(uint64_t address) const;
  [[nodiscard]] const std::vector<Symbol>& symbols() const { return symbols_; }

 private:
  [[nodiscard]] static Result<SymbolTable> build(std::vector<Symbol> symbols);
  [[nodiscard]] size_t slot_of(std::string_view name) const;

  std::vector<Symbol> symbols_;  // by address
  // Hash table with open addressing: 1 + index of the first symbol with a name; 0 is free. Its size
  // is a power of two.
  std::vector<uint32_t> by_name_ = {0};
};

}  // namespace ktape

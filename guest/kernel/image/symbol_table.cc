// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/image/symbol_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <functional>
#include <utility>

#include "guest/kernel/image/kallsyms.h"

namespace ktape {
namespace {

constexpr size_t kAddressDigits = 16;
constexpr size_t kNameColumn = kAddressDigits + 3;  // "ffffffff81000000 T _text"

std::optional<SymbolTable::Symbol> parse_line(std::string_view line) {
  if (line.size() <= kNameColumn || line[kAddressDigits] != ' ' || line[kNameColumn - 1] != ' ')
    return std::nullopt;
  SymbolTable::Symbol symbol;
  const char* end = line.data() + kAddressDigits;
  auto parsed = std::from_chars(line.data(), end, symbol.address, 16);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  symbol.type = line[kAddressDigits + 1];
  symbol.name = line.substr(kNameColumn);
  return symbol;
}

}  // namespace

Result<SymbolTable> SymbolTable::build(std::vector<Symbol> symbols) {
  SymbolTable table;
  table.symbols_ = std::move(symbols);
  const size_t count = table.symbols_.size();
  // Open addressing in one vector, not unordered_map: it is built for every capture and every read
  // of a tape, and nodes for 200 thousand names cost more than the decoding.
  table.by_name_.assign(std::bit_ceil(2 * count + 1), 0);
  // At most half full, so names that were not chosen to collide rarely do: 1.5 steps on average.
  // Names on a stranger's tape can be chosen to hash alike, which would make this loop quadratic.
  size_t steps_left = 1024 + 16 * count;
  for (uint32_t i = 0; i < count; ++i) {
    const size_t home = std::hash<std::string_view>()(table.symbols_[i].name);
    const size_t found = table.slot_of(table.symbols_[i].name);
    const size_t steps = (found - home) & (table.by_name_.size() - 1);
    if (steps > steps_left) {
      return Error{ErrorCode::kBadInput, "symbol table: its names were chosen to collide"};
    }
    steps_left -= steps;
    // The first of several with one name wins, as in `nm` order: static functions share names.
    if (table.by_name_[found] == 0) table.by_name_[found] = i + 1;
  }
  return table;
}

// The slot with the name, or the free slot where it would go.
size_t SymbolTable::slot_of(std::string_view name) const {
  size_t mask = by_name_.size() - 1;
  size_t slot = std::hash<std::string_view>()(name) & mask;
  while (by_name_[slot] != 0 && symbols_[by_name_[slot] - 1].name != name) slot = (slot + 1) & mask;
  return slot;
}

Result<SymbolTable> SymbolTable::from_kallsyms(const ElfImage& vmlinux) {
  KTAPE_ASSIGN(std::vector<Symbol> symbols, decode_kallsyms(vmlinux));
  return build(std::move(symbols));
}

Result<SymbolTable> SymbolTable::from_text(std::string_view text) {
  std::vector<Symbol> symbols;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    auto symbol = parse_line(line);
    // Ascending, so that the table on the tape is the one that `text` writes, and describe() can
    // search it.
    bool ascending = symbol && (symbols.empty() || symbols.back().address <= symbol->address);
    if (!ascending) {
      return Error{ErrorCode::kBadInput,
                   fmt::format("symbol table line {}: {}", symbols.size() + 1,
                               symbol ? "its address is below that of the previous line"
                                      : "not 'address type name'")};
    }
    if (symbols.size() == kMaxSymbols) {
      return Error{ErrorCode::kBadInput,
                   fmt::format("symbol table: it has more than {} symbols", kMaxSymbols)};
    }
    symbols.push_back(std::move(*symbol));
  }
  return build(std::move(symbols));
}

std::string SymbolTable::text() const {
  size_t bytes = 0;
  for (const Symbol& symbol : symbols_) bytes += kNameColumn + symbol.name.size() + 1;
  std::string text;
  text.reserve(bytes);
  for (const Symbol& symbol : symbols_) {
    fmt::format_to(std::back_inserter(text), "{:016x} {} {}\n", symbol.address, symbol.type,
                   symbol.name);
  }
  return text;
}

std::optional<uint64_t> SymbolTable::find(std::string_view name) const {
  uint32_t entry = by_name_[slot_of(name)];
  if (entry == 0) return std::nullopt;
  return symbols_[entry - 1].address;
}

std::string SymbolTable::describe(uint64_t address) const {
  auto address_of = [](const Symbol& symbol) { return symbol.address; };
  auto above = std::ranges::upper_bound(symbols_, address, {}, address_of);
  if (above == symbols_.begin()) return {};
  auto first = std::ranges::lower_bound(symbols_, std::prev(above)->address, {}, address_of);
  uint64_t offset = address - first->address;
  return offset == 0 ? first->name : fmt::format("{}+{:#x}", first->name, offset);
}

}  // namespace ktape

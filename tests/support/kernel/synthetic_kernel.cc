// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel/synthetic_kernel.h"

#include <elf.h>

#include <array>
#include <cstring>

#include "schema/base/little_endian.h"

namespace ktape::synthetic {
namespace {

template <typename T>
void append(std::vector<std::byte>& bytes, const T& value) {
  auto raw = std::as_bytes(std::span(&value, 1));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

void append_bytes(std::vector<std::byte>& bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

void pad(std::vector<std::byte>& bytes, size_t alignment) {
  bytes.resize(align_up(bytes.size(), alignment));
}

// Every byte value is its own token except 0, which is a longer one, so that tokens of more than
// one character are exercised.
constexpr std::string_view kLongToken = "linux_ban";

std::string token_text(size_t token) {
  return token == 0 ? std::string(kLongToken) : std::string(1, static_cast<char>(token));
}

void append_name(std::vector<std::byte>& out, const SymbolTable::Symbol& symbol) {
  std::string text = symbol.type + symbol.name;
  std::vector<std::byte> tokens;
  for (size_t at = 0; at < text.size();) {
    bool is_long = text.compare(at, kLongToken.size(), kLongToken) == 0;
    tokens.push_back(is_long ? std::byte{0} : static_cast<std::byte>(text[at]));
    at += is_long ? kLongToken.size() : 1;
  }
  if (tokens.size() < 0x80) {
    out.push_back(static_cast<std::byte>(tokens.size()));
  } else {
    out.push_back(static_cast<std::byte>(0x80 | (tokens.size() & 0x7f)));
    out.push_back(static_cast<std::byte>(tokens.size() >> 7));
  }
  append_bytes(out, tokens);
}

void append_offsets(std::vector<std::byte>& out, const std::vector<SymbolTable::Symbol>& symbols,
                    Kallsyms form, uint64_t address) {
  uint64_t base = 0;
  for (const auto& symbol : symbols) {
    if (base == 0 && symbol.address >> 63) base = symbol.address;
  }
  for (const auto& symbol : symbols) {
    uint64_t value = symbol.address - base;
    if (form == Kallsyms::kPlaceRelative) value = symbol.address - (address + out.size());
    if (form == Kallsyms::kAbsolutePerCpu)
      value = symbol.address >> 63 ? base - symbol.address - 1 : symbol.address;
    append_u32(out, value);
  }
  if (form == Kallsyms::kPlaceRelative) return;
  pad(out, 8);
  append_u64(out, base);
}

}  // namespace

std::vector<std::byte> bytes_of(std::string_view text) {
  auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

void append_u32(std::vector<std::byte>& bytes, uint64_t value) {
  append(bytes, static_cast<uint32_t>(value));
}
void append_u64(std::vector<std::byte>& bytes, uint64_t value) { append(bytes, value); }

std::vector<std::byte> make_elf(const std::vector<Section>& sections, uint16_t machine) {
  std::vector<Elf64_Shdr> headers(1);  // the first is empty by definition
  std::string names(1, '\0');
  std::vector<std::byte> body(sizeof(Elf64_Ehdr));
  auto add = [&](std::string_view name, uint32_t type, uint64_t address,
                 std::span<const std::byte> bytes) {
    pad(body, 8);
    Elf64_Shdr header{};
    header.sh_name = static_cast<uint32_t>(names.size());
    header.sh_type = type;
    header.sh_addr = address;
    header.sh_offset = body.size();
    header.sh_addralign = 1;
    names += std::string(name) + '\0';
    if (name == ".shstrtab") bytes = std::as_bytes(std::span(names));
    header.sh_size = bytes.size();
    append_bytes(body, bytes);
    headers.push_back(header);
  };
  for (const Section& section : sections)
    add(section.name, SHT_PROGBITS, section.address, section.bytes);
  add(".shstrtab", SHT_STRTAB, 0, {});
  pad(body, 8);

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = machine;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shoff = body.size();
  header.e_shnum = static_cast<uint16_t>(headers.size());
  header.e_shstrndx = static_cast<uint16_t>(headers.size() - 1);
  std::memcpy(body.data(), &header, sizeof header);
  append_bytes(body, std::as_bytes(std::span(headers)));
  return body;
}

std::vector<std::byte> make_bzimage(std::vector<std::byte> packed, size_t unpacked_bytes,
                                    bool with_size) {
  constexpr size_t kSetupSectors = 2;
  constexpr size_t kPayloadOffset = 64;
  if (with_size) append_u32(packed, unpacked_bytes);
  std::vector<std::byte> file((kSetupSectors + 1) * 512 + kPayloadOffset);
  auto put = [&](size_t offset, auto value) {
    std::memcpy(file.data() + offset, &value, sizeof value);
  };
  put(0x1f1, static_cast<uint8_t>(kSetupSectors));
  put(0x1fe, uint16_t{0xaa55});
  std::memcpy(file.data() + 0x202, "HdrS", 4);
  put(0x206, uint16_t{0x20f});
  put(0x248, static_cast<uint32_t>(kPayloadOffset));
  put(0x24c, static_cast<uint32_t>(packed.size()));
  append_bytes(file, packed);
  return file;
}

std::vector<std::byte> make_kallsyms(const std::vector<SymbolTable::Symbol>& symbols, Kallsyms form,
                                     uint64_t address) {
  size_t alignment = form == Kallsyms::kPlaceRelative ? 4 : 8;
  std::vector<std::byte> out;
  append_u32(out, symbols.size());
  pad(out, alignment);
  size_t names = out.size();
  std::vector<std::byte> markers;
  for (size_t i = 0; i < symbols.size(); ++i) {
    if (i % 256 == 0) append_u32(markers, out.size() - names);
    append_name(out, symbols[i]);
  }
  pad(out, alignment);
  append_bytes(out, markers);
  pad(out, alignment);
  std::vector<uint16_t> index;
  size_t table = out.size();
  for (size_t token = 0; token < 256; ++token) {
    index.push_back(static_cast<uint16_t>(out.size() - table));
    append_bytes(out, bytes_of(token_text(token) + '\0'));
  }
  pad(out, alignment);
  append_bytes(out, std::as_bytes(std::span(index)));
  append_offsets(out, symbols, form, address);
  return out;
}

void PageTableBuilder::map(uint64_t virtual_address, uint64_t physical, int level, uint64_t flags) {
  constexpr uint64_t kPresent = 1;
  constexpr uint64_t kLarge = 1 << 7;
  uint64_t table = tables_.root.value;
  for (int at = tables_.levels;; --at) {
    GuestPhysical slot(table + ((virtual_address >> (12 + 9 * (at - 1))) & 511) * 8);
    uint64_t entry = 0;
    KTAPE_CHECK(memory_.read(slot, std::as_writable_bytes(std::span(&entry, 1))).ok());
    bool is_new = entry == 0;
    if (at == level) {
      entry = physical | flags | kPresent | (level > 1 ? kLarge : 0);
    } else if (is_new) {
      entry = next_table_ | kPresent;
      next_table_ += 4096;
    }
    KTAPE_CHECK(memory_.write(slot, std::as_bytes(std::span(&entry, 1))).ok());
    if (at == level) return;
    table = entry & ~uint64_t{4095};
  }
}

}  // namespace ktape::synthetic

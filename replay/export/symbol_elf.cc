// SPDX-License-Identifier: Apache-2.0
#include "replay/export/symbol_elf.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>
#include <vector>

#include "replay/export/dwarf_types.h"
#include "replay/export/elf_headers.h"
#include "replay/export/image_sections.h"
#include "replay/export/little_endian_writer.h"

namespace ktape {

namespace {

constexpr uint64_t kAlignment = 8;
constexpr uint64_t kPage = 4096;

struct SymbolSections {
  std::string symbols;  // .symtab
  std::string names;    // .strtab
  uint32_t locals = 0;
};

uint8_t info_of(char letter, bool in_code) {
  const bool weak = letter == 'w' || letter == 'W' || letter == 'v' || letter == 'V';
  const bool global = std::isupper(static_cast<unsigned char>(letter)) != 0;
  const uint8_t binding = weak ? STB_WEAK : global ? STB_GLOBAL : STB_LOCAL;
  const bool code = letter == 't' || letter == 'T' || (weak && in_code);
  return static_cast<uint8_t>(ELF64_ST_INFO(binding, code ? STT_FUNC : STT_OBJECT));
}

// The symbol at `index`, with an address up to the next one as its size.
Elf64_Sym symbol_of(const std::vector<SymbolTable::Symbol>& symbols, size_t next,
                    const SymbolTable::Symbol& symbol, const std::vector<ImageSection>& sections) {
  Elf64_Sym to{};
  to.st_value = symbol.address;
  to.st_shndx = SHN_ABS;
  const int section = section_at(sections, symbol.address);
  const bool inside = section >= 0;
  const bool code = inside && (sections[static_cast<size_t>(section)].flags & SHF_EXECINSTR) != 0;
  to.st_info = info_of(symbol.type, code);
  if (!inside) return to;
  to.st_shndx = static_cast<uint16_t>(section + 1);  // section 0 is none
  uint64_t end = sections[static_cast<size_t>(section)].end;
  if (next < symbols.size()) end = std::min(end, symbols[next].address);
  to.st_size = end - symbol.address;
  return to;
}

SymbolSections make_symbols(const SymbolTable& table, const std::vector<ImageSection>& sections) {
  const std::vector<SymbolTable::Symbol>& all = table.symbols();
  LittleEndianWriter names, local, other;
  names.u8(0);
  local.add(Elf64_Sym{});
  SymbolSections made;
  size_t next = 0;  // the first one at a higher address
  for (const SymbolTable::Symbol& symbol : all) {
    if (symbol.name == kLeftOutSymbol) continue;
    while (next < all.size() && all[next].address <= symbol.address) ++next;
    Elf64_Sym to = symbol_of(all, next, symbol, sections);
    to.st_name = static_cast<uint32_t>(names.size());
    names.text(symbol.name);
    (ELF64_ST_BIND(to.st_info) == STB_LOCAL ? local : other).add(to);
  }
  made.locals = static_cast<uint32_t>(local.size() / sizeof(Elf64_Sym));
  made.symbols = local.take() + other.take();
  made.names = names.take();
  return made;
}

std::string_view characters(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string build_id_note(const std::vector<std::byte>& id) {
  LittleEndianWriter out;
  out.add(Elf64_Nhdr{sizeof "GNU", static_cast<uint32_t>(id.size()), NT_GNU_BUILD_ID});
  out.text("GNU");
  for (const std::byte byte : id) out.add(byte);
  while (out.size() % 4 != 0) out.u8(0);
  return out.take();
}

// Puts contents behind each other, with a section header for each.
class ElfFile {
 public:
  ElfFile() { headers_.emplace_back(); }

  Elf64_Shdr& add(const std::string& name, uint32_t type) {
    Elf64_Shdr header{};
    header.sh_name = static_cast<uint32_t>(names_.size());
    header.sh_type = type;
    header.sh_addralign = 1;
    header.sh_offset = start();
    names_.text(name);
    headers_.push_back(header);
    return headers_.back();
  }
  Elf64_Shdr& add(const std::string& name, uint32_t type, std::string_view content) {
    while (contents_.size() % kAlignment != 0) contents_.push_back('\0');
    Elf64_Shdr& header = add(name, type);
    header.sh_size = content.size();
    contents_.append(content);
    return header;
  }
  // Its contents are zero, behind everything else.
  void add_zeros(const ImageSection& section) {
    Elf64_Shdr& header = add(section.name, section.nobits ? SHT_NOBITS : SHT_PROGBITS);
    header.sh_flags = section.flags;
    header.sh_addr = section.start;
    header.sh_size = section.end - section.start;
  }
  [[nodiscard]] uint32_t sections() const { return static_cast<uint32_t>(headers_.size()); }

  // Sets file and bytes. The image lies in the file as it does in memory.
  void finish(Elf64_Phdr load, SymbolElf& to) {
    names_.text(".shstrtab");
    const auto name = static_cast<uint32_t>(names_.size() - sizeof ".shstrtab");
    Elf64_Shdr& header = add("", SHT_STRTAB, names_.take());
    header.sh_name = name;
    while (contents_.size() % kAlignment != 0) contents_.push_back('\0');
    load.p_offset = align_up(start() + headers_.size() * sizeof(Elf64_Shdr), kPage);
    load.p_filesz = load.p_memsz;
    to.bytes = load.p_offset + load.p_filesz;
    LittleEndianWriter table;
    for (Elf64_Shdr& one : headers_) {
      if ((one.sh_flags & SHF_ALLOC) != 0) place(one, load, to.bytes);
      table.add(one);
    }
    LittleEndianWriter front;
    front.add(file_header(start()));
    front.add(load);
    to.file = front.take() + contents_ + table.take();
  }

 private:
  // Sets where a section of the image is in the file; `end` is the file's, and grows for one that
  // is not in the image.
  static void place(Elf64_Shdr& section, const Elf64_Phdr& load, uint64_t& end) {
    if (section.sh_addr >= load.p_vaddr) {
      section.sh_offset = load.p_offset + (section.sh_addr - load.p_vaddr);
    } else {
      section.sh_offset = align_up(end, kPage);
      end = section.sh_offset + section.sh_size;
    }
  }

  static constexpr uint64_t kFront = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
  [[nodiscard]] uint64_t start() const { return kFront + contents_.size(); }

  [[nodiscard]] Elf64_Ehdr file_header(uint64_t table) const {
    Elf64_Ehdr header = elf_header(ET_EXEC, 1);
    header.e_shoff = table;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<uint16_t>(headers_.size());
    header.e_shstrndx = static_cast<uint16_t>(headers_.size() - 1);
    return header;
  }

  std::vector<Elf64_Shdr> headers_;
  LittleEndianWriter names_ = with_nul();
  std::string contents_;

  static LittleEndianWriter with_nul() {
    LittleEndianWriter names;
    names.u8(0);
    return names;
  }
};

// Of the whole image, so that readers see which addresses are the kernel's.
Elf64_Phdr load_of(uint64_t start, uint64_t end) {
  constexpr uint64_t kImageMapping = 0xffffffff80000000;  // __START_KERNEL_map
  Elf64_Phdr load = load_header(start, start - kImageMapping, end - start);
  load.p_align = kPage;
  return load;
}

void add_symbols(ElfFile& elf, const SymbolSections& symbols) {
  Elf64_Shdr& table = elf.add(".symtab", SHT_SYMTAB, symbols.symbols);
  table.sh_entsize = sizeof(Elf64_Sym);
  table.sh_addralign = kAlignment;
  table.sh_info = symbols.locals;
  table.sh_link = elf.sections();  // the next one
  elf.add(".strtab", SHT_STRTAB, symbols.names);
}

// crash looks for the kernel's banner among the file's strings, in a line with "Linux version 2."
// to, for crash 8.0.2 (kernel.c, verify_namelist()), "Linux version 6.".
std::string comment(const std::string& banner) {
  return fmt::format("{0}\nfor a crash that knows no kernel after Linux version 6.: {0}\n", banner);
}

}  // namespace

Result<SymbolElf> make_symbol_elf(const KernelKnowledge& kernel) {
  KTAPE_ASSIGN(const BtfTable types, BtfTable::parse(kernel.btf_raw));
  KTAPE_ASSIGN(const std::vector<ImageSection> sections, image_sections(kernel.symbols));
  const DwarfSections dwarf = make_dwarf(types, kernel.symbols);

  ElfFile elf;
  for (const ImageSection& section : sections) elf.add_zeros(section);
  if (!kernel.build_id.empty()) elf.add(".notes", SHT_NOTE, build_id_note(kernel.build_id));
  elf.add(".comment", SHT_PROGBITS, comment(kernel.banner));
  elf.add(".BTF", SHT_PROGBITS, characters(kernel.btf_raw));
  elf.add(".debug_info", SHT_PROGBITS, dwarf.info);
  elf.add(".debug_abbrev", SHT_PROGBITS, dwarf.abbrev);
  elf.add(".debug_str", SHT_PROGBITS, dwarf.strings);
  add_symbols(elf, make_symbols(kernel.symbols, sections));

  SymbolElf made;
  elf.finish(load_of(*kernel.symbols.find("_text"), *kernel.symbols.find("_end")), made);
  made.symbols = static_cast<uint32_t>(std::ranges::count_if(
      kernel.symbols.symbols(),
      [](const SymbolTable::Symbol& symbol) { return symbol.name != kLeftOutSymbol; }));
  made.types = dwarf.types;
  made.variables = dwarf.variables;
  return made;
}

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/image/elf_image.h"

#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "schema/base/little_endian.h"
#include "schema/base/text.h"

namespace ktape {
namespace {

constexpr std::string_view kBannerStart = "Linux version ";

std::string machine_name(unsigned machine) {
  switch (machine) {
    case EM_386: return "i386";
    case EM_AARCH64: return "arm64";
    case EM_RISCV: return "riscv";
    case EM_S390: return "s390x";
    case EM_PPC64: return "ppc64";
    default: return fmt::format("machine {}", machine);
  }
}

// Checked before libelf sees the file: libelf would convert another byte order in place.
Result<void> check_identity(std::span<const std::byte> file) {
  if (!as_text(file).starts_with(ELFMAG)) return bad_input("not an ELF file");
  if (file.size() < sizeof(Elf64_Ehdr))
    return bad_input("ELF file is cut short: it ends within its header");
  auto machine = *load<uint16_t>(file, offsetof(Elf64_Ehdr, e_machine));
  if (file[EI_DATA] != std::byte{ELFDATA2LSB})
    return bad_input("ELF file is big-endian, not x86-64");
  // The machine before the class: a user with an arm64 kernel wants to read "arm64", whatever else
  // differs.
  if (machine != EM_X86_64)
    return bad_input(fmt::format("ELF file is for {}, not x86-64", machine_name(machine)));
  if (file[EI_CLASS] != std::byte{ELFCLASS64}) return bad_input("ELF file is 32-bit, not x86-64");
  return {};
}

Result<ElfSection> read_section(Elf* elf, Elf_Scn* section, size_t names,
                                std::span<const std::byte> file) {
  GElf_Shdr header;
  if (!gelf_getshdr(section, &header))
    return bad_input(fmt::format("ELF section table: {}", elf_errmsg(-1)));
  const char* name = elf_strptr(elf, names, header.sh_name);
  ElfSection result;
  result.name = name ? name : "";
  result.address = header.sh_addr;
  // NOBITS sections (.bss) have a size but no bytes in the file.
  if (header.sh_type == SHT_NOBITS || header.sh_type == SHT_NULL) return result;
  if (header.sh_offset > file.size() || header.sh_size > file.size() - header.sh_offset) {
    return bad_input(
        fmt::format("ELF file is cut short: section '{}' lies beyond its end", result.name));
  }
  result.bytes = file.subspan(header.sh_offset, header.sh_size);
  return result;
}

// Elf_Nhdr: sizes of name and descriptor, then the type; both parts are padded to 4 bytes. The
// fields are 32 bits, so sums in 64 bits cannot wrap around.
std::optional<std::vector<std::byte>> gnu_build_id(std::span<const std::byte> notes) {
  constexpr uint64_t kHeaderBytes = 12;
  uint64_t at = 0;
  while (auto type = load<uint32_t>(notes, at + 8)) {
    uint64_t name_bytes = *load<uint32_t>(notes, at);
    uint64_t id_bytes = *load<uint32_t>(notes, at + 4);
    uint64_t name_at = at + kHeaderBytes;
    uint64_t id_at = name_at + align_up(name_bytes, 4);
    at = id_at + align_up(id_bytes, 4);
    if (id_at + id_bytes > notes.size()) return std::nullopt;
    if (*type != NT_GNU_BUILD_ID ||
        as_text(notes.subspan(name_at, name_bytes)) != std::string_view("GNU\0", 4))
      continue;
    auto id = notes.subspan(id_at, id_bytes);
    return std::vector<std::byte>(id.begin(), id.end());
  }
  return std::nullopt;
}

// "... #1 SMP": a kernel also contains a weak copy of its banner without the build number.
bool has_build_number(std::string_view banner) {
  size_t hash = banner.find(" #");
  return hash != std::string_view::npos && hash + 2 < banner.size() &&
         std::isdigit(static_cast<unsigned char>(banner[hash + 2]));
}

}  // namespace

Result<ElfImage> ElfImage::parse(std::span<const std::byte> file) {
  KTAPE_TRY(check_identity(file));
  if (elf_version(EV_CURRENT) == EV_NONE) return Error{ErrorCode::kHost, "libelf is too old"};
  // libelf takes a non-const pointer but only reads: it neither converts nor is asked to update.
  auto* image = const_cast<char*>(reinterpret_cast<const char*>(file.data()));
  std::unique_ptr<Elf, decltype(&elf_end)> elf(elf_memory(image, file.size()), &elf_end);
  size_t names = 0;
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF || elf_getshdrstrndx(elf.get(), &names) != 0) {
    return bad_input(fmt::format("damaged ELF file: {}", elf_errmsg(-1)));
  }
  ElfImage result;
  for (Elf_Scn* scn = elf_nextscn(elf.get(), nullptr); scn; scn = elf_nextscn(elf.get(), scn)) {
    KTAPE_ASSIGN(ElfSection section, read_section(elf.get(), scn, names, file));
    result.sections_.push_back(std::move(section));
  }
  if (result.sections_.empty()) return bad_input("ELF file has no sections");
  return result;
}

const ElfSection* ElfImage::section(std::string_view name) const {
  auto found = std::find_if(sections_.begin(), sections_.end(),
                            [&](const ElfSection& section) { return section.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

std::optional<std::span<const std::byte>> ElfImage::at(uint64_t address, size_t bytes) const {
  for (const ElfSection& section : sections_) {
    // Sections that are not loaded have address 0, and so has a per-CPU area linked there.
    if (address < section.address || (section.address == 0 && section.name != ".data..percpu"))
      continue;
    uint64_t offset = address - section.address;
    if (offset <= section.bytes.size() && bytes <= section.bytes.size() - offset) {
      return section.bytes.subspan(offset, bytes);
    }
  }
  return std::nullopt;
}

std::vector<std::byte> ElfImage::build_id() const {
  for (const ElfSection& section : sections_) {
    if (!section.name.starts_with(".note")) continue;
    if (auto id = gnu_build_id(section.bytes)) return *id;
  }
  return {};
}

std::string ElfImage::banner() const {
  const ElfSection* rodata = section(".rodata");
  if (!rodata) return {};
  std::string_view text = as_text(rodata->bytes);
  std::string first;
  for (size_t at = text.find(kBannerStart); at != text.npos; at = text.find(kBannerStart, at + 1)) {
    std::string_view line = text.substr(at, std::min<size_t>(text.size() - at, 1024));
    line = line.substr(0, line.find_first_of(std::string_view("\n\0", 2)));
    if (line.size() <= kBannerStart.size() ||
        !std::isdigit(static_cast<unsigned char>(line[kBannerStart.size()])))
      continue;
    if (has_build_number(line)) return std::string(line);
    if (first.empty()) first = line;
  }
  return first;
}

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/elf_needs.h"

#include <gelf.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace ktape {

namespace {

constexpr size_t kMaxNeeded = 1024;
constexpr size_t kMaxTextBytes = 4096;       // of a name or a search path
constexpr size_t kMaxScriptLineBytes = 256;  // BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h
constexpr size_t kMaxProgramHeaders = 65'536;
constexpr size_t kMaxBuildIdBytes = 64;  // a SHA-1 has 20

struct EndElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};

std::vector<std::string> split_at(std::string_view text, char separator) {
  std::vector<std::string> parts;
  // Empty parts, which mean the current folder to the dynamic linker, are dropped.
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

class NeedsReader {
 public:
  explicit NeedsReader(std::span<const std::byte> file) : file_(file) {}

  Result<ElfNeeds> read() {
    // elf_version() must be called once before libelf is used.
    elf_version(EV_CURRENT);
    // libelf takes a non-const pointer, but does not write to it here.
    auto* bytes = reinterpret_cast<char*>(const_cast<std::byte*>(file_.data()));
    const std::unique_ptr<Elf, EndElf> elf(elf_memory(bytes, file_.size()));
    if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF) return bad("it is not an ELF file");
    GElf_Ehdr header;
    if (gelf_getehdr(elf.get(), &header) == nullptr) return bad("it has a damaged ELF header");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != EM_X86_64) {
      return bad("it is not for x86-64, unlike the guest");
    }
    // Relocatable files and core dumps are ELF, too; position-independent programs are ET_DYN.
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
      return bad("it is an ELF file, but not a program");
    size_t count = 0;
    // e_phnum alone may be 0xffff and stand for more; elf_getphdrnum() knows.
    if (elf_getphdrnum(elf.get(), &count) != 0 || count > kMaxProgramHeaders)
      return bad("it has damaged program headers");
    for (size_t i = 0; i < count; ++i) {
      GElf_Phdr segment;
      if (gelf_getphdr(elf.get(), static_cast<int>(i), &segment) == nullptr)
        return bad("it has damaged program headers");
      segments_.push_back(segment);
    }
    for (const GElf_Phdr& segment : segments_) {
      if (segment.p_type == PT_INTERP) {
        KTAPE_ASSIGN(needs_.interpreter, text_at(segment.p_offset));
      }
      if (segment.p_type == PT_DYNAMIC) KTAPE_TRY(read_dynamic(segment));
      if (segment.p_type == PT_NOTE && needs_.build_id.empty()) read_notes(segment);
    }
    return std::move(needs_);
  }

 private:
  Result<void> read_dynamic(const GElf_Phdr& segment) {
    std::vector<Elf64_Dyn> entries;
    uint64_t strings = 0;
    for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= segment.p_filesz; at += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry;
      if (!in_file(segment.p_offset + at, sizeof entry))
        return bad("its dynamic section is outside the file");
      std::memcpy(&entry, file_.data() + segment.p_offset + at, sizeof entry);
      if (entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_STRTAB) strings = entry.d_un.d_ptr;
      entries.push_back(entry);
      if (entries.size() > kMaxNeeded * 16) return bad("its dynamic section is too long");
    }
    // DT_STRTAB is an address: the strings are found in the file through the segment that maps
    // them.
    KTAPE_ASSIGN(const uint64_t strings_at, file_offset(strings));
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_RPATH && entry.d_tag != DT_RUNPATH)
        continue;
      KTAPE_ASSIGN(std::string text, text_at(strings_at + entry.d_un.d_val));
      // DT_RPATH is ignored by the dynamic linker if there is DT_RUNPATH; see Search::find().
      if (entry.d_tag == DT_RPATH) needs_.rpath = split_at(text, ':');
      if (entry.d_tag == DT_RUNPATH) needs_.runpath = split_at(text, ':');
      if (entry.d_tag == DT_NEEDED) needs_.needed.push_back(std::move(text));
      if (needs_.needed.size() > kMaxNeeded) return bad("it needs more than 1024 libraries");
    }
    return {};
  }

  // elf(5), "Notes (Nhdr)": name and descriptor are padded to the segment's alignment.
  void read_notes(const GElf_Phdr& segment) {
    if (!in_file(segment.p_offset, segment.p_filesz)) return;
    const uint64_t alignment = segment.p_align == 8 ? 8 : 4;
    const auto padded = [&](uint64_t bytes) {
      return (bytes + alignment - 1) / alignment * alignment;
    };
    std::span<const std::byte> notes = file_.subspan(segment.p_offset, segment.p_filesz);
    while (notes.size() >= sizeof(Elf64_Nhdr)) {
      Elf64_Nhdr header;
      std::memcpy(&header, notes.data(), sizeof header);
      notes = notes.subspan(sizeof header);
      const uint64_t name_bytes = padded(header.n_namesz);
      if (name_bytes > notes.size() || header.n_descsz > notes.size() - name_bytes) return;
      const std::string_view name(reinterpret_cast<const char*>(notes.data()), header.n_namesz);
      // Name and its NUL, as n_namesz counts it.
      const auto content = notes.subspan(name_bytes, header.n_descsz);
      if (header.n_type == NT_GNU_BUILD_ID && name == std::string_view("GNU\0", 4)) {
        needs_.build_id.assign(content.begin(),
                               content.begin() + std::min(content.size(), kMaxBuildIdBytes));
        return;
      }
      notes = notes.subspan(std::min<uint64_t>(notes.size(), name_bytes + padded(header.n_descsz)));
    }
  }

  Result<uint64_t> file_offset(uint64_t address) const {
    for (const GElf_Phdr& segment : segments_) {
      if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
      // p_filesz, not p_memsz: .bss has no bytes in the file.
      if (address - segment.p_vaddr < segment.p_filesz)
        return segment.p_offset + (address - segment.p_vaddr);
    }
    return bad("the strings of its dynamic section are not in the file");
  }

  Result<std::string> text_at(uint64_t offset) const {
    std::string text;
    // Bounded by the file and by kMaxTextBytes: a damaged file has no NUL.
    for (; in_file(offset, 1) && text.size() < kMaxTextBytes; ++offset) {
      const char c = static_cast<char>(file_[offset]);
      if (c == 0) return text;
      text += c;
    }
    return bad("a name in its dynamic section is not terminated");
  }

  [[nodiscard]] bool in_file(uint64_t offset, uint64_t bytes) const {
    return offset <= file_.size() && bytes <= file_.size() - offset;
  }

  [[nodiscard]] Error bad(const std::string& what) const {
    return Error{ErrorCode::kBadInput, what, ""};
  }

  std::span<const std::byte> file_;
  std::vector<GElf_Phdr> segments_;
  ElfNeeds needs_;
};

}  // namespace

Result<ElfNeeds> read_elf_needs(std::span<const std::byte> file) {
  return NeedsReader(file).read();
}

bool is_elf(std::span<const std::byte> file) {
  return file.size() > SELFMAG && std::memcmp(file.data(), ELFMAG, SELFMAG) == 0;
}

// fs/binfmt_script.c: blanks around the interpreter, one argument.
std::optional<std::vector<std::string>> script_interpreter(std::span<const std::byte> file) {
  std::string_view text(reinterpret_cast<const char*>(file.data()),
                        std::min(file.size(), kMaxScriptLineBytes));
  if (!text.starts_with("#!")) return std::nullopt;
  text = text.substr(2, std::min(text.find('\n'), text.size()) - 2);
  const auto trim = [](std::string_view part) {
    while (!part.empty() && (part.front() == ' ' || part.front() == '\t')) part.remove_prefix(1);
    while (!part.empty() && (part.back() == ' ' || part.back() == '\t')) part.remove_suffix(1);
    return part;
  };
  text = trim(text);
  const size_t end = std::min(text.find_first_of(" \t"), text.size());
  std::vector<std::string> words;
  if (end > 0) words.emplace_back(text.substr(0, end));
  if (const std::string_view rest = trim(text.substr(end)); !rest.empty()) words.emplace_back(rest);
  return words;
}

}  // namespace ktape

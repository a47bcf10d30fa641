// SPDX-License-Identifier: Apache-2.0
#include "replay/export/image_sections.h"

#include <elf.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace ktape {

namespace {

struct Named {
  const char* name;
  std::string_view start;
  std::string_view end;
  uint64_t flags;
  bool nobits = false;
};

constexpr uint64_t kMaxImage = uint64_t{1} << 30;  // KERNEL_IMAGE_SIZE of x86-64

// arch/x86/kernel/vmlinux.lds.S, include/asm-generic/vmlinux.lds.h
constexpr Named kNamed[] = {
    {".text", "_text", "_etext", SHF_ALLOC | SHF_EXECINSTR},
    {".rodata", "__start_rodata", "__end_rodata", SHF_ALLOC},
    {".data", "_sdata", "_edata", SHF_ALLOC | SHF_WRITE},
    {".init.text", "_sinittext", "_einittext", SHF_ALLOC | SHF_EXECINSTR},
    {".data..percpu", "__per_cpu_start", "__per_cpu_end", SHF_ALLOC | SHF_WRITE},
    {".bss", "__bss_start", "__bss_stop", SHF_ALLOC | SHF_WRITE, true},
};

}  // namespace

Result<std::vector<ImageSection>> image_sections(const SymbolTable& symbols) {
  const std::optional<uint64_t> text = symbols.find("_text");
  const std::optional<uint64_t> end = symbols.find("_end");
  if (!text || !end || *text >= *end) {
    return Error{ErrorCode::kNotApplicable,
                 "the tape does not have the symbols _text and _end, between which a kernel is",
                 ""};
  }
  if (*end - *text > kMaxImage) {
    return Error{ErrorCode::kBadInput, "the symbols _text and _end are too far apart", ""};
  }
  std::vector<ImageSection> named;
  for (const Named& one : kNamed) {
    const auto from = symbols.find(one.start);
    const auto to = symbols.find(one.end);
    if (from && to && *from < *to) named.push_back({one.name, *from, *to, one.flags, one.nobits});
  }
  std::ranges::sort(named, {}, &ImageSection::start);

  std::vector<ImageSection> sections;
  uint64_t at = *text;  // up to here the image is in a section
  const auto fill = [&](uint64_t to) {
    if (at < to) sections.push_back({".other", at, to, SHF_ALLOC | SHF_WRITE, true});
  };
  uint64_t before = 0;
  for (ImageSection& section : named) {
    // Up to 6.14 per-CPU variables are linked at 0, outside the image.
    const bool outside = section.end <= *text && section.end - section.start <= kMaxImage;
    const bool inside = section.start >= *text && section.end <= *end;
    if (section.start < before || !(inside || outside)) continue;
    before = section.end;
    if (inside) fill(section.start);
    if (inside) at = section.end;
    sections.push_back(std::move(section));
  }
  fill(*end);
  return sections;
}

int section_at(const std::vector<ImageSection>& sections, uint64_t address) {
  const auto above = std::ranges::upper_bound(sections, address, {}, &ImageSection::start);
  if (above == sections.begin() || std::prev(above)->end < address) return -1;
  return static_cast<int>(above - sections.begin()) - 1;
}

}  // namespace ktape

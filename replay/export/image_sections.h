// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "guest/kernel/image/symbol_table.h"
#include "schema/base/result.h"

namespace ktape {

// A section of a kernel's image, as its symbols delimit it.
struct ImageSection {
  std::string name;
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t flags = 0;  // SHF_*
  bool nobits = false;
};

// The sections of a vmlinux by address, without gaps from _text to _end: what is not in a section
// that has a name here is in one called ".other". kNotApplicable without _text or _end, kBadInput
// if no image can be that large.
[[nodiscard]] Result<std::vector<ImageSection>> image_sections(const SymbolTable& symbols);

// The index of the section with an address, which may also be the end of its last one; -1: none.
[[nodiscard]] int section_at(const std::vector<ImageSection>& sections, uint64_t address);

}  // namespace ktape

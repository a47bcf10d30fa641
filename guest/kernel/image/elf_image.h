// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

struct ElfSection {
  std::string name;
  uint64_t address = 0;              // link-time virtual
  std::span<const std::byte> bytes;  // empty for NOBITS
};

// The sections of a vmlinux. Spans point into the bytes given to `parse`, which must outlive it.
class ElfImage {
 public:
  // kBadInput for anything but a little-endian x86-64 ELF.
  [[nodiscard]] static Result<ElfImage> parse(std::span<const std::byte> file);

  [[nodiscard]] const std::vector<ElfSection>& sections() const { return sections_; }
  [[nodiscard]] const ElfSection* section(std::string_view name) const;
  // `bytes` of file contents at a link-time virtual address; nothing if no section covers them, or
  // not all of them. The same lifetime as the file.
  [[nodiscard]] std::optional<std::span<const std::byte>> at(uint64_t address, size_t bytes) const;
  // GNU build-id from .notes; empty if there is none.
  [[nodiscard]] std::vector<std::byte> build_id() const;
  // "Linux version 6.16.12+deb13-cloud-amd64 (...)"; empty if not found.
  [[nodiscard]] std::string banner() const;

 private:
  std::vector<ElfSection> sections_;
};

}  // namespace ktape

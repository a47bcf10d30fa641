// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ktape {

// Writes an archive in the initramfs format of the kernel: cpio "newc"
// (Documentation/driver-api/early-userspace/buffer-format.rst). The output is reproducible: owner
// 0, time 0. Paths have no leading '/'. Add a folder before its contents.
class CpioWriter {
 public:
  // `permissions` are those of chmod(2), without a file type.
  void folder(std::string_view path, uint32_t permissions);
  void file(std::string_view path, uint32_t permissions, std::span<const std::byte> content);
  void link(std::string_view path, std::string_view target);

  // Ends the archive. The writer cannot be used afterwards.
  [[nodiscard]] std::vector<std::byte> finish();

 private:
  void entry(std::string_view path, uint32_t mode, uint32_t links,
             std::span<const std::byte> content);
  void pad();

  std::vector<std::byte> bytes_;
  uint32_t last_inode_ = 0;
};

}  // namespace ktape

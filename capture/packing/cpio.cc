// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/cpio.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <string>
#include <utility>

namespace ktape {

namespace {

constexpr size_t kCpioAlignment = 4;
constexpr uint32_t kPermissions = 07777;

void append(std::vector<std::byte>& bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

}  // namespace

void CpioWriter::folder(std::string_view path, uint32_t permissions) {
  entry(path, S_IFDIR | (permissions & kPermissions), 2, {});
}

void CpioWriter::file(std::string_view path, uint32_t permissions,
                      std::span<const std::byte> content) {
  entry(path, S_IFREG | (permissions & kPermissions), 1, content);
}

// The target is the content of a link (cpio newc).
void CpioWriter::link(std::string_view path, std::string_view target) {
  entry(path, S_IFLNK | 0777, 1, std::as_bytes(std::span(target)));
}

std::vector<std::byte> CpioWriter::finish() {
  last_inode_ = ~0U;  // the trailer's is 0
  entry("TRAILER!!!", 0, 1, {});
  return std::exchange(bytes_, {});
}

void CpioWriter::entry(std::string_view path, uint32_t mode, uint32_t links,
                       std::span<const std::byte> content) {
  // Magic, inode, mode, owner, group, links, time, size, device, device of a device file, size of
  // the name including NUL, checksum (used only by another format). Each is eight hex digits. Owner
  // 0 and time 0, so that the same files give the same archive and digest.
  const std::string header = fmt::format(
      "070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
      ++last_inode_, mode, 0, 0, links, 0, content.size(), 0, 0, 0, 0, path.size() + 1, 0);
  append(bytes_, std::as_bytes(std::span(header)));
  append(bytes_, std::as_bytes(std::span(path)));
  // Padding counts from the start of the archive, not of the entry.
  bytes_.push_back(std::byte{0});
  pad();
  append(bytes_, content);
  pad();
}

void CpioWriter::pad() {
  bytes_.resize((bytes_.size() + kCpioAlignment - 1) / kCpioAlignment * kCpioAlignment);
}

}  // namespace ktape

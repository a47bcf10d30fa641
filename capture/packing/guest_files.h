// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/digest.h"
#include "schema/base/result.h"

namespace ktape {

// A file that the guest was given, for the tape.
struct PackedFile {
  std::string path;  // in the guest, absolute
  uint64_t bytes = 0;
  Digest digest{};  // of its content
};

// The files that a guest gets besides the agent. Guest paths are absolute; parent folders are
// created. A file added later replaces one with the same path.
class GuestFiles {
 public:
  // Adds a host file; reads it now and follows links. kUsage if a parent of the path is not a
  // folder in the guest, if the file cannot be packed, or if the path is '/init', which is the
  // agent.
  [[nodiscard]] Result<void> add_file(const std::string& guest_path, const std::string& host_path);
  // Adds a file that does not exist on the host, readable by everybody.
  [[nodiscard]] Result<void> add_content(const std::string& guest_path,
                                         std::span<const std::byte> content);
  [[nodiscard]] Result<void> add_link(const std::string& guest_path, const std::string& target);
  // Like add_file, but only if the path does not exist yet; follows links in the guest.
  [[nodiscard]] Result<void> add_missing_file(const std::string& guest_path,
                                              const std::string& host_path);
  // Adds everything in a folder: files, folders and symbolic links. kUsage for anything else.
  [[nodiscard]] Result<void> add_overlay(const std::string& host_folder);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  // The path with all links resolved as the guest's kernel will; unchanged if they form a loop.
  [[nodiscard]] std::string resolve(const std::string& guest_path) const;
  // Content of a regular file, following links; nothing if there is none. Valid until the next add.
  [[nodiscard]] std::optional<std::span<const std::byte>> content(
      const std::string& guest_path) const;
  // Paths of the regular files, and whether one is executable.
  [[nodiscard]] std::vector<std::string> paths() const;
  [[nodiscard]] bool is_executable(const std::string& guest_path) const;
  // The regular files, sorted by path.
  [[nodiscard]] std::vector<PackedFile> files() const;
  // All files, as an initramfs archive.
  [[nodiscard]] std::vector<std::byte> archive() const;

 private:
  enum class Kind { kFolder, kFile, kLink };
  struct Entry {
    Kind kind = Kind::kFolder;
    uint32_t permissions = 0;
    std::vector<std::byte> content;  // of a file, or the target of a link
  };

  Result<void> add(const std::string& guest_path, Entry entry);

  std::map<std::string, Entry> entries_;  // a folder sorts before its contents
  uint64_t bytes_ = 0;
};

}  // namespace ktape

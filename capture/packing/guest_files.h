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

// A file that a guest was given, for the tape.
struct PackedFile {
  std::string path;  // in the guest, from '/'
  uint64_t bytes = 0;
  Digest digest{};  // of its content
};

// The files that a guest gets besides the agent. Guest paths are absolute; the folders that lead to
// them are made. What is added later takes the place of what had its path before.
class GuestFiles {
 public:
  // A file of the host, read now, links followed. kUsage where the path leads through something
  // that is no folder in the guest, is not one that can be packed, or is '/init', which is the
  // agent.
  [[nodiscard]] Result<void> add_file(const std::string& guest_path, const std::string& host_path);
  // A file that the host does not have; everybody may read it.
  [[nodiscard]] Result<void> add_content(const std::string& guest_path,
                                         std::span<const std::byte> content);
  [[nodiscard]] Result<void> add_link(const std::string& guest_path, const std::string& target);
  // The same of what is not there yet, links in the guest followed.
  [[nodiscard]] Result<void> add_missing_file(const std::string& guest_path,
                                              const std::string& host_path);
  // Everything in a folder, as it is there: files, folders, symbolic links. kUsage for anything
  // else.
  [[nodiscard]] Result<void> add_overlay(const std::string& host_folder);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  // The path itself once all links on the way are followed, as the guest's kernel will; as it is
  // where they lead in circles.
  [[nodiscard]] std::string resolve(const std::string& guest_path) const;
  // Content of a regular file, links followed; nothing where there is none. Valid until something
  // is added.
  [[nodiscard]] std::optional<std::span<const std::byte>> content(
      const std::string& guest_path) const;
  // Paths of the regular files, and of those that may be executed.
  [[nodiscard]] std::vector<std::string> paths() const;
  [[nodiscard]] bool is_executable(const std::string& guest_path) const;
  // The regular files, by path.
  [[nodiscard]] std::vector<PackedFile> files() const;
  // All of it, as an initramfs archive.
  [[nodiscard]] std::vector<std::byte> archive() const;

 private:
  enum class Kind { kFolder, kFile, kLink };
  struct Entry {
    Kind kind = Kind::kFolder;
    uint32_t permissions = 0;
    std::vector<std::byte> content;  // of a file; the target of a link
  };

  Result<void> add(const std::string& guest_path, Entry entry);

  std::map<std::string, Entry> entries_;  // a folder sorts before what is in it
  uint64_t bytes_ = 0;
};

}  // namespace ktape

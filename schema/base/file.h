// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/base/page_buffer.h"
#include "schema/base/result.h"

namespace ktape {

// Owns a file descriptor; -1 means none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

// The whole file, also one without a size (in /proc). kNotFound if it does not exist, kBadInput if
// it is over `limit_bytes`, else kHost, with the path. Never holds more than `limit_bytes` and one
// chunk.
[[nodiscard]] Result<std::vector<std::byte>> read_file(const std::string& path, size_t limit_bytes);
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, size_t limit_bytes);
[[nodiscard]] Result<PageBuffer> read_file_to_pages(const std::string& path, size_t limit_bytes);

// The folders in the environment variable PATH, in order; empty ones, which would mean the current
// folder, are left out.
[[nodiscard]] std::vector<std::string> path_folders();

// Folder of the running executable, links resolved: programs and data are found relative to it.
[[nodiscard]] Result<std::string> executable_folder();

// The data that is shipped with the running executable: PREFIX/share/ktape, where the executable is
// in PREFIX/bin or PREFIX/libexec/ktape.
[[nodiscard]] Result<std::string> data_folder();
// The same for an executable in this folder.
[[nodiscard]] std::string data_folder_of(std::string_view executable_folder);

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// A new file that may have holes. It is removed again unless it is finished.
class SparseFile {
 public:
  // kUsage if the file exists.
  [[nodiscard]] static Result<SparseFile> create(const std::string& path);
  SparseFile(SparseFile&&) = default;
  SparseFile& operator=(SparseFile&&) = delete;
  ~SparseFile();

  [[nodiscard]] Result<void> write(uint64_t offset, std::span<const std::byte> bytes);
  // Sets its length, and keeps it.
  [[nodiscard]] Result<void> finish(uint64_t bytes);

 private:
  SparseFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  UniqueFd fd_;
};

}  // namespace ktape

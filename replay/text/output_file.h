// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace ktape {

// A file that is being written. Never replaces another file, and is removed if it is not finished.
// "-" is standard output.
class OutputFile {
 public:
  // kUsage if the file exists.
  [[nodiscard]] static Result<OutputFile> create(const std::string& path);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  [[nodiscard]] Result<void> write(std::string_view bytes);
  // The file is complete. Nothing is written after this.
  [[nodiscard]] Result<void> finish();

 private:
  OutputFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}

  std::string path_;
  std::FILE* file_;  // null: finished
};

}  // namespace ktape

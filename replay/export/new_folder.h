// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "schema/base/result.h"

namespace ktape {

// A folder for an export. Until it is finished it is named PATH.partial.XXXXXX, so that PATH is
// there at once and complete, or not at all. It is removed if it is not finished; a program that is
// killed leaves the .partial.
class NewFolder {
 public:
  // kUsage if there is something of that name.
  [[nodiscard]] static Result<NewFolder> create(const std::string& path);
  ~NewFolder();
  NewFolder(NewFolder&& other) noexcept;
  NewFolder& operator=(NewFolder&&) = delete;

  // The path of a file in it, for now.
  [[nodiscard]] std::string file(const std::string& name) const { return partial_ + "/" + name; }
  // All files are complete. Nothing is written after this.
  [[nodiscard]] Result<void> finish();

 private:
  NewFolder(std::string path, std::string partial)
      : path_(std::move(path)), partial_(std::move(partial)) {}

  std::string path_;
  std::string partial_;  // empty: finished
};

}  // namespace ktape

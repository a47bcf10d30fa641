// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/base/result.h"
#include "schema/tape/database.h"

namespace ktape {

// A folder for a copy; the destructor removes it.
class CopyFolder {
 public:
  CopyFolder() = default;
  ~CopyFolder();
  CopyFolder(CopyFolder&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  CopyFolder& operator=(CopyFolder&& other) noexcept;

  [[nodiscard]] static Result<CopyFolder> make();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A tape's database, opened for reading with every precaution for an untrusted file.
struct TapeSource {
  CopyFolder copy;  // of a recording; declared first, so that it outlives the connection
  Database database;
  bool recording =
      false;  // opened from a copy with its write-ahead log, which was never merged into it
};

// kNotFound; kBadInput if it is not a tape or has a later format. The tables are not checked yet.
[[nodiscard]] Result<TapeSource> open_source(const std::string& path);

// Whether a sealed tape's file has all of its bytes: else kBadInput. Cheap: reads the header only.
[[nodiscard]] Result<void> check_length(const std::string& path);

// Whether a sealed tape's file is in rollback-journal mode and consists of exactly the database's
// pages: else kBadInput.
[[nodiscard]] Result<void> check_file(const std::string& path);

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// What a part of a tape takes of the file.
struct SizePart {
  std::string group;   // "records", "blobs", "memory", "tables", "sqlite"
  std::string name;    // "opReplied", "btf", "kernel_op"; safe to print
  uint64_t count = 0;  // of records, blobs, pages or rows; 0 where counting makes no sense
  uint64_t bytes = 0;
};

struct TapeSize {
  uint64_t file_bytes = 0;      // with the write-ahead log's content, for a recording
  std::vector<SizePart> parts;  // add up to file_bytes
};

// Where the bytes of a tape are. What SQLite adds to the content of the large tables (page headers,
// cell headers, space that is free in a page) stands by itself, as do its schema and unused pages;
// small tables are counted by whole pages. kHost where SQLite cannot tell (it has no dbstat).
[[nodiscard]] Result<TapeSize> measure_tape(const std::string& path);

}  // namespace ktape

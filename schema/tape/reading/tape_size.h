// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/base/result.h"

namespace ktape {

// The share of a part of a tape in the file.
struct SizePart {
  std::string group;   // "records", "blobs", "memory", "tables", "sqlite"
  std::string name;    // "opReplied", "btf", "kernel_op"; safe to print
  uint64_t count = 0;  // of records, blobs, pages or rows; 0 if it cannot be counted
  uint64_t bytes = 0;
};

struct TapeSize {
  uint64_t file_bytes = 0;      // with the write-ahead log's content, for a recording
  std::vector<SizePart> parts;  // add up to file_bytes
};

// Where the bytes of a tape are. What SQLite adds to the content of the large tables (page headers,
// cell headers, free space in a page) is a part of its own, as are its schema and unused pages;
// small tables are counted in whole pages. kHost if SQLite cannot report it (it has no dbstat).
[[nodiscard]] Result<TapeSize> measure_tape(const std::string& path);

}  // namespace ktape

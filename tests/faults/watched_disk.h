// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ktape::test {

// One thing that a disk was told to do to a file of the folder, or to its names.
struct DiskOp {
  enum class Kind { kCreate, kWrite, kTruncate, kSync, kDelete, kRename, kSyncFolder };
  Kind kind = Kind::kSync;
  std::string name;     // of the file
  uint64_t offset = 0;  // write: where; truncate: the size
  std::vector<std::byte> bytes;
  std::string to;  // rename
};

// While one lives, all that SQLite does to files, and what the tape's writer itself syncs and
// renames, comes by here before it is done for real: it can be noted, or fail. One at a time; one
// thread. Programs that use it wrap fsync() and renameat2() when they are linked.
class WatchedDisk {
 public:
  // Returns 0, or an errno with which the operation fails. Of a write that fails, the first half is
  // done.
  using Watcher = std::function<int(const DiskOp&)>;

  // `folder`: only what is in it is watched.
  WatchedDisk(std::string folder, Watcher watcher);
  ~WatchedDisk();
  WatchedDisk(const WatchedDisk&) = delete;
  WatchedDisk& operator=(const WatchedDisk&) = delete;
};

}  // namespace ktape::test

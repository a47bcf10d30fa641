// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ktape::test {

// One operation of a disk on a file of the folder, or on its names.
struct DiskOp {
  enum class Kind { kCreate, kWrite, kTruncate, kSync, kDelete, kRename, kSyncFolder };
  Kind kind = Kind::kSync;
  std::string name;     // of the file
  uint64_t offset = 0;  // write: where; truncate: the size
  std::vector<std::byte> bytes;
  std::string to;  // rename
};

// While one exists, all file operations of SQLite, and the syncs and renames of the tape's writer,
// pass through it before they are executed: it can record them or make them fail. One at a time;
// one thread. Programs that use it wrap fsync() and renameat2() at link time.
class WatchedDisk {
 public:
  // Returns 0, or an errno with which the operation fails. The first half of a write that fails is
  // done.
  using Watcher = std::function<int(const DiskOp&)>;

  // `folder`: only files in it are watched.
  WatchedDisk(std::string folder, Watcher watcher);
  ~WatchedDisk();
  WatchedDisk(const WatchedDisk&) = delete;
  WatchedDisk& operator=(const WatchedDisk&) = delete;
};

}  // namespace ktape::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/faults/watched_disk.h"

namespace ktape::test {

// The content of a disk, and the operations since its last sync: a model of a disk that keeps what
// was synced, and any part of later operations, in any order. A file's name is kept once its folder
// was synced.
class PowerCutDisk {
 public:
  // `ignores_syncs`: a disk that lies, and keeps nothing for certain.
  explicit PowerCutDisk(bool ignores_syncs) : ignores_syncs_(ignores_syncs) {}

  // `op` outlives the disk.
  void apply(const DiskOp& op);

  // Writes to `folder` the files that remain if the power is cut now. What remains of unsynced
  // writes is random: none, all, or any of its sectors of 512 bytes, some of them half.
  void cut(std::mt19937_64& random, const std::string& folder) const;

 private:
  struct File {
    std::vector<std::byte> synced;
    std::vector<const DiskOp*> pending;
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;
  struct NameChange {
    const DiskOp* op;
    std::shared_ptr<File> file;  // create
  };

  static void change(const NameChange& change, Names& names);

  const bool ignores_syncs_;
  Names names_;  // as a program sees them
  Names synced_names_;
  std::vector<NameChange> pending_names_;
};

}  // namespace ktape::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace ktape::test {

// The tape under attack: of a fake kernel, with memory at two freezes, a write, reads, and rows in
// most tables.
void make_victim(const std::string& path);

// A tape after tampering.
struct Attack {
  std::string name;
  std::function<void(const std::string& path)>
      apply;                        // to a copy of the victim; may leave files beside it
  std::string verdict = "altered";  // of ktape verify; "unusable": it is no tape
};

std::vector<Attack> file_attacks();      // the bytes of the file, and what stands beside it
std::vector<Attack> database_attacks();  // what SQLite makes of it
std::vector<Attack> record_attacks();    // records with a chain that holds
std::vector<Attack> blob_attacks();      // pages, types and symbols under their right hashes

}  // namespace ktape::test

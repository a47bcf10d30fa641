// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace ktape::test {

// Edits of a tape with SQLite. Errors are thrown.

// Every row of every table: types and bytes of the cells, blobs and pages as packed. Two tapes have
// the same content exactly if this is the same.
[[nodiscard]] std::string content_of(const std::string& path);

// Replaces the message in the row of a record.
void put_record(const std::string& path, uint64_t seq, std::span<const std::byte> message);

// Recomputes every chain value, as an attacker who rewrites a whole tape would.
void chain_again(const std::string& path);

// Adds a blob with this content under its own hash, and returns the hash as hex digits of an SQL
// literal.
std::string put_blob(const std::string& path, const std::string& name,
                     std::span<const std::byte> content);

// A message of one segment, in stream framing.
[[nodiscard]] std::vector<std::byte> framed(std::span<const uint64_t> words);

}  // namespace ktape::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace ktape::test {

// What one who edits a tape with SQLite can do. What goes wrong is thrown.

// Every row of every table: types and bytes of the cells, blobs and pages as they are packed. Two
// tapes have the same content exactly when this is the same.
[[nodiscard]] std::string content_of(const std::string& path);

// Puts another message into the row of a record.
void put_record(const std::string& path, uint64_t seq, std::span<const std::byte> message);

// Computes every chain value anew, as one who rewrites a whole tape would.
void chain_again(const std::string& path);

// A blob with this content under its own hash, which is returned as the hex digits of an SQL
// literal.
std::string put_blob(const std::string& path, const std::string& name,
                     std::span<const std::byte> content);

// A message of one segment, in stream framing.
[[nodiscard]] std::vector<std::byte> framed(std::span<const uint64_t> words);

}  // namespace ktape::test

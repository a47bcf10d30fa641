// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace ktape {

// What tells a tape from other SQLite files, and its tables. A change of a table is a change of the
// format: see schema/FORMAT.md.
inline constexpr int32_t kApplicationId = 0x6b747065;  // "ktpe"
inline constexpr int32_t kFormatVersion = 2;           // of the tapes that this build writes
inline constexpr size_t kTapePageBytes = 4096;         // of the SQLite file

extern const char* const kTapeTables;        // tape.sql: the recording itself
extern const char* const kProjectionTables;  // projection.sql: derived from it

// The projection tables of a format version, from 1 to kFormatVersion. A version adds tables and
// columns to those of the version before it, and removes none.
[[nodiscard]] const char* projection_tables(int32_t version);

// Limits that a writer keeps and a reader enforces.
inline constexpr size_t kMaxRecordBytes = size_t{16} << 20;
inline constexpr size_t kMaxListElements = size_t{1} << 18;  // of a list in a record
inline constexpr size_t kMaxBlobBytes = size_t{64} << 20;    // decompressed
inline constexpr size_t kMaxBlobsBytes = size_t{256} << 20;  // of all blobs of a tape, decompressed
// Of a blob's name: recorders use a few words.
inline constexpr size_t kMaxBlobNameBytes = 4096;
inline constexpr size_t kPageBytes = 4096;

}  // namespace ktape

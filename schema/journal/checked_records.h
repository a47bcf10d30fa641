// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "schema/base/result.h"
#include "schema/journal/database.h"
#include "schema/journal/reader.h"

namespace ktape {

// JournalReader::for_each with ChainCheck::kRecords, of the tape that is shown as `path`. Records are read in
// batches of half a MiB; while those of one are looked at, and the next is read, a thread of its own hashes:
// half of the work is SHA-256. A batch is looked at when all of it has been hashed, so nothing is seen that
// does not follow from the chain. A tape of one batch is hashed where it is read. At most two batches are in
// memory, of which each may have one record more than half a MiB.
[[nodiscard]] Result<void> for_each_checked(const Database& database, const std::string& path,
                                            const std::function<Result<void>(const RecordView&)>& visit);

}  // namespace ktape

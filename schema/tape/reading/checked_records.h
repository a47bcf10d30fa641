// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/reading/event_cursor.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

// The rest of TapeReader::for_each with ChainCheck::kRecords, of a tape that is shown as `path`:
// from the row after that on which `cursor` stands, whose chain value is `head`. Records are read
// in batches of half a MiB; while those of one are looked at, and the next is read, a thread of its
// own hashes: half of the work is SHA-256. A batch is looked at when all of it has been hashed, so
// nothing is seen that does not follow from the chain. At most two batches are in memory, of which
// each may have one record (of kMaxRecordBytes) more than half a MiB.
[[nodiscard]] Result<void> for_each_ahead(
    EventCursor& cursor, Digest head, const std::string& path,
    const std::function<Result<void>(const RecordView&)>& visit);

// The error of a record that its chain value does not follow from.
[[nodiscard]] Error edited(const std::string& path, Seq seq);

}  // namespace ktape

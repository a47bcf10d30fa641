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

// The rest of TapeReader::for_each with ChainCheck::kRecords, for a tape shown as `path`: from the
// row after the one that `cursor` is on, whose chain value is `head`. Half of the work is SHA-256,
// so records are read in batches of half a MiB, and a thread hashes one batch while the one before
// it is visited and the next one is read. A batch is visited after all of it was hashed, so `visit`
// sees nothing that does not follow from the chain. At most two batches are in memory, each of at
// most half a MiB plus one record (of kMaxRecordBytes).
[[nodiscard]] Result<void> for_each_ahead(
    EventCursor& cursor, Digest head, const std::string& path,
    const std::function<Result<void>(const RecordView&)>& visit);

// The error for a record that its chain value does not follow from. Names the tape, the record and
// `ktape verify`, which finds out what else was changed.
[[nodiscard]] Error edited(const std::string& path, Seq seq);

}  // namespace ktape

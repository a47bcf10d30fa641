// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "replay/tape/freeze.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/record.capnp.h"
#include "schema/tape/reading/reader.h"
#include "schema/wire/owned_message.h"

namespace ktape {

// The records of a tape about one freeze; seq 0: there is none.
struct FreezeRecordSeqs {
  // As given to find_freeze_records(), not a copy.
  const Freeze* freeze = nullptr;
  Seq frozen;
  Seq request;  // the one that the freeze served, or was made for
  Seq reply;
  Seq exited;                      // the first exit of a scheduler after the freeze
  std::set<uint32_t> other_class;  // entries of the request whose task is not in sched_ext
};

// The same records, read: those of one freeze at a time, because a stranger's may be large.
struct FreezeRecords {
  OwnedMessage<schema::FreezeBegan> began;
  OwnedMessage<schema::Frozen> frozen;
  OwnedMessage<schema::OpRequested> request;
  OwnedMessage<schema::OpReplied> reply;
  OwnedMessage<schema::SchedulerExited> exited;
  std::set<uint32_t> other_class;
};

// For each of the freezes, in their order. Reads the tape once for all of them.
[[nodiscard]] Result<std::vector<FreezeRecordSeqs>> find_freeze_records(
    const TapeReader& tape, const std::vector<const Freeze*>& freezes);

// Reads only these records.
[[nodiscard]] Result<FreezeRecords> read_freeze_records(const TapeReader& tape,
                                                        const FreezeRecordSeqs& seqs);

}  // namespace ktape

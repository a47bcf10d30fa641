// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/record.capnp.h"
#include "schema/tape/page_list.h"

namespace ktape {

enum class TapeState {
  kSealed,     // ends with a Sealed record
  kTruncated,  // sealed by salvage from a recording that died
  kUnsealed,   // a recording that died, or one in progress
};

// One record, during its visit by `for_each`.
struct RecordView {
  Seq seq;
  uint16_t kind = 0;  // the union's discriminant; may be one that this build does not know
  bool known = true;  // false: only seq and times of `record` are valid
  schema::Record::Reader record;  // valid inside the callback only
};

// Whether records are checked against the tape's chain while they are read.
enum class ChainCheck {
  kNone,
  kRecords,  // costs a SHA-256 over them; checks only records, verify.h checks everything
};

// Reads a tape that may be untrusted: defensive mode, no memory mapping, bounded sizes, the exact
// schema or an error. Never writes to it: a sealed tape is opened immutable; a `.partial` is first
// copied with its `-wal` to a temporary folder. Memory use does not grow with the tape.
class TapeReader {
 public:
  // kNotFound if there is no such file; kBadInput if it is not a tape, has a later format, or is
  // too damaged to read anything from it. The message names the file; `verify` reports the same.
  // Not verified: a reader that must rely on the content asks for ChainCheck::kRecords or calls
  // verify().
  [[nodiscard]] static Result<std::unique_ptr<TapeReader>> open(const std::string& path);
  ~TapeReader();
  TapeReader(const TapeReader&) = delete;
  TapeReader& operator=(const TapeReader&) = delete;

  [[nodiscard]] TapeState state() const;

  // Every record in order. Stops at the first error of `visit` and returns it. A record that cannot
  // be decoded is kBadInput with its sequence number. With kRecords so is the first record that its
  // chain value does not follow from, and `visit` does not see it; a caller that acts on what it
  // saw must wait for the end.
  [[nodiscard]] Result<void> for_each(const std::function<Result<void>(const RecordView&)>& visit,
                                      ChainCheck chain = ChainCheck::kNone) const;

  // The record with that number alone, not checked against the chain. kNotFound if there is none;
  // else as for_each.
  [[nodiscard]] Result<void> at(Seq seq,
                                const std::function<Result<void>(const RecordView&)>& visit) const;

  // A blob by its key, decompressed and checked against it; kNotFound if there is none.
  [[nodiscard]] Result<std::vector<std::byte>> blob(const Digest& hash) const;

  // What memory held at a freeze, sorted by frame; empty if nothing was kept. The rows are well
  // formed (see PageListOrder), else kBadInput; they are not checked against the Thawed record
  // here. kOutOfRange for more than `limit` rows.
  [[nodiscard]] Result<std::vector<FreezePage>> freeze_pages(uint64_t freeze,
                                                             size_t limit = kMaxFreezeRows) const;

  // The 4096 bytes of a page, checked against their hash; kNotFound if there is none.
  [[nodiscard]] Result<std::vector<std::byte>> page(const Digest& hash) const;

  [[nodiscard]] const std::string& path() const;

 private:
  struct Impl;
  explicit TapeReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape

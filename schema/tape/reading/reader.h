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

// One record while `for_each` stands on it.
struct RecordView {
  Seq seq;
  uint16_t kind = 0;  // the union's discriminant; may be one that this build does not know
  bool known = true;  // false: `record` tells seq and times only
  schema::Record::Reader record;  // valid inside the callback only
};

// Whether the records are held against the tape's chain while they are read.
enum class ChainCheck {
  kNone,
  kRecords,  // costs a SHA-256 over them; looks at nothing but records, verify.h at everything
};

// Reads a tape that may come from a stranger: defensive mode, no memory mapping, sizes bounded, the
// exact schema or refusal. Never writes to it: a sealed tape is opened immutable; a `.partial` is
// copied with its `-wal` to a temporary place first. Memory use does not grow with the tape.
class TapeReader {
 public:
  // kNotFound when there is no such file; kBadInput when it is not a tape, or of a later format, or
  // so damaged that nothing can be read from it. The message names the file; `verify` says the same
  // of it.
  [[nodiscard]] static Result<std::unique_ptr<TapeReader>> open(const std::string& path);
  ~TapeReader();
  TapeReader(const TapeReader&) = delete;
  TapeReader& operator=(const TapeReader&) = delete;

  [[nodiscard]] TapeState state() const;

  // Every record in order. Stops at the first error of `visit` and returns it. A record that cannot
  // be decoded is kBadInput with its sequence number. With kRecords so is the first one that its
  // chain value does not follow from, and `visit` does not see it; whoever acts on what it saw
  // waits for the end.
  [[nodiscard]] Result<void> for_each(const std::function<Result<void>(const RecordView&)>& visit,
                                      ChainCheck chain = ChainCheck::kNone) const;

  // A blob by its key, decompressed and checked against it; kNotFound when there is none.
  [[nodiscard]] Result<std::vector<std::byte>> blob(const Digest& hash) const;

  // What memory held at a freeze, sorted by frame; empty where nothing was kept. The rows have
  // their form (see PageListOrder), else kBadInput; nothing holds them against the Thawed record
  // here. kOutOfRange for more than `limit` of them.
  [[nodiscard]] Result<std::vector<FreezePage>> freeze_pages(uint64_t freeze,
                                                             size_t limit = kMaxFreezeRows) const;

  // The 4096 bytes of a page, checked against their hash; kNotFound when there is none.
  [[nodiscard]] Result<std::vector<std::byte>> page(const Digest& hash) const;

  [[nodiscard]] const std::string& path() const;

 private:
  struct Impl;
  explicit TapeReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape

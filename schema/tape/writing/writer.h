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

// What identifies and describes a finished tape.
struct SealedTape {
  std::string path;
  Digest head{};            // chain value of the last record; `verify --expect` compares it
  uint64_t records = 0;     // the Sealed record included
  uint64_t bytes = 0;       // of the file
  uint64_t pages = 0;       // pages of guest memory, each content once
  uint64_t page_bytes = 0;  // their size, compressed
  // The `.partial` or its folder was removed or moved during the recording: the tape is a copy of
  // its content, in the recreated folder.
  bool partial_was_gone = false;
};

// What a freeze's Thawed record says about its pages.
struct PagesKept {
  uint64_t pages = 0;  // rows with a page; zero pages are not counted
  Digest digest{};     // over the sorted rows
};

// Writes one tape. During writing it is `PATH.partial` with its `-wal`, in exclusive locking mode;
// `seal` makes it PATH. A writer destroyed without sealing leaves the `.partial`. One thread. After
// an error of the database every later call fails with that error.
class TapeWriter {
 public:
  // kUsage if PATH already exists, or if another writer is recording to it (or left a `.partial`):
  // nothing is ever overwritten. kHost if the folder is not writable.
  [[nodiscard]] static Result<std::unique_ptr<TapeWriter>> create(const std::string& path);
  ~TapeWriter();
  TapeWriter(const TapeWriter&) = delete;
  TapeWriter& operator=(const TapeWriter&) = delete;

  // Appends one record: `fill` sets its union member; seq and times are set here. The record and
  // its projection rows belong to the current group, which `commit` makes durable. If `fill` throws
  // (Cap'n Proto), the record is not appended and the writer stays usable.
  [[nodiscard]] Result<Seq> append(HostNs host, GuestNs guest,
                                   const std::function<void(schema::Record::Builder)>& fill);

  // Commits everything since the last commit: the death of the process loses none of it.
  [[nodiscard]] Result<void> commit();

  // Stores a named blob, each content once, compressed. Returns SHA-256 of `bytes`, its key.
  [[nodiscard]] Result<Digest> add_blob(std::string_view name, std::span<const std::byte> bytes);

  // Stores a page of guest memory (4096 bytes, else kUsage), each content once, compressed; a known
  // content costs only its SHA-256, which is returned. A page must belong to a freeze: it goes into
  // one group with the rows below that name it and with that freeze's Thawed record. `commit` only
  // after that.
  [[nodiscard]] Result<Digest> add_page(std::span<const std::byte> bytes);

  // Records what memory held at a freeze: rows sorted by frame, without overlap, each a page that
  // was added or a run of zero frames. Once per freeze; `freeze` is used, not the number in the
  // rows. Returns the values for the Thawed record. kUsage, and nothing written, for rows that are
  // not of that form; kOutOfRange for more than kMaxFreezeRows.
  [[nodiscard]] Result<PagesKept> add_freeze_pages(uint64_t freeze,
                                                   std::span<const FreezePage> rows);

  // Seals: appends the Sealed record, whose counts and digests are filled in here after `fill`,
  // checkpoints, leaves WAL mode, syncs, renames without replacing, syncs the folder. The writer
  // cannot be used afterwards. If PATH is taken, the complete tape stays as `.partial` and the
  // error says so; if the disk is full, the records stay in `.partial` and its `-wal`, from which
  // salvage makes the tape. If the `.partial` is gone, or is another recorder's, PATH is made from
  // the file that is still open.
  [[nodiscard]] Result<SealedTape> seal(HostNs host,
                                        const std::function<void(schema::Sealed::Builder)>& fill);

  // Gives up before anything worth keeping was recorded: removes the `.partial`. The writer cannot
  // be used afterwards.
  void discard();

  // Bytes of the tape on the disk so far. A record counts once it is committed.
  [[nodiscard]] uint64_t bytes() const;

  // Path of the tape during writing.
  [[nodiscard]] const std::string& partial_path() const;

 private:
  struct Impl;
  explicit TapeWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape

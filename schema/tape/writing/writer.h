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

// What a finished tape is known by.
struct SealedTape {
  std::string path;
  Digest head{};            // chain value of the last record; `verify --expect` compares it
  uint64_t records = 0;     // the Sealed record included
  uint64_t bytes = 0;       // of the file
  uint64_t pages = 0;       // pages of guest memory, each content once
  uint64_t page_bytes = 0;  // that they take, compressed
  // Somebody removed or moved the `.partial`, or its folder, while it was recorded: the tape is a
  // copy of what was in it, in the folder made anew.
  bool partial_was_gone = false;
};

// What a freeze's Thawed record says about its pages.
struct PagesKept {
  uint64_t pages = 0;  // rows with a page, zero ones not counted
  Digest digest{};     // over the sorted rows
};

// Writes one tape. While it is written it is `PATH.partial` with its `-wal`, held in exclusive
// locking mode; `seal` makes it PATH. A writer that goes away without sealing leaves the
// `.partial`. One thread. After an error of the database every later call fails with that error.
class TapeWriter {
 public:
  // kUsage when PATH exists already, or when another writer is at work on it (or left a
  // `.partial`): nothing is ever overwritten. kHost when the folder cannot be written.
  [[nodiscard]] static Result<std::unique_ptr<TapeWriter>> create(const std::string& path);
  ~TapeWriter();
  TapeWriter(const TapeWriter&) = delete;
  TapeWriter& operator=(const TapeWriter&) = delete;

  // Appends one record: `fill` sets its union member; seq and times are set here. The record and
  // its rows of the projection belong to the current group, which `commit` makes durable. An
  // `fill` that throws (Cap'n Proto) leaves the tape without the record and the writer usable.
  [[nodiscard]] Result<Seq> append(HostNs host, GuestNs guest,
                                   const std::function<void(schema::Record::Builder)>& fill);

  // Commits what was appended since the last commit: the death of the process loses none of it.
  [[nodiscard]] Result<void> commit();

  // Keeps a named blob, once per content, compressed. Returns SHA-256 of `bytes`, its key.
  [[nodiscard]] Result<Digest> add_blob(std::string_view name, std::span<const std::byte> bytes);

  // Keeps a page of guest memory (4096 bytes, else kUsage), once per content, compressed; a content
  // that is there already costs its SHA-256, which is returned. A page must belong to a freeze: it
  // goes into one group with the rows below that name it and with that freeze's Thawed record. Only
  // then `commit`.
  [[nodiscard]] Result<Digest> add_page(std::span<const std::byte> bytes);

  // Says what memory held at a freeze: rows sorted by frame, without overlap, each a page that was
  // added or a run of zero frames. Once per freeze; `freeze` counts, not what the rows say of it.
  // Returns what the Thawed record has to say. kUsage, and nothing written, for rows that are not
  // of that form; kOutOfRange for more than kMaxFreezeRows.
  [[nodiscard]] Result<PagesKept> add_freeze_pages(uint64_t freeze,
                                                   std::span<const FreezePage> rows);

  // Seals: appends the Sealed record, whose counts and digests are filled in here after `fill`,
  // checkpoints, leaves WAL mode, syncs, renames without replacing, syncs the folder. The writer
  // is spent. When the rename finds PATH taken, the tape stays whole as `.partial` and the error
  // says so; when the disk is full, the records stay in `.partial` and its `-wal`, from which
  // salvage makes the tape. When the `.partial` is not there any more, or is another recorder's,
  // PATH is made from the file that is still open.
  [[nodiscard]] Result<SealedTape> seal(HostNs host,
                                        const std::function<void(schema::Sealed::Builder)>& fill);

  // Gives up before anything worth keeping was recorded: removes the `.partial`. The writer is
  // spent.
  void discard();

  // That the tape takes on the disk so far. What was appended counts from its commit on.
  [[nodiscard]] uint64_t bytes() const;

  // Where the tape is while it is written.
  [[nodiscard]] const std::string& partial_path() const;

 private:
  struct Impl;
  explicit TapeWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "schema/base/digest.h"
#include "schema/base/file.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/record.capnp.h"
#include "schema/tape/codec.h"
#include "schema/tape/database.h"
#include "schema/tape/message.h"
#include "schema/tape/page_list.h"
#include "schema/tape/projection/projection_tables.h"
#include "schema/tape/tape_counts.h"
#include "schema/tape/writing/writer.h"

namespace ktape {

// The database of a tape during writing, in finished rows. TapeWriter, which makes records, and
// salvage, which copies them, are built on it. An error of the database is sticky: every later call
// returns it.
class TapeStore {
 public:
  // Claims `PATH.partial` and makes the tables. kUsage if PATH or a recording of it exists; kHost
  // if it cannot be created. Until seal(), finish() or abandon() the file belongs to this process
  // alone.
  [[nodiscard]] static Result<std::unique_ptr<TapeStore>> create(const std::string& path);

  // Adds the encoded record whose seq is `next_seq()`. kBadInput for another seq or a record that
  // cannot be decoded; that error is not sticky.
  [[nodiscard]] Result<void> add_record(std::span<const std::byte> message);
  // Does nothing if the hash already exists.
  [[nodiscard]] Result<void> add_blob(const Digest& hash, std::string_view name, int64_t codec,
                                      std::span<const std::byte> data);
  [[nodiscard]] Result<void> add_page(const Digest& hash, int64_t codec,
                                      std::span<const std::byte> data);
  [[nodiscard]] Result<void> add_freeze_page(const FreezePage& row);

  // Makes durable, as one group, what was added since the last commit: a reader or a crash sees all
  // of it or nothing. Against the death of this process at once, against a power cut from the next
  // checkpoint on (synchronous=NORMAL).
  [[nodiscard]] Result<void> commit();
  // Adds the Sealed record, its counts after `fill`; makes one durable file of it, named PATH.
  [[nodiscard]] Result<SealedTape> seal(HostNs host,
                                        const std::function<void(schema::Sealed::Builder)>& fill);
  // Makes one durable file of it, named PATH; the last record added is Sealed.
  [[nodiscard]] Result<SealedTape> finish();

  // Closes and removes the `.partial`; false if it is complete already. Every later call fails.
  bool abandon();

  [[nodiscard]] Seq next_seq() const { return Seq(counts_.records + 1); }
  [[nodiscard]] const Digest& head() const { return head_; }
  [[nodiscard]] bool has_blob(const Digest& hash) const { return counts_.blobs.contains(hash); }
  [[nodiscard]] bool has_page(const Digest& hash) const { return pages_.contains(hash); }
  [[nodiscard]] const std::string& partial_path() const { return partial_; }
  // Bytes of the tape on the disk so far, including its '-wal'.
  [[nodiscard]] uint64_t bytes() const;

 private:
  TapeStore(std::string path, UniqueFd file, Database database);
  [[nodiscard]] static Result<std::unique_ptr<TapeStore>> open_claimed(const std::string& path);
  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] Result<void> insert(Statement& statement);
  [[nodiscard]] Result<void> insert_record(uint16_t kind, std::span<const std::byte> message,
                                           const std::vector<Row>& rows);
  [[nodiscard]] Result<void> end_group();
  void release_statements();
  [[nodiscard]] Result<void> fold_log();
  [[nodiscard]] Result<void> close_database();
  [[nodiscard]] Result<void> close_nameless(const std::string& copy);
  [[nodiscard]] Result<SealedTape> finish_nameless();
  [[nodiscard]] Result<SealedTape> publish_whole(const std::string& from);
  [[nodiscard]] Result<void> stick(Result<void> result);

  std::string path_;
  std::string partial_;
  // The database's file, even if its name is gone. Closed after the database: closing any
  // descriptor of a file drops the process's locks on it.
  UniqueFd file_;
  Database database_;
  Statement begin_;
  Statement commit_;
  Statement insert_event_;
  Statement insert_blob_;
  Statement insert_page_;
  Statement insert_freeze_page_;
  ProjectionTables projection_;
  RecordDecoder decoder_;
  Result<void> state_;  // the sticky error
  bool in_group_ = false;
  Digest head_{};
  TapeCounts counts_;
  std::set<Digest> pages_;
  PackedRows packed_blobs_;
  PackedRows packed_pages_;
};

}  // namespace ktape

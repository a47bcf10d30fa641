// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/journal/codec.h"
#include "schema/journal/database.h"
#include "schema/journal/message.h"
#include "schema/journal/writer.h"
#include "schema/record.capnp.h"

namespace ktape {

// SHA-256 over hash and name of every blob, sorted by hash: what Sealed.blobsDigest says.
[[nodiscard]] Digest blobs_digest(const std::map<Digest, std::string>& names);

// What a tape holds, as its Sealed record says it.
struct TapeCounts {
  uint64_t records = 0;
  std::map<uint16_t, uint64_t> kinds;
  uint64_t pages = 0;
  std::map<Digest, std::string> blobs;  // names by hash
};

void write_counts(const TapeCounts& counts, schema::Sealed::Builder sealed);

// The database of a tape while it is written, in finished rows: beneath JournalWriter, which makes
// records, and salvage, which copies them. The first error sticks: every later call returns it.
class TapeStore {
 public:
  [[nodiscard]] static Result<std::unique_ptr<TapeStore>> create(const std::string& path);

  // `message` is `record`, encoded; its seq is `next_seq()`.
  [[nodiscard]] Result<void> add_record(schema::Record::Reader record, std::span<const std::byte> message);
  // Nothing happens when the hash is there already.
  [[nodiscard]] Result<void> add_blob(const Digest& hash, std::string_view name, int64_t codec,
                                      std::span<const std::byte> data);
  [[nodiscard]] Result<void> commit();
  // Makes the file whole, durable and PATH. The last record has to be Sealed.
  [[nodiscard]] Result<SealedTape> finish();

  [[nodiscard]] Seq next_seq() const { return Seq(counts_.records + 1); }
  [[nodiscard]] const TapeCounts& counts() const { return counts_; }
  [[nodiscard]] bool has_blob(const Digest& hash) const { return counts_.blobs.contains(hash); }
  [[nodiscard]] const std::string& partial_path() const { return partial_; }

 private:
  TapeStore(std::string path, Database database);
  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<void> insert_record(schema::Record::Reader record, std::span<const std::byte> message);
  [[nodiscard]] Result<void> insert_blob(const Digest& hash, std::string_view name, int64_t codec,
                                         std::span<const std::byte> data);
  [[nodiscard]] Result<void> end_group();
  [[nodiscard]] Result<void> close_database();
  [[nodiscard]] Result<void> stick(Result<void> result);

  std::string path_;
  std::string partial_;
  Database database_;
  Statement begin_;
  Statement commit_;
  Statement insert_event_;
  Statement insert_blob_;
  Result<void> state_;  // the error that sticks
  bool in_group_ = false;
  Digest head_{};
  TapeCounts counts_;
};

}  // namespace ktape

// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/copy/tape_copy.h"

#include <algorithm>

#include "schema/tape/chain.h"
#include "schema/tape/codec.h"
#include "schema/tape/reading/event_cursor.h"
#include "schema/tape/tables.h"

namespace ktape {

namespace {

// The next record, if it is intact; false after the last.
Result<bool> copy_next(EventCursor& cursor, TapeCopy& copy) {
  KTAPE_ASSIGN(bool row, cursor.next());
  if (!row) return false;
  KTAPE_ASSIGN(schema::Record::Reader record, cursor.record());
  // Against the new tape's head: the copy so far is the valid prefix.
  if (!std::ranges::equal(cursor.chain(), next_link(copy.store.head(), cursor.message()))) {
    return cursor.bad("its chain value does not follow from it and the records before it");
  }
  // The new tape gets a seal of its own.
  if (record.isSealed() && !copy.keep_seal) return false;
  if (record.isThawed()) {
    const auto damaged = copy.damaged_freezes.find(record.getThawed().getFreeze());
    if (damaged != copy.damaged_freezes.end())
      return cursor.bad("the pages of its freeze are damaged: " + damaged->second);
  }
  // A record that was valid in the source and is refused here ends the copy like damage.
  if (auto added = copy.store.add_record(cursor.message()); !added.ok()) {
    return cursor.bad(added.error().message);
  }
  copy.last = HostNs(record.getHostNs());
  if (record.isThawed()) copy.thawed.insert(record.getThawed().getFreeze());
  return true;
}

Digest digest_of(std::span<const std::byte> bytes) {
  // A hash of another length gives a digest that no content has.
  Digest digest{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), digest.size()), digest.begin());
  return digest;
}

}  // namespace

Result<void> copy_records(TapeCopy& copy) {
  KTAPE_ASSIGN(EventCursor cursor, EventCursor::all(copy.source));
  for (;;) {
    KTAPE_ASSIGN(bool more, copy_next(cursor, copy));
    if (!more) return {};
  }
}

Result<void> copy_blobs(TapeCopy& copy) {
  KTAPE_ASSIGN(Statement rows,
               copy.source.prepare("SELECT hash, name, codec, data FROM blob ORDER BY rowid"));
  size_t left = kMaxBlobsBytes;
  for (;;) {
    KTAPE_ASSIGN(bool more, rows.step());
    if (!more) return {};
    Digest hash = digest_of(rows.bytes(0));
    auto content = unpack(rows.integer(2), rows.bytes(3), std::min(kMaxBlobBytes, left));
    if (!content.ok() || sha256(*content) != hash) {
      // A blob is left out by itself: records do not depend on it.
      ++copy.blobs_left_out;
      continue;
    }
    left -= content->size();
    // As it is packed: a packed form that unpacks to the same content is kept bit for bit.
    KTAPE_TRY(copy.store.add_blob(hash, rows.text(1), rows.integer(2), rows.bytes(3)));
  }
}

Result<void> copy_freeze_pages(TapeCopy& copy) {
  KTAPE_ASSIGN(Statement rows,
               copy.source.prepare("SELECT freeze, frame, frames, hash FROM freeze_page"));
  for (;;) {
    KTAPE_ASSIGN(bool more, rows.step());
    if (!more) return {};
    FreezePage page{static_cast<uint64_t>(rows.integer(0)), static_cast<uint64_t>(rows.integer(1)),
                    static_cast<uint64_t>(rows.integer(2)), std::nullopt};
    if (!rows.bytes(3).empty()) page.hash = digest_of(rows.bytes(3));
    // Rows of a freeze that has no end: its digest is in the Thawed record, which was never
    // written.
    if (!copy.thawed.contains(page.freeze)) continue;
    KTAPE_TRY(copy.store.add_freeze_page(page));
    if (page.hash) copy.pages.insert(*page.hash);
  }
}

Result<void> copy_pages(TapeCopy& copy) {
  KTAPE_ASSIGN(Statement rows,
               copy.source.prepare("SELECT hash, codec, data FROM page ORDER BY rowid"));
  for (;;) {
    KTAPE_ASSIGN(bool more, rows.step());
    if (!more) return {};
    Digest hash = digest_of(rows.bytes(0));
    // Only pages that a copied list refers to; each once.
    if (copy.pages.erase(hash) != 0) {
      KTAPE_TRY(copy.store.add_page(hash, rows.integer(1), rows.bytes(2)));
    }
  }
}

}  // namespace ktape
